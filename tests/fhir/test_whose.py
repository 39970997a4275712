from __future__ import annotations

import pytest

from service.fhir.r4 import Appointment, Flag, Identifier, Participant, Patient, Reference
from service.fhir.whose import Whose, names_of, whose

ELSEWHERE = "https://ehr.example.org/fhir/Patient/elsewhere"
NAMES = names_of("p1", None).within({"urn:uuid:of-the-bundle": "p1", "#patient": "p1", ELSEWHERE: "p1"})


def told(reference: str) -> Whose:
    return whose(Flag(subject=Reference(reference=reference)), NAMES)


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p1",
        "https://ehr.example.org/fhir/Patient/p1",
        "Patient/p1/_history/7",
        "p1",
        "urn:uuid:p1",
        "urn:uuid:of-the-bundle",
        "#patient",
        ELSEWHERE,
    ],
)
def test_a_name_of_the_patient(reference: str) -> None:
    assert told(reference) is Whose.THIS_PATIENTS


@pytest.mark.parametrize(
    "reference", ["Patient/p2", "https://ehr.example.org/Patient/p2", "Group/p1", "p2", "Patient/P1"]
)
def test_a_name_of_somebody_else(reference: str) -> None:
    assert told(reference) is Whose.ANOTHERS


@pytest.mark.parametrize(
    "reference",
    [
        "urn:uuid:unknown",
        "urn:oid:1.2",
        "#p1",
        "Patient?identifier=p1",
        "",
        "urn:uuid:" + "x" * 1000,
        "Patient/p1/_history/two words",
    ],
)
def test_a_name_of_whom_nobody_can_tell(reference: str) -> None:
    assert told(reference) is Whose.NOT_TOLD


@pytest.mark.parametrize(
    ("system", "value", "expected"),
    [
        ("urn:mrn", "7", Whose.THIS_PATIENTS),
        ("urn:mrn", "8", Whose.ANOTHERS),
        ("urn:insurance", "7", Whose.NOT_TOLD),
    ],
)
def test_an_identifier_tells_where_the_patient_has_one_of_its_system(
    system: str, value: str, expected: Whose
) -> None:
    names = names_of("p1", Patient(identifier=[Identifier(system="urn:mrn", value="7")]))
    subject = Reference(identifier=Identifier(system=system, value=value))

    assert whose(Flag(subject=subject), names) is expected


def test_what_names_nobody_is_of_the_patient_with_whose_data_it_came() -> None:
    surgeon = Participant(actor=Reference(reference="Practitioner/1"))

    assert whose(Flag(), NAMES) is Whose.THIS_PATIENTS
    assert whose(Appointment(participant=[surgeon]), NAMES) is Whose.THIS_PATIENTS
