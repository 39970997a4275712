from __future__ import annotations

import pytest

from service.facts.confounders import confounders
from tests.asking import patient


@pytest.mark.parametrize(
    ("record", "inhibitors", "others"),
    [
        ("omeprazole taking", ["omeprazole"], ()),
        ("omeprazole oral; pantoprazole oral", ["omeprazole", "pantoprazole"], ()),
        ('drug text "Esomeprazole 40 mg"', ["Esomeprazole 40 mg"], ()),
        ("famotidine oral", [], ()),
        ("aripiprazole oral", [], ()),
        ('drug text "aripiprazole"', [], ()),
        ("omeprazole oral (stopped)", [], ()),
        ("eGFR 59", [], ("eGFR 59 mL/min/1.73 m2",)),
        ("eGFR 60", [], ()),
        ("atrophic gastritis (SNOMED)", [], ("chronic atrophic gastritis",)),
        ("atrophic gastritis (resolved)", [], ()),
        ("chronic kidney disease", [], ("Chronic kidney disease, stage 3 unspecified",)),
    ],
)
def test_what_could_raise_chromogranin_a(record: str, inhibitors: list[str], others: tuple[str, ...]) -> None:
    found = confounders(patient(f"ileal NET 200 days ago; {record}"))

    assert [drug.name for drug in found.inhibitors] == inhibitors
    assert found.others == others
