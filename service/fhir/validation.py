"""Validate one resource, and say which defects touch what the rules read.

``fhir.resources`` (its R4B models, the same as R4 for the types used
here) is strict where real charts are not: it refuses times without a zone, empty strings and
vendor elements, and accepts any status word. So it does not gate: a defect in an element that no
rule reads, or that can be read all the same, is a note; any other takes the element away from the
readers, and the section becomes partial.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from service.fhir import dates
from service.fhir.reading import Resource, string

READ_ELEMENTS: Mapping[str, frozenset[str]] = {
    "Patient": frozenset({"id", "birthDate", "deceasedBoolean", "deceasedDateTime", "identifier", "gender"}),
    "Condition": frozenset(
        {"clinicalStatus", "verificationStatus", "category", "code", "bodySite", "subject", "stage", "note"}
        | {"onsetDateTime", "onsetPeriod", "abatementDateTime", "abatementPeriod", "recordedDate", "evidence"}
    ),
    "Observation": frozenset(
        {"status", "code", "subject", "component", "interpretation", "referenceRange", "dataAbsentReason"}
        | {
            "effectiveDateTime",
            "effectivePeriod",
            "effectiveInstant",
            "issued",
            "valueQuantity",
            "valueRange",
        }
        | {
            "valueRatio",
            "valueString",
            "valueInteger",
            "valueCodeableConcept",
            "specimen",
            "bodySite",
            "note",
        }
    ),
    "Procedure": frozenset(
        {"status", "code", "category", "subject", "performedDateTime", "performedPeriod", "bodySite", "note"}
    ),
    "DiagnosticReport": frozenset(
        {"status", "code", "category", "subject", "effectiveDateTime", "effectivePeriod", "issued"}
        | {"conclusion", "conclusionCode"}
    ),
    "ImagingStudy": frozenset(
        {"status", "subject", "started", "modality", "procedureCode", "description", "reasonCode", "series"}
    ),
    "ServiceRequest": frozenset(
        {"status", "intent", "priority", "doNotPerform", "code", "category", "orderDetail", "subject", "note"}
        | {
            "occurrenceDateTime",
            "occurrencePeriod",
            "occurrenceTiming",
            "authoredOn",
            "reasonCode",
            "basedOn",
        }
    ),
    "MedicationRequest": frozenset(
        {"status", "intent", "doNotPerform", "medicationCodeableConcept", "medicationReference", "subject"}
        | {"authoredOn", "dosageInstruction", "dispenseRequest", "note", "reasonCode", "basedOn", "category"}
    ),
    "MedicationStatement": frozenset(
        {"status", "medicationCodeableConcept", "medicationReference", "subject", "effectiveDateTime"}
        | {"effectivePeriod", "dateAsserted", "dosage", "note"}
    ),
    "MedicationAdministration": frozenset(
        {"status", "medicationCodeableConcept", "medicationReference", "subject", "effectiveDateTime"}
        | {"effectivePeriod", "dosage", "note"}
    ),
    "Appointment": frozenset(
        {"status", "start", "end", "serviceType", "serviceCategory", "appointmentType", "reasonCode"}
        | {"description", "comment", "participant", "priority"}
    ),
    "DocumentReference": frozenset(
        {"status", "type", "category", "description", "subject", "date", "docStatus"}
    ),
    "CarePlan": frozenset(
        {
            "status",
            "intent",
            "title",
            "description",
            "category",
            "subject",
            "period",
            "created",
            "note",
            "activity",
        }
    ),
    "Composition": frozenset({"status", "type", "title", "subject", "date"}),
    "Encounter": frozenset({"status", "class", "type", "serviceType", "reasonCode", "subject", "period"}),
    "AllergyIntolerance": frozenset({"clinicalStatus", "verificationStatus", "code", "patient", "reaction"}),
    "Flag": frozenset({"status", "category", "code", "subject", "period"}),
    "Medication": frozenset({"code", "status", "form", "ingredient"}),
}
"""Elements that a rule reads, by resource type. All else in a resource can only give a note."""

_STATUSES: Mapping[str, frozenset[str]] = {
    "Observation": frozenset(
        [
            "registered",
            "preliminary",
            "final",
            "amended",
            "corrected",
            "cancelled",
            "entered-in-error",
            "unknown",
        ]
    ),
    "DiagnosticReport": frozenset(
        [
            "registered",
            "partial",
            "preliminary",
            "final",
            "amended",
            "corrected",
            "appended",
            "cancelled",
            "entered-in-error",
            "unknown",
        ]
    ),
    "ImagingStudy": frozenset(["registered", "available", "cancelled", "entered-in-error", "unknown"]),
    "Procedure": frozenset(
        [
            "preparation",
            "in-progress",
            "not-done",
            "on-hold",
            "stopped",
            "completed",
            "entered-in-error",
            "unknown",
        ]
    ),
    "ServiceRequest": frozenset(
        ["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"]
    ),
    "MedicationRequest": frozenset(
        ["active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"]
    ),
    "MedicationStatement": frozenset(
        ["active", "completed", "entered-in-error", "intended", "stopped", "on-hold", "unknown", "not-taken"]
    ),
    "MedicationAdministration": frozenset(
        ["in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"]
    ),
    "Appointment": frozenset(
        [
            "proposed",
            "pending",
            "booked",
            "arrived",
            "fulfilled",
            "cancelled",
            "noshow",
            "entered-in-error",
            "checked-in",
            "waitlist",
        ]
    ),
}
"""The required codes of ``status`` in R4, which fhir.resources does not check."""

_READABLE_ALL_THE_SAME = ("extra_forbidden", "string_pattern_mismatch", "string_too_short")


class Defect(NamedTuple):
    """One thing that is wrong: the element's path, and whether a rule would have read it."""

    path: str
    touches_reading: bool

    @property
    def element(self) -> str:
        """The top-level element to which the path leads."""
        return self.path.split(".", 1)[0]


def preload() -> None:
    """Import the models of every type read, so that workers share them and no request waits."""
    for resource_type in READ_ELEMENTS:
        get_fhir_model_class(resource_type)


def find_defects(resource: Resource) -> tuple[Defect, ...]:
    """What is wrong with a resource, without any of its values."""
    resource_type = string(resource.get("resourceType"))
    found = [Defect("status", True)] if not _status_is_known(resource_type, resource) else []
    try:
        get_fhir_model_class(resource_type).model_validate(resource)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        found += [_defect(resource_type, resource, one["loc"], one["type"]) for one in problems]
    return tuple(dict.fromkeys(found))


def _status_is_known(resource_type: str, resource: Resource) -> bool:
    allowed = _STATUSES.get(resource_type)
    return allowed is None or string(resource.get("status")) in allowed


def _defect(resource_type: str, resource: Resource, location: tuple[int | str, ...], kind: str) -> Defect:
    path = ".".join(str(step) for step in location) or "resource"
    top = str(location[0]) if location else ""
    is_read = top in READ_ELEMENTS.get(resource_type, frozenset()) or not location
    tolerable = kind in _READABLE_ALL_THE_SAME or _reads_all_the_same(_value_at(resource, location), kind)
    return Defect(path, is_read and not tolerable)


def _reads_all_the_same(value: object, kind: str) -> bool:
    """A date without a zone, an empty text, and an element that R4 requires and the readers do not."""
    # What is absent reads as absent. Without a status nothing counts; that is found before.
    return kind.endswith("missing") or value == "" or dates.parse(value) is not None


def _value_at(resource: Resource, location: tuple[int | str, ...]) -> object:
    value: object = resource
    for step in location:
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
    return value
