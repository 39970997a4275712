from __future__ import annotations

from typing import Any

import pytest

from service.errors import MalformedRequest
from service.fhir import r4
from service.fhir.queries import QUERIES
from service.fhir.read import State
from service.fhir.record import Count, Record
from tests.fhir.records import record_of

LOINC = "http://loinc.org"
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "informational"}]}


def record(**values: Any) -> Record:
    """The record of patient p1 from values by prefetch key; other keys are not sent."""
    return record_of(values, patient_id="p1")


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
    assert found.of(r4.Observation) == ()


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
        bundle(ki67(), ki67("other", status=None)),
        bundle(ki67(), ki67("other", effectiveDateTime="yesterday")),
        bundle(ki67(), ki67("other", effectiveDateTime="2026-02-30")),
        bundle(ki67(), ki67("other", effectivePeriod={"end": "2026-13-01"}, effectiveDateTime=None)),
        bundle(ki67(), ki67("other", valueQuantity={"value": "twelve"})),
        bundle(ki67(), ki67("other", code={"text": ["Ki-67"]})),
        bundle(ki67(), ki67("other", code=None)),
        bundle(ki67(), ki67("other", valueString="25 %")),
        bundle(ki67(), ki67("other", subject={"display": "A. Patient"})),
        bundle(ki67(), ki67("other", subject={"identifier": {"system": "urn:mrn", "value": "7"}})),
        bundle(ki67(), ki67("other", subject={"reference": "urn:uuid:11111111-1111-4111-8111-111111111111"})),
    ],
)
def test_what_could_not_be_read_whole_is_partial_and_keeps_the_rest(value: object) -> None:
    found = record(observations=value)

    assert found.sections["observations"].state is State.PARTIAL
    assert "ki67" in [one.id for one in found.of(r4.Observation)]
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
        bundle(ki67(), ki67("unrelated", code={"text": "Sodium"}, status="done")),
        bundle(ki67(effectiveDateTime="0001-01-01T00:00:00Z")),
        bundle(ki67(), {"resourceType": "Practitioner", "id": "x"}, total=2),
    ],
)
def test_what_is_odd_and_harmless_leaves_the_section_known(value: Any) -> None:
    for entry in value.get("entry", []) if isinstance(value, dict) else []:
        if isinstance(entry["resource"], dict) and entry["resource"].get("subject") is ...:
            del entry["resource"]["subject"]
    found = record(observations=value)

    assert found.is_known("observations")
    assert [one.id for one in found.of(r4.Observation)] == ["ki67"]


@pytest.mark.parametrize(("total", "expected"), [(1, State.KNOWN), (2, State.KNOWN), (3, State.PARTIAL)])
def test_a_total_may_count_what_was_included(total: int, expected: State) -> None:
    value = bundle(ki67(), total=total)
    value["entry"].append({"resource": {"resourceType": "Practitioner"}, "search": {"mode": "include"}})

    assert state(observations=value) is expected


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p1"},
        {"reference": "https://ehr.example.org/fhir/Patient/p1"},
        {"reference": "Patient/p1/_history/3"},
        {"reference": "https://ehr.example.org/fhir/Patient/p1/_history/3"},
        {"reference": "urn:uuid:p1"},
        {"reference": "p1"},
    ],
)
def test_a_resource_of_the_patient_is_kept_however_it_is_referred_to(subject: dict[str, Any]) -> None:
    found = record(observations=bundle(ki67(subject=subject)))

    assert len(found.of(r4.Observation)) == 1
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

    assert [one.id for one in found.of(r4.Observation)] == ["ki67"]
    assert any("another patient" in note for note in found.sections["observations"].notes)
    assert found.is_known("observations")


def test_a_name_within_a_bundle_is_followed_to_its_patient() -> None:
    here, there = (f"urn:uuid:0000000{n}-1111-4111-8111-111111111111" for n in "12")
    value = bundle(ki67(subject={"reference": here}), ki67("other", subject={"reference": there}))
    value["entry"] += [
        {"fullUrl": here, "resource": {"resourceType": "Patient", "id": "p1"}},
        {"fullUrl": there, "resource": {"resourceType": "Patient", "id": "p2"}},
    ]

    assert [one.id for one in record(observations=value).of(r4.Observation)] == ["ki67"]


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

    assert [one.id for one in record(appointments=value).of(r4.Appointment)] == ["own", "unnamed"]


