"""Answer prefetch templates from a chart in memory, as an EHR would from its FHIR server.

The subset of https://cds-hooks.hl7.org/2.0/#prefetch-query-restrictions that services use: a read by id, and
a search by patient, codes, category, status and dates, with ``_sort`` and ``_count``. What is not understood
is refused with a reason and never answered approximately: the service would take the answer for the truth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from service.charts import Chart, searchset
from service.documents import Document, elements, mapping, read, string, typed
from service.fhir import dates, r4
from service.fhir.dates import Moment
from service.fhir.references import ID
from service.fhir.whose import Names, Whose, names_of, whose


class Unresolvable(Exception):
    """A template that this resolver does not understand; the message says what."""


_HOLE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_TODAY = re.compile(r"today\(\)(?:\s*([+-])\s*(\d{1,5})\s*(day|week|month|year)s?)?")
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_READ = re.compile(rf"([A-Z][A-Za-z]+)/({ID})")
_SEARCH = re.compile(r"([A-Z][A-Za-z]+)\?(.+)")
_DATE = re.compile(r"(eq|ne|gt|ge|lt|le|sa|eb)?(\d{4}(?:-\d{2}){0,2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?)")

_TOKENS: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "medicationCodeableConcept", "vaccineCode"),
    "category": ("category",),
    "type": ("type",),
    "status": ("status",),
    "intent": ("intent",),
    "clinical-status": ("clinicalStatus",),
    "verification-status": ("verificationStatus",),
    "class": ("class",),
    "_id": ("id",),
}
_BEGUN = ("effective", "performed", "occurrence", "onset")
_INSTANTS: Mapping[str, tuple[str, ...]] = {
    "date": (
        *(f"{stem}{form}" for stem in _BEGUN for form in ("DateTime", "Instant", "Period", "Timing")),
        *("period", "started", "issued", "date", "start", "recordedDate", "authoredOn", "created"),
    ),
    "authored": ("authoredOn",),
    "authoredon": ("authoredOn",),
    "recorded-date": ("recordedDate",),
    "onset-date": ("onsetDateTime",),
    "issued": ("issued",),
    "started": ("started",),
    "_lastUpdated": ("meta",),
}
"""Search parameter -> the elements that it looks at; the first that states a time counts."""


def resolve(template: str, chart: Chart, *, context: Mapping[str, Any], now: datetime) -> Any:
    """The resource or searchset Bundle for one template; None for a resource that the chart lacks.

    Raises Unresolvable with the reason.
    """
    query = _HOLE.sub(lambda hole: _value(hole[1], context, now), template).strip()
    if read := _READ.fullmatch(query):
        kind, identity = read.groups()
        return next((one for one in chart.of(kind) if one.get("id") == identity), None)
    search = _SEARCH.fullmatch(query)
    if search is None:
        raise Unresolvable("it is neither a read by id nor a search")
    return _search(chart, search[1], search[2])


def _value(name: str, context: Mapping[str, Any], now: datetime) -> str:
    if today := _TODAY.fullmatch(name):
        sign, count, unit = today.groups()
        days = int(count or 0) * _DAYS.get(unit, 0)
        return f"{now + timedelta(days=-days if sign == '-' else days):%Y-%m-%d}"
    user_kind = name.removeprefix("user").removesuffix("Id")
    kind, _, identity = string(context.get("userId")).partition("/")
    if name == f"user{user_kind}Id" and user_kind == kind:
        return identity
    value = context.get(name.removeprefix("context.")) if name.startswith("context.") else None
    if not isinstance(value, str):
        raise Unresolvable(f"the context has no text {name!r}")
    return value


def _search(chart: Chart, kind: str, query: str) -> dict[str, Any]:
    found = [(name, unquote(value)) for name, _, value in (part.partition("=") for part in query.split("&"))]
    matches = list(chart.of(kind))
    for name, value in found:
        if name not in ("_sort", "_count", "_format"):
            keeps = _criterion(name, value, chart)
            matches = [one for one in matches if keeps(one)]
    controls = dict(found)
    if "_sort" in controls:
        matches = _sorted(matches, controls["_sort"])
    most = _count(controls.get("_count"))
    page = searchset(matches[:most], is_complete=chart.is_complete and len(matches) <= most)
    return page | {"total": len(matches)}


def _count(text: str | None) -> int:
    if text is None:
        return 10**9
    if not text.isascii() or not text.isdigit():
        raise Unresolvable(f"_count={text} is no number")
    return int(text)


def _criterion(name: str, value: str, chart: Chart) -> Callable[[Document], bool]:
    if name in ("patient", "subject"):
        wanted = {value.removeprefix("Patient/")}
        if wanted != {chart.patient_id}:
            raise Unresolvable("it asks for another patient")
        names = _names(chart)
        return lambda resource: _is_about(resource, names)
    if name in _TOKENS:
        tokens = value.split(",")
        return lambda resource: any(_has_token(resource, name, token) for token in tokens)
    if name in _INSTANTS:
        return _dated(name, value)
    raise Unresolvable(f"the search parameter {name} is not one that this resolver knows")


def _names(chart: Chart) -> Names:
    return names_of(chart.patient_id, next(iter(typed(chart.of("Patient"), r4.Patient)), None))


def _is_about(document: Document, names: Names) -> bool:
    """Whether a resource says that it is this patient's; one that says nothing is found by no search."""
    resource = _as_class(document)
    return any(resource.whose()) and whose(resource, names) is Whose.THIS_PATIENTS


