"""The target of Y-1: who is well managed is left alone, and who is newly diagnosed is not."""

from __future__ import annotations

from functools import cache

import pytest

from service.hooks.card import Indicator
from tests.burden.courses import COURSES, WORKED_UP, Course, Entry
from tests.burden.opening import SELDOM_DAYS, Burden, burden, openings

_BY_NAME = {course.name: course for course in COURSES}
_MOST = 0.10
"""Up to this share of openings may show a card to a well-managed patient (Y-1, Target)."""


@cache
def found(name: str) -> Burden:
    return burden(_BY_NAME[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", _BY_NAME)
def test_a_well_managed_patient_sees_few_cards(name: str) -> None:
    assert found(name).share <= _MOST


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["cured ileal, yearly follow-up", "cured ileal, half-yearly follow-up", "cured appendiceal, 8 mm"]
)
def test_who_is_cured_sees_none(name: str) -> None:
    assert found(name).cards == 0


@pytest.mark.slow
def test_stable_disease_under_treatment_with_all_done_sees_none() -> None:
    assert found("stable on lanreotide").cards == 0
    assert found("stable, syndrome, crisis flag").cards == 0


@pytest.mark.slow
def test_a_plan_for_operations_that_is_missing_is_said_once_in_half_a_year() -> None:
    course = _BY_NAME["stable, syndrome, no flag"]

    shown = [one for one in openings(course, days=2 * SELDOM_DAYS) if one.cards]

    assert [one.day for one in shown] == [0, 182]
    assert {rule for one in shown for card in one.cards for rule in card.recommendations} == {
        "octreotide-prophylaxis"
    }


@pytest.mark.slow
def test_a_new_diagnosis_is_worked_up_first() -> None:
    course = _BY_NAME["newly diagnosed"]

    first, *_later = openings(course, days=14)

    assert {"sstr-imaging", "ki67"} <= {rule for card in first.cards for rule in card.recommendations}


def test_who_is_worked_up_and_discussed_sees_no_card() -> None:
    assert [one.cards for one in openings(WORKED_UP, days=90)] == [()] * 7


def test_a_planned_operation_in_the_syndrome_is_said_at_every_opening() -> None:
    syndrome = Entry(-18, "carcinoid syndrome {on}")
    booked = Entry(14, "small-bowel resection booked on 2021-04-04")
    course = Course("awaiting surgery with syndrome", (*WORKED_UP.entries, syndrome, booked))

    warned = [
        any(card.indicator >= Indicator.WARNING for card in one.cards) for one in openings(course, days=84)
    ]

    assert warned == [False, True, True, True, True, True]


def test_a_course_holds_what_stands_in_the_chart_on_the_day() -> None:
    course = Course("two", (Entry(0, "ileal NET {on}"), Entry(5, "lanreotide depot {on}", until=9)))

    assert course.chart(4) == "ileal NET on 2021-01-04"
    assert course.chart(5) == "ileal NET on 2021-01-04; lanreotide depot on 2021-01-09"
    assert course.chart(9) == "ileal NET on 2021-01-04"