def test_an_element_that_cannot_be_read_is_taken_away() -> None:
    found = record(observations=bundle(ki67(effectiveDateTime="yesterday")))

    assert found.of(r4.Observation)[0].effective_date_time is None
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

    assert found.of(r4.TYPES[resource["resourceType"]]) == ()
    assert found.sections[QUERIES[key].section].state is State.PARTIAL


def test_the_same_resource_twice_is_one_and_the_later_version_stays() -> None:
    old = ki67(meta={"lastUpdated": "2026-05-01T10:00:00Z"}, valueQuantity={"value": 2, "unit": "%"})
    new = ki67(meta={"lastUpdated": "2026-06-01T10:00:00Z"}, valueQuantity={"value": 25, "unit": "%"})

    for order in ((old, new), (new, old)):
        (kept,) = record(observations=bundle(*order)).of(r4.Observation)
        assert kept.value_quantity is not None
        assert kept.value_quantity.value == 25


@pytest.mark.parametrize("name", [None, "", 5])
def test_resources_without_id_are_all_kept(name: object) -> None:
    one, other = ki67(id=name), ki67(id=name, valueQuantity={"value": 25, "unit": "%"})

    assert len(record(observations=bundle(one, other)).of(r4.Observation)) == 2


def test_the_order_of_the_entries_does_not_matter() -> None:
    first, second = ki67("a"), ki67("b")

    assert record(observations=bundle(first, second)).of(r4.Observation) == record(
        observations=bundle(second, first)
    ).of(r4.Observation)


def test_a_section_of_several_keys_is_known_only_when_all_are() -> None:
    empty = bundle()

    assert record(diagnosticReports=empty, imagingStudies=empty).is_known("imaging")
    assert record(diagnosticReports=empty).sections["imaging"].state is State.PARTIAL
    assert record().sections["imaging"].state is State.UNKNOWN


def test_a_fault_of_fetching_says_why_a_section_is_not_known() -> None:
    faults = {"observations": "the server answered 403"}

    absent = record_of({}, patient_id="p1", faults=faults)
    partly = record_of({"observations": bundle(ki67())}, patient_id="p1", faults=faults)

    assert absent.state("observations") is State.UNKNOWN
    assert partly.state("observations") is State.PARTIAL
    assert absent.why_not_known("observations") == "the server answered 403"
    assert partly.why_not_known("observations") == "the server answered 403"


def test_reasons_hold_no_value_of_the_chart() -> None:
    found = record(
        observations=bundle(ki67(status="very private"), ki67("b", effectiveDateTime="private day"))
    )

    texts = found.sections["observations"].reasons + found.sections["observations"].notes
    assert texts
    assert not any("private" in text for text in texts)


def test_every_entry_is_accounted_for() -> None:
    found = record(
        observations=bundle(
            ki67(),
            ki67(),
            ki67("sodium", code={"text": "Sodium"}),
            {"resourceType": "Practitioner", "id": "x"},
            WARNING,
            ki67("other", subject={"reference": "Patient/p2"}),
            ki67("no-name", code={}),
            None,
        )
    )

    assert found.sections["observations"].count == Count(2, 3, 1, 2)


def test_an_identifier_tells_whose_a_resource_is() -> None:
    patient = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": "urn:mrn", "value": "7"}]}

    def subject(system: str, value: str) -> dict[str, Any]:
        return {"identifier": {"system": system, "value": value}}

    found = record(
        patient=patient,
        observations=bundle(
            ki67("own", subject=subject("urn:mrn", "7")),
            ki67("other", subject=subject("urn:mrn", "8")),
            ki67("unclear", subject=subject("urn:insurance", "9")),
        ),
    )

    assert [one.id for one in found.of(r4.Observation)] == ["own"]
    assert found.sections["observations"].count == Count(1, 0, 1, 1)


