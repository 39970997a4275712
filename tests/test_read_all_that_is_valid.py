"""What ``fhir.resources`` accepts is read without a defect: the service is never stricter than FHIR.

Resources are made up from what both know: ``fhir.resources`` says what is allowed (its R4B models are the
same as R4 for the types that are read), the classes of :mod:`service.fhir.r4` say what is looked at.
"""

from __future__ import annotations

import base64
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from service.fhir import r4
from service.fhir.queries import QUERIES
from service.fhir.read import Read, State, read_key, unreadable_dates

pytestmark = pytest.mark.slow

BUNDLES = sorted((Path(__file__).parent.parent / "fhir_fixtures" / "bundles").glob("*.json"))
KEYS = {query.resource_type: key for key, query in QUERIES.items()}

Resource = dict[str, Any]


def is_valid(resource: Resource) -> bool:
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValidationError:
        return False
    return True


def faults_of(resource: Resource) -> list[object]:
    """What the reader has against a resource."""
    if resource["resourceType"] == "Medication":
        reading = read_key("medicationRequests", [resource])
        return list(reading.faults.told)
    reading = read_key(KEYS[resource["resourceType"]], resource)
    assert reading.state is State.KNOWN
    return [fault for one in reading.read for fault in _faults(one)]


def _faults(one: Read) -> Iterator[object]:
    yield from one.defects
    yield from one.resource.without_contradictions()
    yield from unreadable_dates(one.resource)
    if one.fault:
        yield one.fault


def of_fixtures() -> list[Any]:
    bundles = [orjson.loads(path.read_bytes()) for path in BUNDLES]
    found = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    return [one for one in found if one["resourceType"] in r4.TYPES]


def test_every_resource_of_the_fixtures_is_read() -> None:
    found = of_fixtures()

    assert {one["resourceType"] for one in found} > {"Patient", "Condition", "Observation", "Appointment"}
    assert [(one, faults) for one in found if is_valid(one) and (faults := faults_of(one))] == []


class Shape(NamedTuple):
    """What an element holds: the name of its type in FHIR, and whether there may be several."""

    kind: str
    is_list: bool


def shape_of(annotation: Any) -> Shape:
    """Of an element of a model of ``fhir.resources``."""
    arguments = [one for one in typing.get_args(annotation) if one is not type(None)]
    if typing.get_origin(annotation) is list:
        return Shape(shape_of(arguments[0]).kind, is_list=True)
    if hasattr(annotation, "__metadata__"):
        return Shape(type(annotation.__metadata__[0]).__name__, is_list=False)
    return shape_of(arguments[0]) if arguments else Shape(annotation.__name__.removesuffix("Type"), False)


TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12)
NAMES = st.text("abcXYZ019-.", min_size=1, max_size=12)
DAYS = st.dates().map(str)
TIMES = st.times().map(lambda time: time.isoformat() if time.microsecond else f"{time:%H:%M:%S}")
ZONES = st.sampled_from(["Z", "+00:00", "-05:00", "+14:00", "+05:45"])
INSTANTS = st.builds("{}T{}{}".format, DAYS, TIMES, ZONES)
DATES = DAYS | DAYS.map(lambda day: day[:4]) | DAYS.map(lambda day: day[:7])
BYTES = st.binary(max_size=12).map(lambda data: base64.b64encode(data).decode())
PRIMITIVES: Mapping[str, st.SearchStrategy[Any]] = {
    "String": TEXT,
    "Markdown": TEXT,
    "Code": NAMES,
    "Id": NAMES,
    "Uri": NAMES.map("urn:{}".format),
    "Url": NAMES.map("urn:{}".format),
    "Canonical": NAMES.map("urn:{}".format),
    "Date": DATES,
    "DateTime": DATES | INSTANTS,
    "Instant": INSTANTS,
    "bool": st.booleans(),
    "Boolean": st.booleans(),
    "Integer": st.integers(-(2**31), 2**31 - 1),
    "PositiveInt": st.integers(1, 2**31 - 1),
    "UnsignedInt": st.integers(0, 2**31 - 1),
    "EncodedBytes": BYTES,
    "Base64Binary": BYTES,
    "Xhtml": NAMES.map('<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'.format),
    "Decimal": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30),
}


