"""A card can be read at a glance: the first line says what to do or check, a few lines say why."""

from __future__ import annotations

import re

import pytest

from service.cards import CardText
from tests.asking import knowledge, translations

LONGEST_FIRST_LINE = 250  # characters, with the names of holes; about two lines of a card
LONGEST_DETAIL = 900  # characters, without what every card ends with; about eight lines
_AUTHORS_WORDS = re.compile(r"from memory|verify\)|\(mem\)|\(dflt\)|project default", re.IGNORECASE)

ALL = {"en": knowledge(), **{name: one.knowledge for name, one in translations().items()}}
CARDS = [
    pytest.param(card, id=f"{language}-{card.id}")
    for language, content in ALL.items()
    for card in content.cards.values()
]


@pytest.mark.parametrize("card", CARDS)
def test_a_detail_is_short_and_begins_with_one_short_line(card: CardText) -> None:
    for wording in card.wordings.values():
        first = wording.detail.partition("\n\n")[0]

        assert len(first) <= LONGEST_FIRST_LINE, wording.name
        assert len(wording.detail) <= LONGEST_DETAIL, wording.name


@pytest.mark.parametrize("card", CARDS)
def test_no_card_shows_what_its_author_noted_for_himself(card: CardText) -> None:
    shown = [text for one in card.wordings.values() for text in (one.summary, one.detail)]

    assert not [text for text in [*shown, card.current_guidance] if _AUTHORS_WORDS.search(text)]


@pytest.mark.parametrize("card", CARDS)
def test_no_suggested_order_of_an_analogue_names_a_dose(card: CardText) -> None:
    for suggestion in card.suggestions:
        for dosage in suggestion.resource.get("dosageInstruction", []):
            assert not re.search(r"\d\s*(?:mg|microgram|mcg|µg|ug)\b", f"{suggestion.label} {dosage['text']}")
