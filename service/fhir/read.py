"""From the JSON under a prefetch key to typed resources, each read once, with every entry accounted for.

https://hl7.org/fhir/R4/bundle.html#searchset, https://cds-hooks.hl7.org/2.0/#prefetch-responses-from-the-cds-client.
"Unknown is not no" begins here: what cannot be read leaves its key partial or unknown, with the reason. A
defect takes away the element in which it stands; an element that no class of :mod:`service.fhir.r4` names is
never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

import msgspec

from service.fhir.dates import is_readable
from service.fhir.queries import QUERIES
from service.fhir.r4 import (
    TYPES,
    TYPES_OF_OTHER_RELEASES,
    CodeableConcept,
    Medication,
    Period,
    Resource,
    When,
)


class State(Enum):
    """How completely a section could be read."""

    KNOWN = "known"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


class Fault(Enum):
    """Why a key is not complete; ``cards/phrases.toml`` has the words of each under ``record``."""

    NOT_SENT = "not-sent"
    NOT_READ = "not-read"
    NOT_A_RESOURCE = "not-a-resource"
    NOT_A_BUNDLE = "not-a-bundle"
    OUTCOME = "outcome"
    RESULTS_MISSING = "results-missing"
    FIRST_PAGE = "first-page"
    TOTAL = "fewer-than-total"
    NO_RESOURCE = "no-resource"
    NESTED_BUNDLE = "nested-bundle"
    DEFECT = "defect"
    STATUS_UNKNOWN = "status-unknown"
    NO_NAME = "no-name"
    WITHHELD = "withheld"
    MODIFIER = "modifier"
    OTHER_RELEASE = "other-release"
    UNKNOWN_TYPE = "unknown-type"
    MEDICATION = "medication-not-sent"
    SUBJECT = "subject-not-known"


class Read(NamedTuple):
    """A resource, the paths of its defects, and why it may not be used (None where it may).

    ``full_url`` is its name within its Bundle; ``where`` says of what the reason speaks.
    """

    resource: Resource
    defects: tuple[str, ...] = ()
    fault: Fault | None = None
    where: str = ""
    full_url: str = ""


@dataclass(slots=True)
class Faults:
    """Each fault once, with what it speaks of; beyond the first few they are only counted."""

    told: dict[tuple[Fault, str], None] = field(default_factory=dict)
    more: int = 0

    def note(self, fault: Fault, where: str) -> None:
        """Add one."""
        if len(self.told) < _MOST_TOLD:
            self.told[fault, where] = None
        else:
            self.more += (fault, where) not in self.told


_MOST_TOLD = 20
"""So that no answer grows with what is wrong in a body."""


@dataclass(slots=True)
class Reading:
    """What one prefetch key gave, before anybody has asked whose the resources are.

    ``faults`` says why it is not complete, and of what; ``could_be_completed`` that a FHIR server might give
    what is missing. ``patients`` has the id of each Patient among the entries by its fullUrl;
    ``used_beside`` counts the Medications that came with the orders.
    """

    key: str
    state: State = State.KNOWN
    read: list[Read] = field(default_factory=list)
    medications: dict[str, Medication] = field(default_factory=dict)
    patients: dict[str, str | None] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    used_beside: int = 0
    unreadable: int = 0
    something_else: int = 0
    could_be_completed: bool = False

    def note(self, fault: Fault, where: str = "", *, state: State = State.PARTIAL) -> None:
        """Note why the key is not complete; ``where`` says of which element or entry."""
        if self.state is not State.UNKNOWN:
            self.state = state
        self.faults.note(fault, where)

    def lacks(self, fault: Fault, where: str = "", *, state: State = State.PARTIAL) -> None:
        """Note that something is missing which a FHIR server might give."""
        self.note(fault, where, state=state)
        self.could_be_completed = True


MISSING: Any = object()
"""Stands for a prefetch key that is absent; ``null`` is a value."""


def read_key(key: str, value: Any, *, why_incomplete: str = "") -> Reading:
    """Read the JSON under a prefetch key, or of a FHIR server's answer to its query."""
    reading = Reading(key)
    if isinstance(value, dict):
        _read_object(value, reading)
    elif isinstance(value, list):
        _read_entries([{"resource": one} for one in value], reading)
    elif value is MISSING:
        fault = Fault.NOT_READ if why_incomplete else Fault.NOT_SENT
        reading.lacks(fault, why_incomplete, state=State.UNKNOWN)
    elif value is not None:
        reading.lacks(Fault.NOT_A_RESOURCE, state=State.UNKNOWN)
    if why_incomplete and reading.state is State.KNOWN:
        reading.lacks(Fault.NOT_READ, why_incomplete)
    return reading