def _one_of(codes: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(codes.split()).map(lambda code: {"coding": [{"code": code}]})


BOUND: Mapping[tuple[str, str], st.SearchStrategy[Any]] = {
    ("Condition", "clinicalStatus"): _one_of("active recurrence relapse inactive remission resolved"),
    ("Condition", "verificationStatus"): _one_of(
        "unconfirmed provisional differential confirmed refuted entered-in-error"
    ),
}
"""Elements that are bound to a value set, which ``fhir.resources`` does not know."""
# A resource that says that it must not be understood without them is not.
LEFT_OUT = {"implicitRules", "modifierExtension"}


def struct_within(annotation: Any) -> type[msgspec.Struct] | None:
    """The class that reads what is within an element, if one does."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    within = (struct_within(one) for one in typing.get_args(annotation))
    return next(filter(None, within), None)


def codes_of(annotation: Any) -> tuple[str, ...]:
    """The codes that a class of ours reads in an element."""
    if typing.get_origin(annotation) is typing.Literal:
        return tuple(filter(None, typing.get_args(annotation)))
    for one in getattr(annotation, "__metadata__", ()):
        if (pattern := getattr(one, "pattern", None)) and "|" in pattern and "\\d" not in pattern:
            return tuple(filter(None, pattern.strip("^$").removeprefix("(?:").removesuffix(")").split("|")))
    return next(filter(None, (codes_of(one) for one in typing.get_args(annotation))), ())


def codes_allowed(field: FieldInfo, ours: Any) -> tuple[str, ...]:
    """The codes of an element; where ``fhir.resources`` lists only the first, those of ours as well."""
    listed = (field.json_schema_extra or {}).get("enum_values", ["+"])  # type: ignore[union-attr]
    assert isinstance(listed, list)
    several = [*listed, *codes_of(ours)] if "+" in listed else listed
    return tuple(str(one) for one in dict.fromkeys(several) if one != "+")


@cache
def made_up(kind: str, ours: type[msgspec.Struct] | None) -> st.SearchStrategy[Resource]:
    """Elements of a FHIR type: those that have to be there, and those that a class of ours looks at."""
    read = {one.encode_name: one.type for one in msgspec.structs.fields(ours)} if ours else {}
    needed: dict[str, st.SearchStrategy[Any]] = {}
    offered: dict[str, st.SearchStrategy[Any]] = {}
    choices: dict[str, list[tuple[str, st.SearchStrategy[Any]]]] = {}
    for attribute, field in get_fhir_model_class(kind).model_fields.items():
        name = field.alias or attribute
        said: dict[str, Any] = dict(field.json_schema_extra or {})  # type: ignore[arg-type]
        is_needed = field.is_required() or bool(said.get("element_required"))
        if name in LEFT_OUT or not (is_needed or name in read):
            continue
        value = BOUND.get((kind, name), element(field, read.get(name)))
        if choice := said.get("one_of_many"):
            choices.setdefault(choice, []).append((name, value))
        else:
            (needed if is_needed else offered)[name] = value
    return st.tuples(
        st.fixed_dictionaries(needed, optional=offered),
        *[one_of_many(several) for several in choices.values()],
    ).map(lambda parts: {name: value for part in parts for name, value in part.items()})


def one_of_many(several: list[tuple[str, st.SearchStrategy[Any]]]) -> st.SearchStrategy[Resource]:
    return st.one_of(st.just({}), *[st.fixed_dictionaries({name: value}) for name, value in several])


def element(field: FieldInfo, ours: Any) -> st.SearchStrategy[Any]:
    kind, is_list = shape_of(field.annotation)
    codes = codes_allowed(field, ours) if kind == "Code" else ()
    primitive = st.sampled_from(codes) if codes else PRIMITIVES.get(kind)
    value = primitive if primitive is not None else st.deferred(lambda: made_up(kind, struct_within(ours)))
    return st.lists(value, min_size=1, max_size=2) if is_list else value


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize("kind", r4.TYPES)
@given(data=st.data())
def test_every_valid_resource_is_read(kind: str, data: st.DataObject) -> None:
    resource = {"resourceType": kind, **data.draw(made_up(kind, r4.TYPES[kind]))}
    assume(is_valid(resource))

    assert faults_of(resource) == []


@pytest.mark.parametrize("kind", r4.TYPES)
def test_every_element_that_is_read_is_one_of_the_type(kind: str) -> None:
    model = get_fhir_model_class(kind).model_fields
    known = {field.alias or name for name, field in model.items()}
    read = {one.encode_name for one in msgspec.structs.fields(r4.TYPES[kind])}

    assert {name for name in read - known if not name.startswith(" ")} <= {"contained"}