def test_data_of_a_record_that_this_one_replaces_are_the_patients() -> None:
    link = [{"type": "replaces", "other": {"reference": "Patient/old"}}]
    patient = {"resourceType": "Patient", "id": "p1", "link": link}

    found = record(patient=patient, observations=bundle(ki67(subject={"reference": "Patient/old"})))

    assert len(found.of(r4.Observation)) == 1


def test_a_chart_whose_conditions_are_all_somebody_elses_is_refused() -> None:
    condition = {"resourceType": "Condition", "code": {"text": "NET"}, "subject": {"reference": "Patient/p2"}}

    with pytest.raises(MalformedRequest) as caught:
        record(conditions=bundle(condition))

    assert caught.value.path == "$.prefetch.conditions"


@pytest.mark.parametrize(
    "code", ["incomplete", "suppressed", "timeout", "throttled", "too-costly", "forbidden", "not-supported"]
)
def test_an_outcome_says_by_its_code_that_results_are_missing(code: str) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": code}]}

    assert state(observations=bundle(outcome)) is State.PARTIAL


def test_a_bundle_within_a_bundle_is_not_an_empty_chart() -> None:
    assert state(observations=bundle(bundle(ki67()))) is State.PARTIAL


@pytest.mark.parametrize(
    "members",
    [
        {"modifierExtension": [{"url": "urn:not", "valueBoolean": True}]},
        {"implicitRules": "urn:rules"},
        {"meta": {"tag": [{"code": "SUBSETTED"}]}},
        {"meta": {"security": [{"code": "MASKED"}]}},
        {"component": [{"code": {"text": "Ki-67"}, "modifierExtension": [{"url": "urn:not"}]}]},
        {"code": {"coding": [{"code": 295931}]}},
        {"code": {"concept": {"text": "Ki-67"}}},
        {"code": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason"}]}},
    ],
)
def test_a_resource_that_may_not_be_processed_is_unreadable(members: dict[str, Any]) -> None:
    found = record(observations=bundle(ki67(**members)))

    assert found.of(r4.Observation) == ()
    assert found.state("observations") is State.PARTIAL
    assert found.sections["observations"].count == Count(unreadable=1)


@pytest.mark.parametrize(
    ("key", "members"),
    [
        ("medicationRequests", {"medication": {"concept": {"text": "octreotide"}}, "status": "active"}),
        ("medicationStatements", {"taken": "n", "medicationCodeableConcept": {"text": "octreotide"}}),
        ("medicationStatements", {"wasNotTaken": True, "medicationCodeableConcept": {"text": "octreotide"}}),
        ("medicationAdministrations", {"notGiven": True, "medicationCodeableConcept": {"text": "x"}}),
        ("procedures", {"notDone": True, "code": {"text": "right hemicolectomy"}, "status": "completed"}),
        ("procedures", {"occurrenceDateTime": "2026-01-01", "code": {"text": "x"}, "status": "completed"}),
        ("serviceRequests", {"code": {"concept": {"text": "right hemicolectomy"}}, "status": "active"}),
        ("serviceRequests", {"resourceType": "ProcedureRequest", "code": {"text": "x"}}),
        ("medicationRequests", {"resourceType": "MedicationOrder", "status": "active"}),
        ("appointments", {"reason": [{"concept": {"text": "hemicolectomy"}}], "status": "booked"}),
        ("encounters", {"class": [{"text": "inpatient"}], "reason": [{"use": []}], "status": "planned"}),
    ],
)
def test_the_shape_of_another_release_is_never_absence(key: str, members: dict[str, Any]) -> None:
    resource = {"resourceType": QUERIES[key].resource_type, "id": "1", **members}
    found = record(**{key: bundle(resource)})

    section = found.sections[QUERIES[key].section]
    assert section.count.unreadable == 1
    assert section.state is State.PARTIAL
    assert any("another release" in reason for reason in section.reasons)


@pytest.mark.parametrize(
    "status",
    [
        {"coding": [{"system": "urn:local", "code": "A"}, {"system": "urn:ver-status", "code": "refuted"}]},
        {"text": "Refuted"},
    ],
)
def test_a_status_is_read_wherever_its_code_stands(status: dict[str, Any]) -> None:
    condition = {"resourceType": "Condition", "code": {"text": "ileal NET"}, "verificationStatus": status}

    (found,) = record(conditions=bundle(condition)).of(r4.Condition)

    assert found.is_refuted


def test_a_status_that_none_of_its_value_set_explains_is_unreadable() -> None:
    status = {"coding": [{"system": "urn:local", "code": "A"}]}
    condition = {"resourceType": "Condition", "code": {"text": "ileal NET"}, "clinicalStatus": status}

    assert record(conditions=bundle(condition)).state("conditions") is State.PARTIAL


@pytest.mark.parametrize(
    ("reference", "beside", "readable"),
    [
        ({"reference": "Medication/m1"}, [{"resourceType": "Medication", "id": "m1"}], False),
        ({"reference": "Medication/m2"}, [], False),
        ({"reference": "#m9"}, [], False),
        ({"identifier": {"value": "4711"}}, [], False),
        ({"reference": "Medication/m2", "display": "octreotide"}, [], True),
        (
            {"reference": "https://ehr.example.org/fhir/Medication/m1"},
            [{"resourceType": "Medication", "id": "m1", "code": {"text": "octreotide"}}],
            True,
        ),
        (
            {"reference": "Medication/m1"},
            [
                {
                    "resourceType": "Medication",
                    "id": "m1",
                    "ingredient": [{"itemCodeableConcept": {"text": "octreotide"}}],
                }
            ],
            True,
        ),
    ],
)
def test_a_drug_is_found_where_its_reference_leads(
    reference: dict[str, Any], beside: list[dict[str, Any]], readable: bool
) -> None:
    order = {
        "resourceType": "MedicationRequest",
        "id": "1",
        "status": "active",
        "intent": "order",
        "medicationReference": reference,
    }
    found = record(
        medicationRequests=bundle(order, *beside), medicationStatements=None, medicationAdministrations=None
    )

    assert found.is_known("medications") is readable
    assert [one.about.is_named("drug-octreotide") for one in found.of(r4.MedicationRequest)] == [
        True
    ] * readable


def test_reasons_do_not_grow_with_what_is_wrong() -> None:
    reasons = record(observations=bundle(*[0] * 100_000)).sections["observations"].reasons

    assert len(" ".join(reasons)) < 4_000
    assert reasons[-1] == "and 99980 more"


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        ("observations", ki67(status="unknown")),
        (
            "diagnosticReports",
            {"resourceType": "DiagnosticReport", "status": "unknown", "code": {"text": "DOTATATE PET/CT"}},
        ),
        ("procedures", {"resourceType": "Procedure", "status": "unknown", "code": {"text": "hemicolectomy"}}),
        (
            "medicationStatements",
            {
                "resourceType": "MedicationStatement",
                "status": "unknown",
                "medicationCodeableConcept": {"text": "octreotide"},
            },
        ),
    ],
)
def test_what_has_an_unknown_status_is_neither_there_nor_absent(key: str, resource: dict[str, Any]) -> None:
    found = record(**{key: bundle(resource)})
    section = found.sections[QUERIES[key].section]

    assert [one for one in section.reasons if "not known" in one]
    assert not found.is_known(section.name)


def test_an_unknown_status_of_another_drug_casts_no_doubt_on_octreotide() -> None:
    statement = {
        "resourceType": "MedicationStatement",
        "status": "unknown",
        "medicationCodeableConcept": {"text": "omeprazole"},
    }
    found = record(
        medicationRequests=bundle(),
        medicationStatements=bundle(statement),
        medicationAdministrations=bundle(),
    )

    assert found.sections["medications"].reasons == ()


def test_a_record_that_was_replaced_says_so() -> None:
    link = {"other": {"reference": "Patient/new"}, "type": "replaced-by"}
    found = record(patient={"resourceType": "Patient", "id": "p1", "link": [link]})

    assert found.sections["patient"].notes == ("this record was replaced by another one of the same person",)
