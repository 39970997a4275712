from __future__ import annotations

import pytest

from service.facts.progression import Progression
from service.facts.progression import progression as read_progression
from service.fhir.dates import parse
from tests.asking import knowledge, patient


def progression(record: str) -> Progression:
    return read_progression(patient(record))


def days(record: str) -> list[str]:
    return [one.moment.day if one.moment else "undated" for one in progression(record).found]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("ileal NET", []),
        ("male", []),
        ("ileal NET (recurrence) on 2026-10-05", ["2026-10-05"]),
        ("ileal NET (relapse) on 2026-10-05", ["2026-10-05"]),
        ("ileal NET (recurrence) (undated)", ["undated"]),
        ("ileal NET (recurrence) on 2027-10-05", []),
        ("ileal NET; gallstones (recurrence)", []),
        ("ileal NET; breast cancer (recurrence)", []),
        ('ileal NET with note "local recurrence" on 2026-10-05', ["2026-10-05"]),
        ('ileal NET; CT abdomen conclusion "Progressive disease" done on 2026-10-05', ["2026-10-05"]),
        ('ileal NET; CT abdomen conclusion "Progressive disease" done (preliminary)', []),
        ('ileal NET; breast cancer; CT abdomen conclusion "Progressive disease" done', []),
        ('ileal NET; document "On disease progression: PRRT"', []),
        ('ileal NET; care plan "At disease progression: PRRT"', []),
    ],
)
def test_the_tumour_has_come_back_or_grown(record: str, expected: list[str]) -> None:
    assert days(record) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("ileal NET (recurrence) on 2026-10-04", None),
        ("ileal NET (recurrence) on 2026-10-05", None),
        ("ileal NET (recurrence) on 2026-10-06", "recurrence or progression, on 2026-10-06"),
        ("ileal NET (recurrence) (undated)", "recurrence or progression, (date unknown)"),
        (
            "ileal NET (recurrence) on 2026-10-06; ileal NET (relapse) on 2026-11-01",
            "recurrence or progression, on 2026-11-01",
        ),
    ],
)
def test_the_newest_after_a_day(record: str, expected: str | None) -> None:
    day = parse("2026-10-05")
    assert day is not None

    found = progression(record).after(day)

    assert (found.evidence.says if found else None) == expected


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("Progressive disease compared with the previous CT", True),
        ("Progression of the liver metastases", True),
        ("Radiological progression", True),
        ("Tumor recurrence at the anastomosis", True),
        ("Recurrent neuroendocrine tumour", True),
        ("No progression", False),
        ("No evidence of local recurrence", False),
        ("Without evidence of tumour recurrence", False),
        ("Progression-free under disease progression criteria", False),
        ("Progress note", False),
        ("Recurrent urinary tract infection", False),
        ("Rule out disease recurrence", False),
        ("Tumour recurrence?", False),
    ],
)
def test_words_of_progression(text: str, is_found: bool) -> None:
    assert knowledge().terminology.says("progression", text) is is_found
