"""How an answer came about: the steps through the algorithm."""

from __future__ import annotations

import pytest

from service.facts.phase import Phase, phase
from service.why import PHASES, Fact, facts
from tests.asking import patient

NEW = "ileal NET 60 days ago"


def phase_of_care(phrases: str) -> Fact:
    return next(one for one in facts(patient(phrases)) if one.name == "Phase of care")


def test_every_phase_has_its_words() -> None:
    assert PHASES.keys() == set(Phase)


@pytest.mark.parametrize(
    ("phrases", "expected"),
    [
        (NEW, Phase.INITIAL),
        (f"{NEW}; liver metastases; lanreotide depot 30 days ago", Phase.TREATMENT),
        (f"{NEW}; small-bowel resection done 30 days ago", Phase.RESECTED),
    ],
)
def test_the_phase_is_told_in_words_with_what_shows_it(phrases: str, expected: Phase) -> None:
    assert phase(patient(phrases)) is expected
    found = phase_of_care(phrases)
    assert found.value == PHASES[expected]
    assert not found.is_unknown
    assert found.rests_on


def test_a_tumour_counts_as_new_only_where_the_past_was_read() -> None:
    found = phase_of_care(f"{NEW}; procedures unknown")
    assert found.is_unknown
    assert found.unread == ("procedures",)


def test_what_shows_treatment_holds_whatever_else_was_not_read() -> None:
    found = phase_of_care(f"{NEW}; liver metastases; lanreotide depot 30 days ago; documents unknown")
    assert not found.is_unknown
    assert found.unread == ("documents",)


def test_care_that_is_limited_to_comfort_stands_above_the_phase() -> None:
    assert phase_of_care(f'{NEW}; care plan "Comfort care only"').value == "comfort care only"


def test_without_a_tumour_there_is_no_phase() -> None:
    assert phase_of_care("age 45").value == "none without a tumour"
