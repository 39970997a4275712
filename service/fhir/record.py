"""The patient's record: sections that are known, partial or unknown.

"Unknown is not no" is decided here and nowhere else: whatever could not be read leaves its section
partial or unknown, with the reason in words, and no rule may say "missing" on such a section.
https://cds-hooks.hl7.org/2.0/#prefetch-responses-from-the-cds-client
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from service.errors import MalformedRequest
from service.fhir.bundles import Entries, why_partial
from service.fhir.queries import QUERIES, SECTIONS
from service.fhir.reading import Resource, elements, mapping, reference, references, string
from service.fhir.recognition import (
    Inspected,
    Recognised,
    inspect,
    may_matter,
    recognise_draft,
    without_unreadable,
)
from service.fhir.terminology import Concept, Terminology
from service.fhir.validation import Defect


class State(Enum):
    """How completely a section could be read."""

    KNOWN = "known"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its state, why it is not known, and what was odd but harmless."""

    name: str
    state: State
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """All that is known of one patient. ``resources`` holds only what a rule may rest on."""

    patient_id: str
    terminology: Terminology
    sections: Mapping[str, Section]
    resources: Mapping[str, tuple[Resource, ...]]
    medications: Mapping[str, Resource] = field(default_factory=dict)
    _known: frozenset[str] = frozenset()
    _recognised: _Recognised = field(default_factory=dict, repr=False)
    _by_tag: dict[str, Mapping[str, tuple[Resource, ...]]] = field(default_factory=dict, repr=False)

    @property
    def patient(self) -> Resource | None:
        """The Patient resource, if it was read."""
        found = self.of("Patient")
        return found[0] if found else None

    def of(self, resource_type: str) -> tuple[Resource, ...]:
        """The relevant resources of one type, each once, in a stable order."""
        return self.resources.get(resource_type, ())

    def recognised(self, resource: Resource) -> Recognised:
        """What a resource of the record, or a draft of the hook's context, is about."""
        known = self._recognised.get(id(resource))
        if known is None:
            known = self._recognised[id(resource)] = resource, recognise_draft(resource, self.terminology)
        return known[1]

    def for_drafts(self) -> Record:
        """The same record for one call: what is learned of its drafts does not stay with the record."""
        return replace(self, _recognised=dict(self._recognised))

    def rows(self, resource: Resource, *lists: str) -> tuple[Concept, ...]:
        """The rows of these code lists that the resource's naming codes hit."""
        found = self.recognised(resource).rows
        if not found:
            return ()
        if len(lists) == 1:
            return found.get(lists[0], ())
        return tuple([row for name in lists if name in found for row in found[name]])

    def has_row(self, resource: Resource, code_list: str, *, roles: Iterable[str] = ()) -> bool:
        """Whether the resource hits a code list, in a row with one of the roles (any if none is named)."""
        rows = self.recognised(resource).rows.get(code_list, ())
        return bool(rows) and (not roles or not {row.get("role") for row in rows}.isdisjoint(roles))

    def is_named(self, resource: Resource, *word_lists: str) -> bool:
        """Whether the resource's name holds a phrase of one of the word lists."""
        return not self.recognised(resource).names.isdisjoint(word_lists)

    def finds(self, resource: Resource, *word_lists: str) -> bool:
        """Whether its conclusion, value or notes hold a phrase of one of the word lists."""
        return not self.recognised(resource).findings.isdisjoint(word_lists)

    def about(self, resource_type: str, *lists: str) -> tuple[Resource, ...]:
        """The resources of one type that hit one of these code lists or word lists by name."""
        tagged = self._by_tag.get(resource_type)
        if tagged is None:
            tagged = self._by_tag[resource_type] = self._index(self.of(resource_type))
        hits = [tagged[name] for name in lists if name in tagged] if tagged else ()
        if len(hits) > 1:
            return tuple({id(one): one for group in hits for one in group}.values())
        return hits[0] if hits else ()

    def saying(self, resource_type: str, word_list: str) -> tuple[Resource, ...]:
        """The resources of one type whose name or findings hold a phrase of a word list."""
        return self.about(resource_type, word_list, f"={word_list}")

    def _index(self, resources: Iterable[Resource]) -> Mapping[str, tuple[Resource, ...]]:
        """Code list or word list -> resources; ``=`` before a word list that the findings hit."""
        index: defaultdict[str, list[Resource]] = defaultdict(list)
        for one in resources:
            for tag in self.recognised(one).tags:
                index[tag].append(one)
        return {tag: tuple(hits) for tag, hits in index.items()}

    def is_known(self, *sections: str) -> bool:
        """Whether all of these sections were read completely."""
        return self._known.issuperset(sections)

    def why_not_known(self, section: str) -> str:
        """Why a section is partial or unknown, in words without patient data."""
        return "; ".join(self.sections[section].reasons) or "not sent"


