from __future__ import annotations

import pytest

from service.facts.person import Person
from service.facts.person import person as read_person
from tests.asking import patient, patient_with


def person(record: str) -> Person:
    return read_person(patient(f"ileal NET; {record}"))


@pytest.mark.parametrize(
    ("born", "age", "is_adult"),
    [
        ("2008-11-25", 17, False),
        ("2008-11-24", 18, True),
        ("2008-11-23", 18, True),
        ("1964-03-12", 62, True),
        ("2020", 6, False),
    ],
)
def test_an_adult_is_eighteen_on_the_birthday(born: str, age: int, is_adult: bool) -> None:
    found = person(f"born on {born}") if len(born) > 4 else person(f"born on {born}-01-01")

    assert (found.age_years, found.is_adult) == (age, is_adult)


def test_a_patient_of_unknown_age_is_taken_for_an_adult() -> None:
    assert person("no birth date").is_adult
    assert person("patient unknown").is_adult
    assert person("no birth date").age_years is None


@pytest.mark.parametrize(
    ("record", "is_deceased"), [("deceased", True), ("deceased 10 days ago", True), ("male", False)]
)
def test_death(record: str, is_deceased: bool) -> None:
    assert person(record).is_deceased is is_deceased


@pytest.mark.parametrize(
    ("record", "is_there"),
    [
        ('care plan "Comfort care only"', True),
        ('care plan "Comfort care only" (revoked)', False),
        ('order text "Hospice referral"', True),
        ('order text "Hospice referral" (revoked)', False),
        ('care plan "Active surveillance"', False),
        ('care plan "Comfort care only" (completed) 100 days ago', True),
        ('condition text "Receiving hospice care"', True),
        ('condition text "Receiving hospice care" (resolved)', False),
        ('condition text "Hospice discussed, declined"', False),
        ('condition text "No hospice care wanted"', False),
        ('encounter "Hospice care" (in progress)', True),
        ('encounter "Hospice care" (cancelled)', False),
        ('encounter "Hospice care" 400 days ago', False),
        ('encounter "Hospice referral declined"', False),
        ('care plan "Soins palliatifs exclusifs"', True),
        ('care plan "Soins palliatifs exclusifs refusés"', False),
        ('encounter "Stationäres Hospiz" (in progress)', True),
        ('encounter "Stationäres Hospiz abgelehnt"', False),
        ('care plan "Comfortzorg"', True),
        ('flag "Comfort measures only"', True),
        ('flag "Comfort measures only" (inactive)', False),
    ],
)
def test_comfort_care(record: str, is_there: bool) -> None:
    assert person(record).has_comfort_care is is_there


@pytest.mark.parametrize(
    ("words", "is_there"),
    [
        ("Palliativbehandlung", True),
        ("Palliativbehandlung abgelehnt", False),
        ("Soins palliatifs", True),
        ("Soins palliatifs discutés", False),
        ("Atención paliativa", True),
        ("Cuidados paliativos", True),
        ("Cuidados paliativos rechazados", False),
        ("Cure palliative", True),
        ("Palliatieve zorg", True),
    ],
)
def test_palliative_care_in_other_languages(words: str, is_there: bool) -> None:
    found = person(f'encounter "{words}" (in progress)')

    assert found.has_palliative_care is is_there
    assert not found.has_comfort_care


def hospice(value: str, *, effective: str = "2026-11-01", status: str = "final") -> Person:
    answer = {"coding": [{"system": "http://snomed.info/sct", "code": value}]}
    code = {"coding": [{"system": "http://loinc.org", "code": "45755-6"}]}
    observation = {"resourceType": "Observation", "status": status, "code": code}
    result = {**observation, "valueCodeableConcept": answer, "effectiveDateTime": effective}
    return read_person(patient_with("ileal NET", "observations", result))


def test_hospice_care_is_an_answer_that_says_yes() -> None:
    assert hospice("373066001").has_comfort_care
    assert not hospice("373067005").has_comfort_care
    assert not hospice("373066001", status="entered-in-error").has_comfort_care
    assert not hospice("373066001", effective="2025-11-01").has_comfort_care


def test_full_care_by_hospice_is_a_code_of_its_own() -> None:
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "170935008"}]}
    condition = {"resourceType": "Condition", "code": code, "recordedDate": "2026-11-01"}

    assert read_person(patient_with("ileal NET", "conditions", condition)).has_comfort_care