def holds_code(bundle: Any, codes: Collection[str]) -> bool:
    """Whether a resource of a Bundle as it was sent is named by one of these codes, whatever its system."""
    entries = bundle.get("entry") if isinstance(bundle, dict) else bundle
    for entry in _listed(entries):
        for coding in _listed(_member(_member(_member(entry, "resource") or entry, "code"), "coding")):
            code = _member(coding, "code")
            if isinstance(code, str) and code in codes:
                return True
    return False


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


class Entry(NamedTuple):
    """A resource of a hook's context as it came, and its name there."""

    resource: Mapping[str, Any]
    full_url: str = ""


def read_resources(entries: Sequence[Entry], key: str) -> Reading:
    """Read the resources of a hook's context: drafts or appointments, of any type that is read."""
    reading = Reading(key)
    without: list[int] = []
    for number, (document, full_url) in enumerate(entries):
        kind = document.get("resourceType")
        if not isinstance(kind, str):
            without.append(number)
        elif kind == "Medication":
            _keep_medication(document, full_url, reading)
        elif kind in TYPES:
            reading.read.append(_read(document, TYPES[kind])._replace(full_url=full_url))
        elif kind == "RequestGroup":
            _read_group(document, entries, reading)
        else:
            _unreadable(reading, Fault.UNKNOWN_TYPE, kind[:_LONGEST_NAME])
    _note_without_resource(without, reading)
    return reading


def _read_group(group: Mapping[str, Any], entries: Iterable[Entry], reading: Reading) -> None:
    """The orders that a RequestGroup contains; those that it refers to have to be among the entries.

    https://hl7.org/fhir/R4/requestgroup.html
    """
    contained = [one for one in _list(group, "contained") if isinstance(one, dict)]
    orders = {f"#{one.get('id')}": one for one in contained if one.get("resourceType") in TYPES}
    known = {f"{one.get('resourceType')}/{one.get('id')}" for one, _name in entries}
    known |= {name for _one, name in entries if name}
    wanted = list(_resources_of(group))
    if not wanted or not known.union(orders).issuperset(wanted):
        _unreadable(reading, Fault.UNKNOWN_TYPE, "RequestGroup")
    for one in orders.values():
        reading.read.append(_read(one, TYPES[one["resourceType"]]))


def _resources_of(part: Mapping[str, Any]) -> Iterator[str]:
    """What the actions of a group refer to, however deep they stand; empty where that is not readable."""
    for action in _list(part, "action"):
        if not isinstance(action, dict):
            yield ""
        elif actions := _list(action, "action"):
            yield from _resources_of({"action": actions})
        else:
            target = action.get("resource")
            name = target.get("reference") if isinstance(target, dict) else ""
            yield name if isinstance(name, str) else ""


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else []


_LONGEST_NAME = 64  # characters of an id or a type that are repeated


def _read_object(value: Mapping[str, Any], reading: Reading) -> None:
    kind, wanted = value.get("resourceType"), QUERIES[reading.key].resource_type
    if kind == "Bundle":
        _read_bundle(value, reading)
    elif kind == wanted:
        reading.read.append(_read(value, TYPES[wanted]))
    elif kind == "OperationOutcome":
        reading.lacks(Fault.OUTCOME, state=State.UNKNOWN)
    else:
        reading.lacks(Fault.NOT_A_BUNDLE, state=State.UNKNOWN)


def _read_bundle(bundle: Mapping[str, Any], reading: Reading) -> None:
    entries = bundle.get("entry")
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        reading.lacks(Fault.NOT_A_BUNDLE, state=State.UNKNOWN)
        return
    _read_entries(entries, reading)
    _note_what_is_missing(bundle, entries, reading)


