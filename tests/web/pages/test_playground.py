"""What the first page asks, without a browser."""

from __future__ import annotations

import pytest

from service.web.pages.playground import MOST_CODES, codes_with
from tests.asking import knowledge


def found(words: str) -> list[dict[str, str]]:
    return codes_with(words, knowledge().terminology)


@pytest.mark.parametrize("words", ["Capecitabine", "capecit", "L01BC06", " l01bc06 "])
def test_a_listed_code_is_found_by_its_name_and_by_itself(words: str) -> None:
    atc = {"system": "http://www.whocc.no/atc", "code": "L01BC06", "display": "capecitabine"}
    assert atc in found(words)


@pytest.mark.parametrize("words", ["", "oc", "   x ", "no code is called so"])
def test_a_few_letters_or_an_unknown_name_find_none(words: str) -> None:
    assert found(words) == []


def test_each_code_is_offered_once_and_not_more_than_a_reader_looks_through() -> None:
    codes = [(one["system"], one["code"]) for one in found("neuroendocrine")]
    assert len(codes) == MOST_CODES
    assert len(set(codes)) == MOST_CODES
