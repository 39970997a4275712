from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from service.cards import Knowledge, Silence
from service.commands.assessments import assessments
from tests.asking import knowledge

RULE = "ki67"


def with_card(
    *, missing: tuple[str, ...] = (), unverified: tuple[str, ...] | None = None, **changes: Any
) -> Knowledge:
    """Only one card: its first wording rests on these sections, and so does the one shown otherwise."""
    card = knowledge().cards[RULE]
    first = replace(card.first_wording, rests_on=missing)
    wordings = {first.name: first}
    if unverified is not None:
        wordings["otherwise"] = replace(first, name="otherwise", rests_on=unverified)
    suggestions = tuple(replace(one, rests_on=()) for one in card.suggestions)
    silent: dict[str, Silence] = {}
    plain = replace(card, wordings=wordings, silent=silent, suggestions=suggestions)
    return replace(knowledge(), cards={RULE: replace(plain, **changes)})


def can(known: Knowledge, *missing: str) -> tuple[str, str]:
    found = assessments(dict.fromkeys(missing, "not offered"), known)[0]
    return found.can, found.because


def test_with_everything_readable_every_rule_can_be_assessed() -> None:
    assert {one.can for one in assessments({}, knowledge())} == {"yes"}


def test_a_section_on_which_nothing_rests_is_not_needed() -> None:
    assert can(with_card(missing=("observations",)), "imaging") == ("yes", "")


def test_a_rule_whose_only_wording_rests_on_the_section_cannot_be_assessed() -> None:
    assert can(with_card(missing=("imaging",)), "imaging") == ("no", "imaging: not offered")


def test_a_rule_with_another_wording_can_be_assessed_in_part() -> None:
    known = with_card(missing=("imaging", "orders"), unverified=())

    assert can(known, "imaging", "orders", "flags") == ("partly", "imaging: not offered; orders: not offered")


def test_a_silence_that_could_not_be_trusted_makes_it_a_part() -> None:
    known = with_card(silent={"none": Silence("none", "nothing is there", ("medications",))})

    assert can(known, "medications") == ("partly", "medications: not offered")


def test_a_suggestion_that_could_not_be_offered_makes_it_a_part() -> None:
    card = knowledge().cards[RULE]
    known = with_card(suggestions=tuple(replace(one, rests_on=("allergies",)) for one in card.suggestions))

    assert can(known, "allergies") == ("partly", "allergies: not offered")


@pytest.mark.parametrize("missing", [(), ("imaging",)])
def test_without_conditions_no_rule_can_be_assessed(missing: tuple[str, ...]) -> None:
    assert can(with_card(missing=missing, unverified=()), "conditions") == ("no", "conditions: not offered")
