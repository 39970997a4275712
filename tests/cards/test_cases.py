"""Every row of every Cases table is a test: the clinician's words against the programmer's rule."""

from __future__ import annotations

import pytest

from service.cards import CardText
from service.cases import in_words
from tests.asking import answers, knowledge
from tests.cards.rows import Case, cases

CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_case(case: Case) -> None:
    found = answers(case.card.id, case.record, case.hook)

    assert "; ".join(in_words(said, case.card) for said in found) == case.expected, found


_WITH_CASES = [card for card in knowledge().cards.values() if "Cases" in card.sections]


@pytest.mark.parametrize("card", _WITH_CASES, ids=lambda card: card.id)
def test_every_wording_has_a_case(card: CardText) -> None:
    fired = {case.expected for case in CASES if case.card.id == card.id}

    unused = [name for name in card.wordings if not any(f"fires {name} (" in answer for answer in fired)]

    assert unused == []
