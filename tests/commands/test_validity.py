from __future__ import annotations

from typing import Any

import pytest

from service.commands.validity import Effect, find_defects
from service.fhir.r4 import TYPES

BASE: dict[str, dict[str, Any]] = {
    "Observation": {
        "status": "final",
        "code": {"text": "Ki-67"},
        "valueQuantity": {"value": 12, "unit": "%"},
    },
    "Condition": {"subject": {"reference": "Patient/p1"}, "code": {"text": "NET"}},
    "ServiceRequest": {"status": "active", "intent": "order", "subject": {"reference": "Patient/p1"}},
    "MedicationRequest": {
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": "octreotide"},
    },
    "Appointment": {"status": "booked", "participant": [{"status": "accepted"}]},
    "DocumentReference": {"status": "current", "content": [{"attachment": {"title": "note"}}]},
}


def found(kind: str, **changes: Any) -> list[tuple[str, Effect]]:
    """Path and effect of each defect, for a valid resource with these changes (``...`` removes)."""
    resource = {"resourceType": kind, "id": "1", **BASE[kind], **changes}
    resource = {name: value for name, value in resource.items() if value is not ...}
    return [(defect.path, defect.effect) for defect in find_defects(resource)]


@pytest.mark.parametrize("kind", BASE)
def test_a_valid_resource_has_no_defect(kind: str) -> None:
    assert found(kind) == []


@pytest.mark.parametrize(
    ("kind", "changes", "path"),
    [
        ("Observation", {"effectiveDateTime": "2026-05-01T10:00:00"}, "effectiveDateTime"),
        ("Observation", {"effectiveDateTime": ""}, "effectiveDateTime"),
        ("Observation", {"id": "under_score"}, "id"),
        ("Observation", {"valueQuantity": {"value": 12, "vendor": 1}}, "valueQuantity.vendor"),
        ("Observation", {"meta": {"lastUpdated": "2026-05-01T10:00:00"}}, "meta.lastUpdated"),
        (
            "Observation",
            {"code": {"coding": [{"code": "29593-1", "display": ""}]}},
            "code.coding[0].display",
        ),
        ("Condition", {"subject": ...}, "subject"),
        ("Condition", {"recordedDate": "2026-05-01T10:00"}, "recordedDate"),
        ("ServiceRequest", {"intent": ...}, "intent"),
        ("Appointment", {"participant": ...}, "participant"),
        ("Appointment", {"start": "2026-12-01T10:00:00"}, "start"),
        ("DocumentReference", {"content": ...}, "content"),
    ],
)
def test_a_defect_that_does_not_keep_the_rules_from_reading(
    kind: str, changes: dict[str, Any], path: str
) -> None:
    assert found(kind, **changes) == [(path, Effect.READ_ALL_THE_SAME)]


@pytest.mark.parametrize(
    ("kind", "changes", "path"),
    [
        ("Observation", {"vendorElement": "x"}, "vendorElement"),
        ("Observation", {"method": "x"}, "method"),
        ("DocumentReference", {"docStatus": 1}, "docStatus"),
    ],
)
def test_a_defect_where_no_rule_looks(kind: str, changes: dict[str, Any], path: str) -> None:
    assert found(kind, **changes) == [(path, Effect.NOT_LOOKED_AT)]


@pytest.mark.parametrize(
    ("kind", "changes", "path"),
    [
        ("Observation", {"status": "done"}, "status"),
        ("Observation", {"status": ...}, "status"),
        ("Observation", {"status": []}, "status"),
        ("Observation", {"effectiveDateTime": "yesterday"}, "effectiveDateTime"),
        ("Observation", {"effectiveDateTime": "2026-02-30"}, "effectiveDateTime"),
        ("Observation", {"code": "29593-1"}, "code"),
        ("Observation", {"valueString": "a second value"}, "value[x]"),
        ("ServiceRequest", {"doNotPerform": "maybe"}, "doNotPerform"),
        ("MedicationRequest", {"status": "current"}, "status"),
        ("MedicationRequest", {"medicationCodeableConcept": ...}, "resource"),
        ("Condition", {"clinicalStatus": "resolved"}, "clinicalStatus"),
        ("Condition", {"verificationStatus": "refuted"}, "verificationStatus"),
        ("Appointment", {"status": "scheduled"}, "status"),
    ],
)
def test_a_defect_that_keeps_the_rules_from_reading(kind: str, changes: dict[str, Any], path: str) -> None:
    assert (path, Effect.NOT_READABLE) in found(kind, **changes)


def test_a_defect_names_no_value() -> None:
    defects = find_defects({"resourceType": "Observation", "status": "secret", "code": {"text": ["secret"]}})

    assert defects
    assert not any("secret" in defect.path for defect in defects)


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_that_is_read_can_be_validated(kind: str) -> None:
    assert isinstance(find_defects({"resourceType": kind, "vendorElement": 1}), tuple)
