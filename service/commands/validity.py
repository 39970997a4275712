"""What of a resource is not valid FHIR R4, and what that means for the rules.

``fhir.resources`` knows all of https://hl7.org/fhir/R4/resourcelist.html (its R4B models, the same as R4
for the types that are read) and is strict where real charts are not; :mod:`service.fhir.read` says what it
could not read all the same. The service itself goes by the second only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import msgspec
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from service.documents import Document, read
from service.fhir import dates
from service.fhir.r4 import TYPES


class Effect(IntEnum):
    """What a defect does to the rules."""

    NOT_LOOKED_AT = 0
    READ_ALL_THE_SAME = 1
    NOT_READABLE = 2


class Defect(NamedTuple):
    """One thing that is wrong: the path of the element, and what that does."""

    path: str
    effect: Effect


_Problem: TypeAlias = Mapping[str, Any]
"""One fault that ``fhir.resources`` found: ``loc`` is where, ``type`` what."""

_WHOLE = "resource"
"""The path of what is wrong with a resource as a whole."""


def find_defects(resource: Document) -> tuple[Defect, ...]:
    """What is wrong with a resource of a type that is read, without any of its values."""
    found = read([resource])
    unreadable = [path for one in found for path in (*one.defects, *one.resource.without_contradictions())]
    lost = {_element(path) for path in unreadable}
    defects = [_defect(resource, problem, lost) for problem in _problems(resource)]
    named = {_element(one.path) for one in defects}
    defects += [Defect(path, Effect.NOT_READABLE) for path in unreadable if _element(path) not in named]
    return tuple(dict.fromkeys(defects))


def invalid_paths(resource: Document) -> Iterator[str]:
    """The paths of what is not valid in a resource of any type, whether or not it is read."""
    yield from dict.fromkeys([_path(problem["loc"]) for problem in _problems(resource)])


def _problems(resource: Document) -> list[_Problem]:
    try:
        model = get_fhir_model_class(resource["resourceType"])
    except ValueError:
        return [{"loc": ("resourceType",), "type": "unknown"}]
    try:
        model.model_validate(resource)
    except ValidationError as refusal:
        return [
            {"loc": one["loc"], "type": one["type"]}
            for one in refusal.errors(include_url=False, include_input=False, include_context=False)
        ]
    return []


def _defect(resource: Document, problem: _Problem, lost: set[str]) -> Defect:
    path = _path(problem["loc"])
    element = _element(path)
    if element not in _elements_read(resource["resourceType"]):
        return Defect(path, Effect.NOT_LOOKED_AT)
    is_lost = element in lost or _reads_as_absent(resource, problem)
    return Defect(path, Effect.NOT_READABLE if is_lost else Effect.READ_ALL_THE_SAME)


def _path(location: tuple[str | int, ...]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location]
    return "".join(steps).removeprefix(".") or _WHOLE


def _element(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


@cache
def _elements_read(resource_type: str) -> frozenset[str]:
    """The elements that the class of the type names; what is wrong with the whole concerns each."""
    return frozenset({_WHOLE, *(one.encode_name for one in msgspec.structs.fields(TYPES[resource_type]))})


def _reads_as_absent(resource: Document, problem: _Problem) -> bool:
    """Whether the reader does without: a drug that nothing names, a status, a date that no calendar has."""
    if problem["loc"] in ((), ("status",)):
        return not problem["loc"] or problem["type"].endswith("missing")
    return problem["type"].startswith("date") and dates.parse(_text_at(resource, problem["loc"])) is None


def _text_at(resource: Document, location: tuple[str | int, ...]) -> str | None:
    value: Any = resource
    for step in location:
        if not isinstance(value, dict | list):
            return None
        value = value[step]  # type: ignore[index]  # a name leads into an object, a number into a list
    return value if isinstance(value, str) else None
