"""The patient's record: sections that are known, partial or unknown.

"Unknown is not no" is decided here and nowhere else: whatever could not be read leaves its section
partial or unknown, with the reason in words, and no rule may say "missing" on such a section.
https://cds-hooks.hl7.org/2.0/#prefetch-responses-from-the-cds-client
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from service.errors import MalformedRequest
from service.fhir.queries import QUERIES, SECTIONS
from service.fhir.reading import Resource, elements, mapping, reference, references, string, words
from service.fhir.terminology import Terminology
from service.fhir.validation import defects


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

    @property
    def patient(self) -> Resource | None:
        """The Patient resource, if it was read."""
        return next(iter(self.resources.get("Patient", ())), None)

    def of(self, resource_type: str) -> tuple[Resource, ...]:
        """The relevant resources of one type, each once, in a stable order."""
        return self.resources.get(resource_type, ())

    def is_known(self, *sections: str) -> bool:
        """Whether all of these sections were read completely."""
        return all(self.sections[name].state is State.KNOWN for name in sections)

    def why_not_known(self, section: str) -> str:
        """Why a section is partial or unknown, in words without patient data."""
        return "; ".join(self.sections[section].reasons) or "not sent"


class _Missing:
    """Marks a prefetch key that is absent; ``null`` is a value."""


MISSING = _Missing()


@dataclass(slots=True)
class _Reading:
    """What one prefetch key gave; filled while reading, then folded into its section."""

    state: State = State.KNOWN
    resources: list[Resource] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

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
    readings = {key: _read_value(key, values.get(key, MISSING), faults.get(key)) for key in QUERIES}
    known_as = _names_of_patient(patient_id, readings["patient"])
    medications: dict[str, Resource] = {}
    for key, reading in readings.items():
        _keep_relevant(key, reading, known_as=known_as, terminology=terminology, medications=medications)
    return Record(
        patient_id=patient_id,
        terminology=terminology,
        sections={name: _fold(name, readings) for name in SECTIONS},
        resources={query.resource_type: tuple(readings[key].resources) for key, query in QUERIES.items()},
        medications=medications,
    )


def _read_value(key: str, value: object, fault: str | None) -> _Reading:
    reading = _Reading()
    if isinstance(value, _Missing):
        reading.incomplete(fault or "not sent", State.UNKNOWN)
    elif isinstance(value, dict):
        _read_object(key, value, reading)
    elif isinstance(value, list):
        reading.notes.append(f"prefetch.{key} is a list, not a Bundle")
        _read_entries(key, [{"resource": item} for item in value], reading)
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
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        reading.incomplete(f"prefetch.{key}.entry is not an array", State.UNKNOWN)
        return
    _read_entries(key, entries, reading)
    if any(link.get("relation") == "next" for link in elements(bundle.get("link"))):
        reading.incomplete("only the first page of results was sent")
    matches = sum(
        1 for entry in elements(entries) if mapping(entry.get("search")).get("mode", "match") == "match"
    )
    total = bundle.get("total")
    if isinstance(total, int) and total > matches and reading.state is State.KNOWN:
        reading.incomplete(f"{matches} of {total} results were sent")


def _read_entries(key: str, entries: Iterable[object], reading: _Reading) -> None:
    wanted = QUERIES[key].resource_type
    for number, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(resource, dict) or not isinstance(kind, str):
            reading.incomplete(f"entry {number} of prefetch.{key} holds no resource")
        elif kind in (wanted, "Medication"):
            reading.resources.append(resource)
        elif kind == "OperationOutcome":
            _read_outcome(key, resource, reading)
        else:
            reading.notes.append(f"entry {number} of prefetch.{key} is not a {wanted}")


def _read_outcome(key: str, outcome: Mapping[str, Any], reading: _Reading) -> None:
    severities = {issue.get("severity") for issue in elements(outcome.get("issue"))}
    if severities <= {"information", "warning"} and severities:
        reading.notes.append(f"prefetch.{key} came with a warning of the server")
    else:
        reading.incomplete("the server could not give all results")


_PATIENT_ID = re.compile(r"(?:^|/)Patient/([A-Za-z0-9\-.]{1,64})(?:/_history/.+)?$")


def _names_of_patient(patient_id: str, reading: _Reading) -> frozenset[str]:
    """The references by which this patient is known; refuses a Patient that is somebody else."""
    for patient in reading.resources:
        stated = patient.get("id")
        if stated != patient_id and stated is not None:
            raise MalformedRequest(
                "The Patient under prefetch is not the patient of context.patientId; "
                "send the record of one patient.",
                path="$.prefetch.patient.id",
            )
    return frozenset({patient_id, f"urn:uuid:{patient_id}", f"Patient/{patient_id}"})


_SUBJECT_ELEMENT: Mapping[str, str] = {"AllergyIntolerance": "patient", "Appointment": "participant"}


def _keep_relevant(
    key: str,
    reading: _Reading,
    *,
    known_as: frozenset[str],
    terminology: Terminology,
    medications: dict[str, Resource],
) -> None:
    """Keep what belongs to the patient and may matter, each once, without its unreadable parts."""
    kept: dict[object, Resource] = {}
    strangers = 0
    for number, resource in enumerate(reading.resources):
        if resource["resourceType"] == "Medication":
            medications[reference(resource)] = resource
        elif not _belongs(resource, known_as):
            strangers += 1
        elif _is_relevant(resource, terminology):
            identity = resource.get("id") if isinstance(resource.get("id"), str) else number
            kept[identity] = _later(kept.get(identity), _readable(resource, reading))
    if strangers:
        reading.notes.append(f"{strangers} resources of another patient under prefetch.{key} were left out")
    reading.resources[:] = sorted(kept.values(), key=reference)


def _later(first: Resource | None, second: Resource) -> Resource:
    if first is None:
        return second
    stamps = [string(mapping(one.get("meta")).get("lastUpdated")) for one in (first, second)]
    return second if stamps[1] >= stamps[0] else first


def _belongs(resource: Resource, known_as: frozenset[str]) -> bool:
    if resource["resourceType"] == "Patient":
        return True
    named = list(_subjects(resource))
    return not named or any(name in known_as or _patient_in(name) in known_as for name in named)


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


_CODED: Mapping[str, tuple[str, ...]] = {
    "Condition": ("code",),
    "Observation": ("code",),
    "Procedure": ("code",),
    "DiagnosticReport": ("code", "conclusionCode"),
    "ImagingStudy": ("procedureCode", "reasonCode"),
    "ServiceRequest": ("code", "category", "orderDetail"),
    "Appointment": ("serviceType", "reasonCode", "appointmentType"),
    "DocumentReference": ("type", "category"),
    "CarePlan": ("category",),
    "Composition": ("type",),
    "Encounter": ("type", "reasonCode", "serviceType"),
    "AllergyIntolerance": ("code",),
    "Flag": ("code",),
}
_TEXTS: Mapping[str, tuple[str, ...]] = {
    "DiagnosticReport": ("conclusion",),
    "ImagingStudy": ("description",),
    "Appointment": ("description", "comment"),
    "DocumentReference": ("description",),
    "CarePlan": ("title", "description"),
    "Composition": ("title",),
}
_MEDICATION_TYPES = ("MedicationRequest", "MedicationStatement", "MedicationAdministration")


def _is_relevant(resource: Resource, terminology: Terminology) -> bool:
    """Whether a rule may rest on the resource: a cheap look at its codes and words."""
    kind = resource["resourceType"]
    if kind == "Patient":
        return True
    if kind in _MEDICATION_TYPES:
        concept = resource.get("medicationCodeableConcept")
        return terminology.touches(concept) if concept else True
    if any(terminology.touches(resource.get(element)) for element in _CODED[kind]):
        return True
    if any(terminology.mentions(string(resource.get(element))) for element in _TEXTS.get(kind, ())):
        return True
    if kind == "Observation":
        return any(terminology.touches(part.get("code")) for part in elements(resource.get("component")))
    return False


def _readable(resource: Resource, reading: _Reading) -> Resource:
    """The resource without the elements that a rule would misread; each defect is named."""
    found = defects(resource)
    if not found:
        return resource
    name = reference(resource)
    unreadable = {defect.element for defect in found if defect.touches_reading}
    for defect in found:
        if not defect.touches_reading:
            reading.notes.append(f"{name}: {defect.path} is not valid FHIR R4; it does not matter here")
        else:
            reading.incomplete(f"{name}: {defect.path} is not valid FHIR R4 and could not be used")
    return {element: value for element, value in resource.items() if element not in unreadable}


def _fold(section: str, readings: Mapping[str, _Reading]) -> Section:
    """One section from its keys: known if all are known, unknown if none gave anything."""
    parts = [readings[key] for key, query in QUERIES.items() if query.section == section]
    states = {part.state for part in parts}
    state = states.pop() if len(states) == 1 else State.PARTIAL
    return Section(
        name=section,
        state=state,
        reasons=tuple(dict.fromkeys(reason for part in parts for reason in part.reasons)),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def described(resource: Resource) -> str:
    """All words in the coded and text elements of a resource: what a person would read."""
    kind = string(resource.get("resourceType"))
    parts = [words(resource.get(element)) for element in _CODED.get(kind, ())]
    parts += [string(resource.get(element)) for element in _TEXTS.get(kind, ())]
    return "; ".join(part for part in parts if part)