_SUBJECTS = ("subject", "patient", "beneficiary")
"""Where the types that the service does not read name their patient; each has one of these."""


def _as_class(document: Document) -> r4.Resource:
    for one in read([document]):
        return one.resource
    named = [string(mapping(document.get(name)).get("reference")) for name in _SUBJECTS]
    return r4.OfPatient(subject=r4.Reference(reference=next(filter(None, named), None)))


def _has_token(resource: Document, name: str, token: str) -> bool:
    system, bar, code = token.rpartition("|")
    for element in _TOKENS[name]:
        for known_system, known_code in _tokens(resource.get(element)):
            if code in ("", known_code) and (not bar or system == known_system):
                return True
    return False


def _tokens(value: object) -> Iterator[tuple[str, str]]:
    """System and code of what a token search looks at: a code, Codings, CodeableConcepts."""
    if isinstance(value, str):
        yield "", value
    for one in elements(value if isinstance(value, list) else [value]):
        for coding in (*elements(one.get("coding")), *([one] if "code" in one else [])):
            yield string(coding.get("system")), string(coding.get("code"))


def _dated(name: str, value: str) -> Callable[[Document], bool]:
    """Whether the resource's time satisfies ``value``; times are compared by calendar day."""
    tests: list[tuple[str, str]] = []
    for one in value.split(","):
        found = _DATE.fullmatch(one)
        if found is None:
            raise Unresolvable(f"{name}={one} is no date with a prefix")
        tests.append((found[1] or "eq", found[2][:10]))
    return lambda resource: any(_satisfies(_day(resource, name), prefix, day) for prefix, day in tests)


def _satisfies(stated: str, prefix: str, wanted: str) -> bool:
    if not stated:
        return False
    day = stated[: len(wanted)]
    return {
        "eq": day == wanted,
        "ne": day != wanted,
        "gt": day > wanted,
        "sa": day > wanted,
        "ge": day >= wanted,
        "lt": day < wanted,
        "eb": day < wanted,
        "le": day <= wanted,
    }[prefix]


def _day(resource: Document, name: str) -> str:
    moment = _moment(resource, name)
    return moment.astimezone(UTC).date().isoformat() if moment else ""


def _moment(resource: Document, name: str) -> datetime | None:
    found = (_begin(resource.get(element)) for element in _INSTANTS[name])
    return next((moment.instant for moment in found if moment), None)


def _begin(value: object) -> Moment | None:
    """When a dateTime, a Period, a Timing or the last change in a Meta begins."""
    parts = mapping(value)
    events = parts.get("event")
    bounds = mapping(mapping(parts.get("repeat")).get("boundsPeriod"))
    stated = [value, parts.get("start"), *(events if isinstance(events, list) else ()), bounds.get("start")]
    found = (dates.parse(string(one)) for one in (*stated, parts.get("lastUpdated")))
    return next(filter(None, found), None)


def _sorted(matches: list[Document], keys: str) -> list[Document]:
    for key in reversed(keys.split(",")):
        name = key.removeprefix("-")
        if name not in _INSTANTS:
            raise Unresolvable(f"_sort={name} is not an order that this resolver knows")
        oldest = datetime.min.replace(tzinfo=UTC)
        matches = sorted(
            matches,
            key=lambda one: _moment(one, name) or oldest,
            reverse=key.startswith("-"),
        )
    return matches
