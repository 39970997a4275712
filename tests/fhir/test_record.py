from __future__ import annotations

from typing import Any

import pytest

from service.errors import MalformedRequest
from service.fhir.queries import QUERIES
from service.fhir.record import Record, State, build_record
from tests.asking import knowledge

LOINC = "http://loinc.org"
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "informational"}]}


def record(**values: Any) -> Record:
    """The record of patient p1 from values by prefetch key; other keys are not sent."""
    return build_record(values, patient_id="p1", terminology=knowledge().terminology)


def bundle(*resources: Any, **members: Any) -> dict[str, Any]:
    entries = [{"resource": one, "search": {"mode": "match"}} for one in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **members}


def ki67(name: str = "ki67", **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "29593-1"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-05-01",
        "valueQuantity": {"value": 12, "unit": "%"},
        **members,
    }


def state(**values: Any) -> State:
    return record(**values).sections["observations"].state


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"resourceType": "Bundle", "type": "searchset"},
        {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": []},
        {"resourceType": "Bundle", "type": "searchset", "entry": None},
        [],
    ],
)
def test_a_section_that_was_looked_at_and_is_empty_is_known(value: object) -> None:
    found = record(observations=value)

    assert found.is_known("observations")
    assert found.of("Observation") == ()


def test_a_key_that_was_not_sent_is_unknown() -> None:
    found = record()

    assert found.sections["observations"].state is State.UNKNOWN
    assert found.why_not_known("observations") == "not sent"


@pytest.mark.parametrize(
    "value",
    [
        OUTCOME,
        "an Observation",
        5,
        True,
        {"resourceType": "Patient"},
        {},
        {"resourceType": "Bundle", "entry": 5},
    ],
)
def test_a_value_that_is_no_answer_is_unknown(value: object) -> None:
    assert state(observations=value) is State.UNKNOWN


@pytest.mark.parametrize(
    "value",
    [
        bundle(ki67(), OUTCOME),
        bundle(ki67(), link=[{"relation": "next", "url": "https://ehr.example.org/?page=2"}]),
        bundle(ki67(), total=2),
        bundle(ki67(), None),
        bundle(ki67(), {"id": "no type"}),
        bundle(ki67(), "text"),
        bundle(ki67(), ki67("other", status="done")),
        bundle(ki67(), ki67("other", effectiveDateTime="yesterday")),
        bundle(ki67(), ki67("other", subject={"reference": "urn:uuid:11111111-1111-4111-8111-111111111111"})),
    ],
)
def test_what_could_not_be_read_whole_is_partial_and_keeps_the_rest(value: object) -> None:
    found = record(observations=value)

    assert found.sections["observations"].state is State.PARTIAL
    assert "ki67" in [one["id"] for one in found.of("Observation")]
    assert found.why_not_known("observations") != "not sent"


@pytest.mark.parametrize(
    "value",
    [
        bundle(ki67(), total=1),
        bundle(ki67(), WARNING),
        bundle(ki67(), link=[{"relation": "self", "url": "https://ehr.example.org/"}]),
        [ki67()],
        ki67(),
        bundle(ki67(effectiveDateTime="2026-05-01T10:00:00")),
        bundle(ki67(vendorElement="x")),
        bundle(ki67(subject=...)),
        bundle(ki67(), {"resourceType": "Practitioner", "id": "x"}),
        bundle(ki67(), {"resourceType": "Observation", "id": "unrelated", "status": "done"}),
    ],
)
def test_what_is_odd_and_harmless_leaves_the_section_known(value: Any) -> None:
    for entry in value.get("entry", []) if isinstance(value, dict) else []:
        if isinstance(entry["resource"], dict) and entry["resource"].get("subject") is ...:
            del entry["resource"]["subject"]
    found = record(observations=value)

    assert found.is_known("observations")
    assert [one["id"] for one in found.of("Observation")] == ["ki67"]


def test_included_resources_do_not_count_as_matches() -> None:
    value = bundle(ki67(), total=2)
    value["entry"].append({"resource": {"resourceType": "Medication"}, "search": {"mode": "include"}})

    assert state(observations=value) is State.PARTIAL


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p1"},
        {"reference": "https://ehr.example.org/fhir/Patient/p1"},
        {"reference": "Patient/p1/_history/3"},
        {"reference": "https://ehr.example.org/fhir/Patient/p1/_history/3"},
        {"reference": "urn:uuid:p1"},
        {"identifier": {"system": "urn:mrn", "value": "7"}},
        {"display": "A. Patient"},
    ],
)
def test_a_resource_of_the_patient_is_kept_however_it_is_referred_to(subject: dict[str, Any]) -> None:
    found = record(observations=bundle(ki67(subject=subject)))

    assert len(found.of("Observation")) == 1
    assert found.is_known("observations")


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p2"},
        {"reference": "https://ehr.example.org/Patient/p11"},
        {"reference": "Group/p1"},
    ],
)
def test_a_resource_of_another_patient_is_left_out_and_noted(subject: dict[str, Any]) -> None:
    found = record(observations=bundle(ki67(), ki67("other", subject=subject)))

    assert [one["id"] for one in found.of("Observation")] == ["ki67"]
    assert any("another patient" in note for note in found.sections["observations"].notes)
    assert found.is_known("observations")


def test_a_name_within_a_bundle_is_followed_to_its_patient() -> None:
    here, there = (f"urn:uuid:0000000{n}-1111-4111-8111-111111111111" for n in "12")
    value = bundle(ki67(subject={"reference": here}), ki67("other", subject={"reference": there}))
    value["entry"] += [
        {"fullUrl": here, "resource": {"resourceType": "Patient", "id": "p1"}},
        {"fullUrl": there, "resource": {"resourceType": "Patient", "id": "p2"}},
    ]

    assert [one["id"] for one in record(observations=value).of("Observation")] == ["ki67"]