def _note_what_is_missing(bundle: Mapping[str, Any], entries: list[Any], reading: Reading) -> None:
    """Whether a Bundle says itself that it holds only a part of the results."""
    links, total = bundle.get("link"), bundle.get("total")
    pages = [one for one in links if isinstance(one, dict)] if isinstance(links, list) else []
    if any(one.get("relation") == "next" for one in pages):
        reading.lacks(Fault.FIRST_PAGE)
    elif isinstance(total, int) and total != len(entries):  # some servers count what was included as well
        found = sum([1 for entry in entries if _is_match(entry)])
        if total > found:
            reading.lacks(Fault.TOTAL, f"{found} / {total}")


def _is_match(entry: Any) -> bool:
    search = entry.get("search") if isinstance(entry, dict) else None
    return not isinstance(search, dict) or search.get("mode", "match") == "match"


def _read_entries(entries: list[Any], reading: Reading) -> None:
    wanted = QUERIES[reading.key].resource_type
    kind_wanted = TYPES[wanted]
    without: list[int] = []
    for number, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(resource, dict) or not isinstance(kind, str):
            without.append(number)
        elif kind == wanted:
            if kind == "Patient":
                _name_patient(entry, resource, reading)
            reading.read.append(_read(resource, kind_wanted))
        else:
            _read_other(kind, entry, resource, reading)
    _note_without_resource(without, reading)


def _note_without_resource(numbers: list[int], reading: Reading) -> None:
    """Note the entries without a resource, all at once: a body can hold millions of them."""
    for number in numbers[:_MOST_TOLD]:
        reading.note(Fault.NO_RESOURCE, str(number))
    reading.unreadable += len(numbers)
    reading.faults.more += len(numbers[_MOST_TOLD:])


def _read_other(kind: str, entry: Mapping[str, Any], resource: Mapping[str, Any], reading: Reading) -> None:
    """Read an entry that holds something else than a result."""
    full_url = entry.get("fullUrl")
    if kind == "Medication":
        _keep_medication(resource, full_url if isinstance(full_url, str) else "", reading)
    elif kind == "OperationOutcome":
        _read_outcome(resource, reading)
    elif kind == "Bundle":
        reading.unreadable += 1
        reading.lacks(Fault.NESTED_BUNDLE)
    elif kind in TYPES_OF_OTHER_RELEASES:
        _unreadable(reading, Fault.OTHER_RELEASE, f"{kind} ({TYPES_OF_OTHER_RELEASES[kind]})")
    else:
        if kind == "Patient":
            _name_patient(entry, resource, reading)
        reading.something_else += 1


def _unreadable(reading: Reading, fault: Fault, where: str) -> None:
    reading.unreadable += 1
    reading.note(fault, where)


def _name_patient(entry: Mapping[str, Any], patient: Mapping[str, Any], reading: Reading) -> None:
    name, stated = entry.get("fullUrl"), patient.get("id")
    if isinstance(name, str):
        reading.patients[name] = stated if isinstance(stated, str) else None


def _keep_medication(document: Mapping[str, Any], full_url: str, reading: Reading) -> None:
    read = _read(document, Medication)
    medication = read.resource
    if read.fault is not None:
        _unreadable(reading, read.fault, read.where)
    elif isinstance(medication, Medication):
        reading.used_beside += 1
        for name in filter(None, (medication.reference, full_url)):
            reading.medications[name] = medication


_RESULTS_ARE_MISSING = frozenset(
    {"incomplete", "suppressed", "timeout", "throttled", "too-costly", "forbidden", "not-supported"}
    | {"exception", "transient", "lock-error", "no-store", "too-long", "login", "expired", "security"}
)
"""Codes of https://hl7.org/fhir/R4/valueset-issue-type.html that say so, whatever the severity."""


def _read_outcome(outcome: Mapping[str, Any], reading: Reading) -> None:
    """Epic says "no results" by a warning; a server that cut the results says so by the code."""
    issues = outcome.get("issue")
    found = [one for one in issues if isinstance(one, dict)] if isinstance(issues, list) else []
    is_harmless = bool(found) and all(
        one.get("severity") in ("information", "warning") and one.get("code") not in _RESULTS_ARE_MISSING
        for one in found
    )
    if is_harmless:
        reading.something_else += 1
    else:
        reading.unreadable += 1
        reading.lacks(Fault.RESULTS_MISSING)


_PATH = re.compile(r" - at `\$\.?([A-Za-z]*)(.*)`$")


