"""What a sentence says of a phrase, and where the phrase stands."""

from __future__ import annotations

import time

import pytest

from service.fhir.context import Assertion
from service.fhir.phrases import Cue, Phrase, WordLists
from tests.asking import knowledge

TUMOUR = "neuroendocrine-tumour"


def said(text: str, *, is_report: bool = False) -> Assertion | None:
    return knowledge().terminology.word_lists.said_in(text, is_report=is_report).get(TUMOUR)


def test_of_several_mentions_the_strongest_counts() -> None:
    assert said("No carcinoid of the appendix. Carcinoid of the ileum.") is Assertion.ASSERTED
    assert said("Mother had a carcinoid. No carcinoid.") is Assertion.NEGATED
    assert said("History of carcinoid; carcinoid?") is Assertion.UNCERTAIN


def test_what_is_not_seen_is_absent_in_a_report_only() -> None:
    text = "Neuroendocrine tumor of ileum (not seen on MRI)"

    assert said(text) is Assertion.ASSERTED
    assert said(text, is_report=True) is Assertion.NEGATED


@pytest.mark.parametrize(
    ("text", "assertion"),
    [
        ("No fever. Carcinoid of the ileum.", Assertion.ASSERTED),
        ("No fever\nCarcinoid of the ileum", Assertion.ASSERTED),
        ("No fever; carcinoid of the ileum", Assertion.ASSERTED),
        ("Z.n. Karzinoid der Appendix", Assertion.HISTORICAL),
        (
            "The small bowel was seen in all of its length and there was no evidence of\ncarcinoid",
            Assertion.NEGATED,
        ),
        ("no fever but carcinoid", Assertion.ASSERTED),
        ("no " + "long " * 6 + "carcinoid", Assertion.NEGATED),
        ("no " + "long " * 7 + "carcinoid", Assertion.ASSERTED),
        ("carcinoid of the old excluded", Assertion.NEGATED),
        ("carcinoid of the very old excluded", Assertion.ASSERTED),
    ],
)
def test_a_cue_reaches_over_a_few_words_of_its_sentence(text: str, assertion: Assertion) -> None:
    assert said(text) is assertion


@pytest.mark.parametrize(
    "text", ["neuroendocrine tumour", "Neuro-endocrine tumour", "neuro  endocrine tumours"]
)
def test_a_tilde_is_nothing_a_blank_or_a_hyphen(text: str) -> None:
    assert WordLists([Phrase("list", "neuro~endocrine tumo*")]).lists_in(text) == {"list"}


@pytest.mark.parametrize(
    ("text", "assertion"),
    [
        ("Small bowel NETs", Assertion.ASSERTED),
        ("NET alvleesklier", Assertion.ASSERTED),
        ("NET Wurmfortsatz", Assertion.ASSERTED),
        ("nets in the small bowel", None),
        ("safety NETs", None),
    ],
)
def test_bare_letters_need_capitals_and_an_organ(text: str, assertion: Assertion | None) -> None:
    assert said(text) is assertion


def test_an_exception_takes_back_what_it_holds_and_else_its_sentence() -> None:
    lists = WordLists(
        [Phrase("list", "carcinoid*"), Phrase("list", "!carcinoid syndrome"), Phrase("list", "!dog")]
    )

    assert lists.lists_in("carcinoid with carcinoid syndrome") == {"list"}
    assert lists.lists_in("carcinoid syndrome") == frozenset()
    assert lists.lists_in("carcinoid of a dog") == frozenset()
    assert lists.lists_in("carcinoid. A dog.") == {"list"}


def test_bare_letters_need_capitals_and_something_of_a_tumour() -> None:
    assert said("NET of the ileum") is Assertion.ASSERTED
    assert said("NET G2") is Assertion.ASSERTED
    assert said("net of the ileum") is None
    assert said("NET addiction") is None


def test_accents_and_compounds_do_not_matter() -> None:
    assert said("TUMEUR CARCINOIDE") is Assertion.ASSERTED
    assert said("Appendixkarzinoid") is Assertion.ASSERTED


def test_a_mention_quotes_its_sentence_as_written() -> None:
    text = "Pas d’ascite. Tumeur  neuroendocrine de l’iléon - grade 2. Stable."

    [mention] = knowledge().terminology.word_lists.mentions(text, TUMOUR)

    assert mention.sentence == "Tumeur neuroendocrine de l’iléon - grade 2."
    assert mention.sentence[mention.start : mention.end] == "Tumeur neuroendocrin"
    assert mention.assertion is Assertion.ASSERTED


def test_a_quotation_has_at_most_two_hundred_characters() -> None:
    [mention] = knowledge().terminology.word_lists.mentions(
        "long " * 100 + "insulinoma" + " more" * 100, TUMOUR
    )

    assert len(mention.sentence) <= 200
    assert mention.sentence[mention.start : mention.end] == "insulinom"


def test_a_text_is_read_to_its_limit() -> None:
    lists = WordLists([Phrase("list", "carcinoid")], longest=20)

    assert lists.lists_in("a" * 10 + " carcinoid") == {"list"}
    assert lists.lists_in("a" * 15 + " carcinoid") == frozenset()


def test_a_report_that_is_too_long_says_so() -> None:
    about = knowledge().terminology.about((), name="CT", findings="a " * 10_001)

    assert about.left_unread
    assert not knowledge().terminology.about((), name="CT", findings="a " * 9_999).left_unread


@pytest.mark.parametrize(
    "text",
    [
        "no carcinoid ",
        "carcinoid, excluded, ",
        "no not ? history of carcinoid ",
        "carcinoid syndrome Merkel ",
    ],
)
def test_the_time_grows_with_the_text(text: str) -> None:
    def seconds(times: int) -> float:
        began = time.process_time()
        said(text * times)
        return time.process_time() - began

    few = min(seconds(100) for _ in range(3))

    assert min(seconds(800) for _ in range(3)) < 30 * few


def test_a_cue_within_a_longer_one_is_none() -> None:
    cues = [Cue("negation-before", "no"), Cue("pseudo", "no change")]
    lists = WordLists([Phrase("list", "carcinoid"), Phrase("list", "change of carcinoid size")], cues)

    assert lists.said_in("no change in carcinoid") == {"list": Assertion.ASSERTED}
    assert lists.said_in("no change of carcinoid size") == {"list": Assertion.ASSERTED}


@pytest.mark.parametrize(
    ("text", "is_there"),
    [("Remains NED.", True), ("NED", True), ("Seen by Ned today", False), ("NEDA", False), ("ned", False)],
)
def test_a_phrase_in_capitals_counts_in_capitals_only(text: str, is_there: bool) -> None:
    lists = WordLists([Phrase("disease-free", "^NED")])

    assert ("disease-free" in lists.said_in(text)) is is_there