_Recognised = dict[int, tuple[Resource, Recognised]]
"""``id()`` of a resource -> the resource (kept, so that no other can get its id) and what it is about."""


@dataclass(slots=True)
class _Reading:
    """What one prefetch key gave; filled while reading, then folded into its section."""

    state: State = State.KNOWN
    resources: list[Resource] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    patients: dict[str, object] = field(default_factory=dict)
    inspected: Mapping[int, Inspected] = field(default_factory=dict)  # by ``id()`` of the resource

    def incomplete(self, reason: str, state: State = State.PARTIAL) -> None:
        if self.state is not State.UNKNOWN:
            self.state = state
        self.reasons.append(reason)


def build_record(
    values: Mapping[str, Any],
    *,
    patient_id: str,
    terminology: Terminology,
    faults: Mapping[str, str] | None = None,
) -> Record:
    """Build the record from one value per prefetch key.

    ``values`` maps a key of QUERIES to the JSON under it (``None`` for "looked and found nothing");
    an absent key is unknown. ``faults`` says, per key, why its value is incomplete or absent.
    Raises MalformedRequest where the Patient is not ``patient_id``.
    """
    faults = faults or {}
    readings = {
        key: _read_value(key, values.get(key, _MISSING), faults.get(key))
        for key in QUERIES
        if key in values or key in faults
    }
    keeping = _Keeping(_names_of_patient(patient_id, readings), terminology)
    for key, reading in readings.items():
        _keep_relevant(key, reading, keeping)
    sections = {name: _fold(name, keys, readings) for name, keys in _KEYS.items()}
    return Record(
        patient_id=patient_id,
        terminology=terminology,
        sections=sections,
        resources={QUERIES[key].resource_type: tuple(reading.resources) for key, reading in readings.items()},
        medications=keeping.medications,
        _known=frozenset([name for name, section in sections.items() if section.state is State.KNOWN]),
        _recognised=keeping.recognised,
    )


_MISSING = object()
"""Stands for a prefetch key that is absent; ``null`` is a value."""


@dataclass(frozen=True, slots=True)
class _Keeping:
    """By what the resources to keep are told, and what was learned of those of all keys."""

    known_as: tuple[str, ...]
    terminology: Terminology
    medications: dict[str, Resource] = field(default_factory=dict)
    recognised: _Recognised = field(default_factory=dict)


def _read_value(key: str, value: object, fault: str | None) -> _Reading:
    reading = _Reading()
    if isinstance(value, dict):
        _read_object(key, value, reading)
    elif isinstance(value, list):
        reading.notes.append(f"prefetch.{key} is a list, not a Bundle")
        _read_entries(key, [{"resource": item} for item in value], reading)
    elif value is _MISSING:
        reading.incomplete(fault or _NOT_SENT, State.UNKNOWN)
    elif value is not None:
        reading.incomplete(f"prefetch.{key} is neither a resource nor null", State.UNKNOWN)
    if fault and reading.state is State.KNOWN:
        reading.incomplete(fault)
    return reading


def _read_object(key: str, value: Mapping[str, Any], reading: _Reading) -> None:
    kind, wanted = value.get("resourceType"), QUERIES[key].resource_type
    if kind == "Bundle":
        _read_bundle(key, value, reading)
    elif kind == wanted:
        if wanted != "Patient":
            reading.notes.append(f"prefetch.{key} is a single {wanted}, not a Bundle")
        reading.resources.append(value)
    elif kind == "OperationOutcome":
        reading.incomplete("the server answered with an OperationOutcome", State.UNKNOWN)
    else:
        reading.incomplete(f"prefetch.{key} is not a Bundle of {wanted}", State.UNKNOWN)


