from __future__ import annotations

import pytest

from service.facts.complication import Complication
from service.facts.complication import complications as read_complications
from tests.asking import patient


def complications(record: str) -> tuple[Complication, ...]:
    return read_complications(patient(f"ileal NET; {record}"))


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ("bowel obstruction", "obstruction"),
        ("bowel ischaemia", "ischaemia"),
        ("gastrointestinal bleeding", "bleeding"),
        ('condition text "Recurrent GI bleeding"', "bleeding"),
        ('condition text "Subileus"', "obstruction"),
    ],
)
def test_a_complication_by_code_or_in_words(record: str, what: str) -> None:
    assert [(one.what, one.is_confirmed) for one in complications(record)] == [(what, True)]


@pytest.mark.parametrize(
    "record",
    [
        "bowel obstruction (refuted)",
        "bowel obstruction (resolved)",
        "bowel obstruction (entered in error)",
        'condition text "History of bowel obstruction"',
        "gallstones",
    ],
)
def test_what_is_no_complication_now(record: str) -> None:
    assert complications(record) == ()


def test_confirmed_complications_come_first() -> None:
    found = complications("bowel obstruction (suspected); gastrointestinal bleeding")

    assert [(one.what, one.is_confirmed) for one in found] == [("bleeding", True), ("obstruction", False)]
