from __future__ import annotations

import pytest

from service.facts.item import Item
from service.facts.staging import tnm as read_tnm
from tests.asking import patient


def tnm(record: str) -> Item:
    return read_tnm(patient(record))


@pytest.mark.parametrize(
    ("record", "is_there"),
    [
        ("ileal NET", False),
        ("ileal NET; TNM T3 N1 M0", True),
        ("ileal NET; stage group IV", True),
        ("ileal NET (staged)", True),
        ("ileal NET; TNM T3 (preliminary)", False),
        ("ileal NET; TNM T3 (entered in error)", False),
    ],
)
def test_a_stage_is_on_record(record: str, is_there: bool) -> None:
    found = tnm(record)

    assert found.is_done is is_there


def test_the_newest_result_comes_before_the_stage_of_the_condition() -> None:
    found = tnm("ileal NET (staged) 90 days ago; TNM N0 60 days ago; TNM N1 on 2026-11-01")

    assert [one.reference.split("/")[0] for one in found.evidence] == ["Observation"]
    assert found.because == "done on 2026-11-01"


def test_the_stage_of_the_condition_is_evidence_in_its_own_words() -> None:
    assert [one.says.split(": ")[0] for one in tnm("ileal NET (staged)").evidence] == ["stage"]


@pytest.mark.parametrize(
    ("record", "is_stated"),
    [
        ('pathology report "Well differentiated NET. AJCC stage IIIB"', True),
        ('pathology report "UICC IV"', True),
        ('pathology report "ENETS stage IV"', True),
        ('pathology report "Stade IV"', True),
        ('pathology report "Estadio IIIA"', True),
        ('pathology report "Stadio IV"', True),
        ('pathology report "Stadium IIIB"', True),
        ('pathology report "At this stage I cannot comment on the margin"', False),
        ('pathology report "Ki-67 4 %, staged by CT 2026"', False),
        ('CT abdomen conclusion "Chronic kidney disease stage IV" done', False),
    ],
)
def test_a_stage_group_in_the_words_of_pathology(record: str, is_stated: bool) -> None:
    assert tnm(f"ileal NET; {record}").is_done is is_stated
