from __future__ import annotations

import pytest

from service.fhir.phrasebook import Phrases, has_plain_holes, holes_in

PHRASES = Phrases({"evidence.ordered": "ordered {when}", "section.not_sent": "not sent"})


def test_a_phrase_is_filled() -> None:
    assert PHRASES("evidence.ordered", when="on 2026-05-01") == "ordered on 2026-05-01"
    assert PHRASES("section.not_sent") == "not sent"


@pytest.mark.parametrize(
    ("key", "said"),
    [("evidence.late", "has no evidence.late"), ("evidence.ordered", "when.*evidence.ordered")],
)
def test_a_phrase_that_is_missing_or_not_filled_is_named(key: str, said: str) -> None:
    with pytest.raises(KeyError, match=said):
        PHRASES(key)


@pytest.mark.parametrize(
    ("text", "names"), [("no hole", set()), ("{one} and {two}", {"one", "two"}), ("{{not one}}", set())]
)
def test_the_holes_of_a_text(text: str, names: set[str]) -> None:
    assert holes_in(text) == names


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a.b}", "{a:>9}", "{a!r}", "{1}"])
def test_a_brace_that_is_no_hole(text: str) -> None:
    assert not has_plain_holes(text)