def _read_bundle(key: str, bundle: Mapping[str, Any], reading: _Reading) -> None:
    entries = bundle.get("entry")
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        reading.incomplete(f"prefetch.{key}.entry is not an array", State.UNKNOWN)
        return
    _read_entries(key, entries, reading)
    if isinstance(entries, Entries):
        reading.inspected = entries.inspected
    if reason := why_partial(bundle):
        reading.incomplete(reason)


def _read_entries(key: str, entries: Iterable[object], reading: _Reading) -> None:
    wanted = QUERIES[key].resource_type
    for number, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if resource is not None and kind == wanted and kind != "Patient":
            reading.resources.append(resource)
        elif isinstance(entry, dict) and isinstance(resource, dict) and isinstance(kind, str):
            _read_other_entry(key, number, entry, reading)
        else:
            reading.incomplete(f"entry {number} of prefetch.{key} holds no resource")


def _read_other_entry(key: str, number: int, entry: Mapping[str, Any], reading: _Reading) -> None:
    """Read an entry that holds something else than a result."""
    resource, wanted = entry["resource"], QUERIES[key].resource_type
    kind = resource["resourceType"]
    if kind == "Patient":
        reading.patients[string(entry.get("fullUrl"))] = resource.get("id")
    if kind in (wanted, "Medication"):
        reading.resources.append(resource)
    elif kind == "OperationOutcome":
        _read_outcome(key, resource, reading)
    else:
        reading.notes.append(f"entry {number} of prefetch.{key} is not a {wanted}")


def _read_outcome(key: str, outcome: Mapping[str, Any], reading: _Reading) -> None:
    severities = {string(issue.get("severity")) for issue in elements(outcome.get("issue"))}
    if severities <= {"information", "warning"} and severities:
        reading.notes.append(f"prefetch.{key} came with a warning of the server")
    else:
        reading.incomplete("the server could not give all results")


_PATIENT_ID = re.compile(r"(?:^|/)Patient/([A-Za-z0-9\-.]{1,64})(?:/_history/.+)?$")


def _names_of_patient(patient_id: str, readings: Mapping[str, _Reading]) -> tuple[str, ...]:
    """The references by which this patient is known; refuses a Patient that is somebody else."""
    for patient in readings["patient"].resources if "patient" in readings else ():
        stated = patient.get("id")
        if stated != patient_id and stated is not None:
            raise MalformedRequest(
                "The Patient under prefetch is not the patient of context.patientId; "
                "send the record of one patient.",
                path="$.prefetch.patient.id",
            )
    within_bundles = [
        name
        for reading in readings.values()
        for name, stated in reading.patients.items()
        if name and stated == patient_id
    ]
    return (f"Patient/{patient_id}", patient_id, f"urn:uuid:{patient_id}", *within_bundles)


_SUBJECT_ELEMENT: Mapping[str, str] = {"AllergyIntolerance": "patient", "Appointment": "participant"}


def _keep_relevant(key: str, reading: _Reading, keeping: _Keeping) -> None:
    """Keep what belongs to the patient and may matter, each once, without its unreadable parts."""
    kept: dict[tuple[str, int], Resource] = {}
    strangers: list[Resource] = []
    for number, resource in enumerate(reading.resources, start=1):
        if not belongs(resource, keeping.known_as):
            strangers.append(resource)
        elif resource["resourceType"] == "Medication":
            keeping.medications[reference(resource)] = resource
        elif (known := reading.inspected.get(id(resource))) or may_matter(resource, keeping.terminology):
            found, about = known or inspect(resource, keeping.terminology)
            readable = without_unreadable(resource, found) if found else resource
            if found:
                _note_defects(resource, found, reading)
                if _could_mean_the_opposite(resource, found):
                    continue
            keeping.recognised[id(readable)] = readable, about
            # Resources without an id cannot be told to be the same.
            identity = (name, 0) if (name := string(resource.get("id"))) else ("", number)
            kept[identity] = _later(kept[identity], readable) if identity in kept else readable
    if strangers:
        _note_strangers(key, strangers, reading)
    reading.resources[:] = [kept[identity] for identity in sorted(kept)]


