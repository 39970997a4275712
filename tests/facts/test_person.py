from __future__ import annotations

import pytest

from service.facts.person import Person
from service.facts.person import person as read_person
from tests.asking import patient


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
        ('flag "Comfort measures only"', True),
        ('flag "Comfort measures only" (inactive)', False),
    ],
)
def test_comfort_care(record: str, is_there: bool) -> None:
    assert person(record).has_comfort_care is is_there