@pytest.mark.parametrize(
    "value",
    [
        {"resourceType": "Patient", "id": "p2"},
        {"resourceType": "Patient", "id": 1},
        bundle({"resourceType": "Patient", "id": "p1"}, {"resourceType": "Patient", "id": "p2"}),
    ],
)
def test_the_chart_of_another_patient_is_refused(value: object) -> None:
    with pytest.raises(MalformedRequest) as caught:
        record(patient=value)

    assert caught.value.path == "$.prefetch.patient.id"


def test_a_patient_without_id_is_the_patient_asked_for() -> None:
    assert record(patient={"resourceType": "Patient", "birthDate": "1964-03-12"}).patient is not None


def test_an_appointment_belongs_by_its_participants() -> None:
    def appointment(name: str, *actors: str) -> dict[str, Any]:
        return {
            "resourceType": "Appointment",
            "id": name,
            "status": "booked",
            "serviceType": [{"text": "Chemoembolisation of liver (TACE)"}],
            "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
        }

    value = bundle(
        appointment("own", "Patient/p1", "Practitioner/7"),
        appointment("unnamed", "Practitioner/7"),
        appointment("other", "Patient/p2", "Practitioner/7"),
    )

    assert [one["id"] for one in record(appointments=value).of("Appointment")] == ["own", "unnamed"]


def test_an_element_that_cannot_be_read_is_taken_away() -> None:
    found = record(observations=bundle(ki67(effectiveDateTime="yesterday")))

    assert "effectiveDateTime" not in found.of("Observation")[0]
    assert "Observation/ki67: effectiveDateTime" in found.why_not_known("observations")


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        (
            "conditions",
            {
                "resourceType": "Condition",
                "code": {"text": "ileal carcinoid"},
                "verificationStatus": "refuted",
            },
        ),
        (
            "conditions",
            {"resourceType": "Condition", "code": {"text": "ileal carcinoid"}, "clinicalStatus": "resolved"},
        ),
        (
            "medicationRequests",
            {
                "resourceType": "MedicationRequest",
                "status": "active",
                "intent": "order",
                "doNotPerform": "maybe",
                "medicationCodeableConcept": {"text": "octreotide"},
            },
        ),
    ],
)
def test_what_could_mean_the_opposite_is_left_out(key: str, resource: dict[str, Any]) -> None:
    found = record(**{key: bundle({**resource, "id": "1", "subject": {"reference": "Patient/p1"}})})

    assert found.of(resource["resourceType"]) == ()
    assert found.sections[QUERIES[key].section].state is State.PARTIAL


def test_the_same_resource_twice_is_one_and_the_later_version_stays() -> None:
    old = ki67(meta={"lastUpdated": "2026-05-01T10:00:00Z"}, valueQuantity={"value": 2, "unit": "%"})
    new = ki67(meta={"lastUpdated": "2026-06-01T10:00:00Z"}, valueQuantity={"value": 25, "unit": "%"})

    for order in ((old, new), (new, old)):
        (kept,) = record(observations=bundle(*order)).of("Observation")
        assert kept["valueQuantity"]["value"] == 25


@pytest.mark.parametrize("name", [None, "", 5])
def test_resources_without_id_are_all_kept(name: object) -> None:
    one, other = ki67(id=name), ki67(id=name, valueQuantity={"value": 25, "unit": "%"})

    assert len(record(observations=bundle(one, other)).of("Observation")) == 2


def test_the_order_of_the_entries_does_not_matter() -> None:
    first, second = ki67("a"), ki67("b")

    assert record(observations=bundle(first, second)).of("Observation") == record(
        observations=bundle(second, first)
    ).of("Observation")


def test_a_section_of_several_keys_is_known_only_when_all_are() -> None:
    empty = bundle()

    assert record(diagnosticReports=empty, imagingStudies=empty).is_known("imaging")
    assert record(diagnosticReports=empty).sections["imaging"].state is State.PARTIAL
    assert record().sections["imaging"].state is State.UNKNOWN


def test_a_fault_of_fetching_says_why_a_section_is_not_known() -> None:
    terminology = knowledge().terminology
    faults = {"observations": "the server answered 403"}

    absent = build_record({}, patient_id="p1", terminology=terminology, faults=faults)
    partly = build_record(
        {"observations": bundle(ki67())}, patient_id="p1", terminology=terminology, faults=faults
    )

    assert absent.sections["observations"].state is State.UNKNOWN
    assert partly.sections["observations"].state is State.PARTIAL
    assert (
        absent.why_not_known("observations")
        == partly.why_not_known("observations")
        == "the server answered 403"
    )


def test_medications_that_came_along_can_be_referred_to() -> None:
    request = {
        "resourceType": "MedicationRequest",
        "id": "1",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "Medication/m1"},
    }
    medication = {"resourceType": "Medication", "id": "m1", "code": {"text": "octreotide"}}

    assert record(medicationRequests=bundle(request, medication)).medications["Medication/m1"] == medication


def test_reasons_hold_no_value_of_the_chart() -> None:
    found = record(
        observations=bundle(ki67(status="very private"), ki67("b", effectiveDateTime="private day"))
    )

    texts = found.sections["observations"].reasons + found.sections["observations"].notes
    assert texts
    assert not any("private" in text for text in texts)