def _note_strangers(key: str, strangers: Sequence[Resource], reading: _Reading) -> None:
    unclear = [one for one in strangers if any(name.startswith("urn:") for name in _subjects(one))]
    others = len(strangers) - len(unclear)
    if others:
        reading.notes.append(f"{others} resources of another patient under prefetch.{key} were left out")
    if unclear:
        # A name that holds only within one Bundle, without the Patient that it names.
        reading.incomplete(f"{len(unclear)} resources under prefetch.{key} name a patient that was not sent")


_TURNING_ELEMENTS: Mapping[str, frozenset[str]] = {
    "Condition": frozenset({"clinicalStatus", "verificationStatus"}),
    "ServiceRequest": frozenset({"doNotPerform"}),
    "MedicationRequest": frozenset({"doNotPerform"}),
}


def _could_mean_the_opposite(resource: Resource, found: tuple[Defect, ...]) -> bool:
    """Whether an element that cannot be read could say "refuted", "resolved" or "do not"."""
    turning = _TURNING_ELEMENTS.get(resource["resourceType"], frozenset())
    return any(defect.touches_reading and defect.element in turning for defect in found)


def _later(first: Resource, second: Resource) -> Resource:
    stamps = [string(mapping(one.get("meta")).get("lastUpdated")) for one in (first, second)]
    return second if stamps[1] >= stamps[0] else first


def belongs(resource: Resource, known_as: tuple[str, ...]) -> bool:
    """Whether a resource is this patient's, or names nobody, as a Patient and a Medication do."""
    subject = resource.get("subject")
    if isinstance(subject, dict) and subject.get("reference") in known_as:
        return True
    if resource["resourceType"] in _OF_NOBODY:
        return True
    named = list(_subjects(resource))
    return not named or any(name in known_as or _patient_in(name) in known_as for name in named)


_OF_NOBODY = ("Patient", "Medication")


def _subjects(resource: Resource) -> Iterator[str]:
    element = _SUBJECT_ELEMENT.get(resource["resourceType"], "subject")
    if element == "participant":
        for participant in elements(resource.get("participant")):
            # Only a Patient among the participants says whose appointment it is.
            yield from (name for name in references(participant.get("actor")) if "Patient/" in name)
    else:
        yield from references(resource.get(element))


def _patient_in(name: str) -> str:
    found = _PATIENT_ID.search(name)
    return found.group(1) if found else name


def _note_defects(resource: Resource, found: tuple[Defect, ...], reading: _Reading) -> None:
    """Each defect by its path: a reason for doubt where it touches what is read, else a note."""
    name = reference(resource)
    for defect in found:
        if defect.touches_reading:
            reading.incomplete(f"{name}: {defect.path} is not valid FHIR R4 and could not be used")
        else:
            reading.notes.append(f"{name}: {defect.path} is not valid FHIR R4; it does not matter here")


def _fold(section: str, keys: Iterable[str], readings: Mapping[str, _Reading]) -> Section:
    """One section from its keys: known if all are known, unknown if none gave anything."""
    if readings.keys().isdisjoint(keys):
        return _UNKNOWN[section]
    parts = [readings.get(key, _ABSENT) for key in keys]
    reasons = tuple(dict.fromkeys([reason for part in parts for reason in part.reasons]))
    notes = tuple(dict.fromkeys([note for part in parts for note in part.notes]))
    if not reasons and not notes:
        return _KNOWN[section]
    states = {part.state for part in parts}
    return Section(section, states.pop() if len(states) == 1 else State.PARTIAL, reasons, notes)


_NOT_SENT = "not sent"
_ABSENT = _Reading(State.UNKNOWN, reasons=[_NOT_SENT])
_KNOWN = {name: Section(name, State.KNOWN) for name in SECTIONS}
_UNKNOWN = {name: Section(name, State.UNKNOWN, (_NOT_SENT,)) for name in SECTIONS}
_KEYS = {name: [key for key, query in QUERIES.items() if query.section == name] for name in SECTIONS}
