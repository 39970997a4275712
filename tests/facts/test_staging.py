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
