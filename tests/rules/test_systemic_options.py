"""Which trial is named to whom: each sentence has a condition (N-9, Y-8)."""

from __future__ import annotations

import pytest

from service.rules.base import Fires
from tests.asking import answers

_GROWN = "ileal NET (recurrence) 20 days ago; liver metastases 100 days ago"
_POSITIVE = "DOTATATE PET/CT positive done 60 days ago"


def _trials(record: str) -> str:
    (answer,) = answers("systemic-options", record)
    assert isinstance(answer, Fires)
    return answer.values["later_trials"]


@pytest.mark.parametrize(("percent", "is_named"), [("20", True), ("20.1", False)])
def test_compete_is_named_up_to_its_limit(percent: str, is_named: bool) -> None:
    assert ("COMPETE" in _trials(f"{_GROWN}; Ki-67 {percent} % 90 days ago; {_POSITIVE}")) is is_named


def test_compete_is_not_named_without_a_progression_or_receptors() -> None:
    untreated = "ileal NET 120 days ago; liver metastases 100 days ago; Ki-67 15 % 90 days ago"

    assert _trials(f"{untreated}; {_POSITIVE}") == ""
    assert _trials(f"{_GROWN}; Ki-67 15 % 90 days ago") == ""


def test_cabinet_is_named_only_after_a_drug_that_is_no_analogue() -> None:
    record = f"{_GROWN}; Ki-67 15 % 90 days ago; {_POSITIVE}"

    assert "CABINET" in _trials(f"{record}; everolimus oral 60 days ago")
    assert "CABINET" not in _trials(f"{record}; lanreotide depot 60 days ago")
