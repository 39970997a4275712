from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.fhir.client import FetchOutcome
from service.fhir.phrasebook import Phrases, holes_in
from service.fhir.read import Fault
from service.fhir.reasons import Reason, Why
from tests.asking import knowledge, translations

LANGUAGES = {"en": knowledge(), **{name: one.knowledge for name, one in translations().items()}}
_OF_RECORD = {"more", "replaced", "another-patients"}  # notes, which are no faults


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("why", Why)
def test_every_reason_has_words_in_every_language(why: Why, language: str) -> None:
    phrases = LANGUAGES[language].phrases
    said = Reason(why, "7", because=Reason(Why.LATE)).in_words(phrases)
    english = Reason(why, "7", because=Reason(Why.LATE)).in_words(knowledge().phrases)

    assert said
    assert language == "en" or said != english


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_of_a_reason_is_that_of_a_reason(language: str) -> None:
    phrases = LANGUAGES[language].phrases

    assert set(_names(phrases, "fetch")) == {why.value for why in Why}
    assert set(_names(phrases, "record")) == {fault.value for fault in Fault} | _OF_RECORD


def _names(phrases: Phrases, table: str) -> Iterator[str]:
    return (key.partition(".")[2] for key in phrases.texts if key.startswith(f"{table}."))


def test_a_reason_says_what_lay_beneath_it() -> None:
    reason = Reason(Why.NOT_ALL_PAGES, because=Reason(Why.STATUS, "500"))

    said = reason.in_words(knowledge().phrases)

    assert said == "not all pages could be read: the FHIR server answered with HTTP status 500"


@pytest.mark.parametrize("why", Why)
def test_only_a_phrase_with_a_hole_is_given_something_to_fill_it(why: Why) -> None:
    assert holes_in(knowledge().phrases.texts[f"fetch.{why.value}"]) <= {"of", "because"}


def test_the_outcome_of_a_query_holds_no_words() -> None:
    assert FetchOutcome.__annotations__["reason"] == "Reason | None"