def _read(document: Mapping[str, Any], kind: type[Resource]) -> Read:
    """One resource as its class, without the elements that are not as R4 has them."""
    try:
        resource: Resource = msgspec.convert(document, kind)
        defects: tuple[str, ...] = ()
    except msgspec.ValidationError as problem:
        resource, defects = _without_defects(document, kind, problem)
    # What another release says by an element that R4 lacks, and what may turn the meaning, is asked first.
    foreign = [name for name in kind.OTHER_RELEASES if name in document]
    if foreign:
        where = f"{resource.shown}: {foreign[0]} ({kind.OTHER_RELEASES[foreign[0]]})"
        return Read(resource, defects, Fault.OTHER_RELEASE, where)
    fault, where = _why_not_used(resource, defects)
    return Read(resource, defects, fault, where)


def _without_defects(
    document: Mapping[str, Any], kind: type[Resource], problem: msgspec.ValidationError
) -> tuple[Resource, tuple[str, ...]]:
    """Take each element away in which a defect stands, until the rest can be read."""
    members, defects = dict(document), []
    while True:
        found = _PATH.search(str(problem))
        element, rest = found.groups() if found else ("", "")
        defects.append(f"{element}{rest}")
        if members.pop(element, MISSING) is MISSING:
            return kind(), ("resource",)
        try:
            return msgspec.convert(members, kind), tuple(defects)
        except msgspec.ValidationError as next_problem:
            problem = next_problem


_WITHHELD = frozenset({"SUBSETTED", "REDACTED", "MASKED"})
"""Codes of https://terminology.hl7.org/CodeSystem-v3-ObservationValue.html in meta.tag or meta.security."""


def _why_not_used(resource: Resource, defects: tuple[str, ...]) -> tuple[Fault | None, str]:
    """Why a resource may not be processed as it stands, and of what that speaks."""
    if resource.modifier_extension or resource.implicit_rules:
        return Fault.MODIFIER, resource.shown
    if any(part.modifier_extension for part in resource.parts()):
        return Fault.MODIFIER, resource.shown
    if resource.meta is not None and not _WITHHELD.isdisjoint(resource.meta.labels):
        return Fault.WITHHELD, resource.shown
    turned = [path for path in defects if _element(path) in resource.TURNING] if defects else []
    if element := next(iter(turned), "") or resource.unreadable_status():
        return Fault.DEFECT, f"{resource.shown}: {element}"
    return None, ""


def _element(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def why_not_named(
    resource: Resource, concepts: Sequence[CodeableConcept], defects: tuple[str, ...]
) -> Fault | None:
    """Why it cannot be told what the resource is about; None where something names it."""
    for one in concepts:
        if one.concept is not None:
            return Fault.OTHER_RELEASE
    if defects and any(_element(path) in _naming_elements(type(resource)) for path in defects):
        return Fault.NO_NAME
    is_named = any(_names(one) for one in concepts) or any(resource.naming_texts())
    return None if is_named else Fault.NO_NAME


@cache
def _naming_elements(kind: type[Resource]) -> frozenset[str]:
    """The elements that name a resource, as JSON calls them."""
    names = {*kind.NAMED_BY, *kind.NAMED_IN, *kind.NAMED_BESIDE}
    return frozenset(one.encode_name for one in msgspec.structs.fields(kind) if one.name in names)


_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def _names(concept: CodeableConcept) -> bool:
    if concept.text:
        return True
    return any((one.code or one.display) and one.system != _ABSENT for one in concept.codings)


def unreadable_dates(resource: Resource) -> Iterator[str]:
    """The elements that hold a date which no calendar has, such as 2026-02-30."""
    dates_of, periods_of = _dated_elements(type(resource))
    for name, element in dates_of:
        if not is_readable(getattr(resource, name)):
            yield element
    for name, element in periods_of:
        period = getattr(resource, name)
        if period is not None and not (is_readable(period.start) and is_readable(period.end)):
            yield element


@cache
def _dated_elements(kind: type[Resource]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The fields of a class that are dates, and those that are periods, with their names in JSON."""
    found = [(one.type, (one.name, one.encode_name)) for one in msgspec.structs.fields(kind)]
    dates_of = [names for stated, names in found if stated == When | None]
    return dates_of, [names for stated, names in found if stated == Period | None]
