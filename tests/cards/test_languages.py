"""What a card says in another language is what it says in English: the same rules, wordings and holes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from fhir_fixtures.vocabulary import TODAY, now_on
from service.cards import WITH_HOLES, CardText, Knowledge
from service.engine import HookResult, respond
from service.fhir.phrasebook import holes_in
from service.hooks.text import LONGEST_SUMMARY, summary
from service.rules.base import Fires, Silent
from tests.asking import hook_request, knowledge, translations
from tests.cards.rows import cases

pytestmark = pytest.mark.slow

_HOLE = re.compile(r"\{\w+\}")
_TELLING = 30  # characters of words without a hole, of which no two languages have the same
LANGUAGES = sorted(translations())


def _content(language: str) -> Knowledge:
    return translations()[language].knowledge


def _ask(record: str, hook: str, content: Knowledge) -> HookResult:
    return respond(hook_request(record, hook), knowledge=content, now=now_on(TODAY), ask_all=True)


def _decided(result: HookResult) -> list[tuple[str, str]]:
    """Each rule and what it says, without words."""
    return [
        (verdict.rule.id, said.wording if isinstance(said, Fires) else getattr(said, "because", "unread"))
        for verdict in result.verdicts
        for said in verdict.said
    ]


def _words(card: CardText) -> Iterator[str]:
    for wording in card.wordings.values():
        yield from (wording.summary, wording.detail)
    yield card.current_guidance
    yield from (one.label for one in card.suggestions)
    yield from (one.because for one in card.silent.values())


def _left_english(language: str) -> list[str]:
    """Pieces of the English words that have a translation and may thus not be shown."""
    translated = _content(language).cards
    pairs = [
        (english, other)
        for name, card in knowledge().cards.items()
        for english, other in zip(_words(card), _words(translated[name]), strict=True)
    ]
    kept = {piece for english, other in pairs if english == other for piece in _pieces(english)}
    return sorted({piece for english, _other in pairs for piece in _pieces(english)} - kept)


def _pieces(text: str) -> list[str]:
    return [piece for piece in map(str.strip, _HOLE.split(text)) if len(piece) >= _TELLING]


@pytest.mark.parametrize(
    "card",
    [card for card in knowledge().cards.values() if "Cases" in card.sections],
    ids=lambda card: card.id,
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_case_is_decided_as_in_english_and_said_in_the_language(card: CardText, language: str) -> None:
    english = re.compile("|".join(map(re.escape, _left_english(language))) or r"\b\B")
    for case in cases():
        if case.card.id == card.id:
            found = _ask(case.record, case.hook, _content(language))

            assert _decided(found) == _decided(_ask(case.record, case.hook, knowledge())), case.id
            for one in found.cards:
                shown = " ".join((one.summary, one.detail, *(each.label for each in one.suggestions)))
                assert not english.search(shown), case.id
                assert not _HOLE.search(shown), case.id
                assert len(one.summary) <= LONGEST_SUMMARY


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_the_holes_of_the_english_one(language: str) -> None:
    for name, card in knowledge().cards.items():
        other = _content(language).cards[name]
        for english, translated in zip(_words(card), _words(other), strict=True):
            assert holes_in(english) == holes_in(translated), (name, english)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_fixed_words_of_a_summary_leave_room(language: str) -> None:
    """Eight characters of each value stay; see tests/test_cards_loader.py for the English ones."""
    content = _content(language)
    for card in content.cards.values():
        limits = content.frame(card.id).limits
        for wording in card.wordings.values():
            values = dict.fromkeys(holes_in(wording.summary) - set(limits), "x" * 8)

            assert len(summary(wording.summary, values, limits=limits)) <= LONGEST_SUMMARY, wording


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reason_for_silence_can_be_said(language: str) -> None:
    content = _content(language)
    for verdict in _ask("ileal NET 200 days ago", "patient-view", content).verdicts:
        for said in verdict.said:
            if isinstance(said, Silent):
                assert content.silence(verdict.rule.id, said.because).because.format_map(said.values)


def test_a_section_with_holes_is_what_a_translation_may_hold() -> None:
    shown = {
        name for card in knowledge().cards.values() for name in card.sections if name.startswith(WITH_HOLES)
    }

    assert {"Current guidance differs", "Summary: missing"} <= shown
