from __future__ import annotations

import pytest

from service.facts.precautions import Precautions
from service.facts.precautions import precautions as read_precautions
from tests.asking import patient


def precautions(record: str) -> Precautions:
    return read_precautions(patient(f"ileal NET; {record}"))


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ('condition text "Portal vein thrombosis"', "portal_vein_thrombosis"),
        ('CT abdomen conclusion "Portal venous thrombosis" done', "portal_vein_thrombosis"),
        ('condition text "Decompensated cirrhosis"', "liver_failure"),
        ('document "Poor liver reserve"', "liver_failure"),
        ("pancreaticoduodenectomy done 900 days ago", "biliary_anastomosis"),
        ('procedure text "Hepaticojejunostomy" 900 days ago', "biliary_anastomosis"),
        ('condition text "Pancytopenia"', "marrow_failure"),
        ('condition text "Pregnant"', "pregnancy"),
        ('document "Pregnant, 20 weeks" 900 days ago', "pregnancy"),
        ('condition text "Pregnant"', "current_pregnancy"),
        ('condition text "Pregnancy" (no clinical status) 300 days ago', "current_pregnancy"),
    ],
)
def test_what_is_stated_in_words(record: str, name: str) -> None:
    assert getattr(precautions(record), name) is not None


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ('condition text "Portal vein thrombosis" (resolved)', "portal_vein_thrombosis"),
        ('condition text "Portal vein thrombosis" (refuted)', "portal_vein_thrombosis"),
        (
            'CT abdomen conclusion "Patent portal vein, no portal vein thrombosis" done',
            "portal_vein_thrombosis",
        ),
        ("pancreaticoduodenectomy planned in 20 days", "biliary_anastomosis"),
        ('condition text "Not pregnant"', "pregnancy"),
        ('condition text "Not currently pregnant"', "pregnancy"),
        ('imaging report conclusion "Pregnancy test done"', "pregnancy"),
        ('condition text "Pregnancy" 301 days ago', "current_pregnancy"),
        ('condition text "Pregnancy" (undated)', "current_pregnancy"),
        ('condition text "Pregnancy" (resolved)', "current_pregnancy"),
        ('condition text "Pregnancy" (refuted)', "current_pregnancy"),
        ('condition text "Termination of pregnancy"', "current_pregnancy"),
        ('document "Pregnant, 20 weeks"', "current_pregnancy"),
        ('ileal NET with note "pregnant"', "current_pregnancy"),
        ('condition text "Pancytopenia" (entered in error)', "marrow_failure"),
    ],
)
def test_what_does_not_hold(record: str, name: str) -> None:
    assert getattr(precautions(record), name) is None


@pytest.mark.parametrize(
    ("record", "value"),
    [
        ("Ki-67 2 %", None),
        ("eGFR 45", 45.0),
        ("eGFR 45 40 days ago; eGFR 28 5 days ago", 28.0),
        ("eGFR 28 40 days ago; eGFR 45 5 days ago", 45.0),
        ("eGFR <15", 15.0),
        ("eGFR >90", 90.0),
        ("eGFR 28 (cancelled)", None),
    ],
)
def test_the_newest_filtration_rate(record: str, value: float | None) -> None:
    assert precautions(record).egfr == value
