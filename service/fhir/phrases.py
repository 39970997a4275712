"""All word lists as one automaton: of which lists does a text hold a phrase?

The automaton (https://en.wikipedia.org/wiki/Aho%E2%80%93Corasick_algorithm) walks a text once, however many
phrases there are. A phrase is found as whole words; a blank in it matches white space and hyphens, a final
``*`` any ending. A phrase after ``!`` takes the meaning of its list back, wherever it stands in the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import ahocorasick

_NONE: frozenset[str] = frozenset()


class Phrase(NamedTuple):
    """One line of a word list; ``text`` as it is written there."""

    word_list: str
    text: str


class _Meaning(NamedTuple):
    word_list: str
    takes_back: bool
    begins_a_word: bool
    ends_a_word: bool


class WordLists:
    """The automaton of every phrase; made once, when the content is loaded."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        meanings: dict[str, list[_Meaning]] = {}
        for phrase in phrases:
            stem, meaning = _read(phrase)
            meanings.setdefault(stem, []).append(meaning)
        self._automaton = ahocorasick.Automaton()
        for stem, found in meanings.items():
            self._automaton.add_word(stem, (len(stem), tuple(found)))
        self._automaton.make_automaton()

    def lists_in(self, text: str) -> frozenset[str]:
        """The names of the word lists of which the text holds a phrase, and none that takes it back."""
        if not text or not self._automaton:
            return _NONE
        found: set[str] = set()
        taken_back: set[str] = set()
        line = _plain(text)
        for end, (length, meanings) in self._automaton.iter(line):
            before = line[end - length : end - length + 1] if end >= length else ""
            after = line[end + 1 : end + 2]
            for meaning in meanings:
                is_inside = (meaning.begins_a_word and _continues(before)) or (
                    meaning.ends_a_word and _continues(after)
                )
                if not is_inside:
                    (taken_back if meaning.takes_back else found).add(meaning.word_list)
        return frozenset(found - taken_back) if found else _NONE


def _plain(text: str) -> str:
    """In lower case, with one blank for all white space and hyphens between words."""
    return " ".join(text.lower().replace("-", " ").replace("–", " ").split())


def _continues(character: str) -> bool:
    return character.isalnum() or character == "_"


def _read(phrase: Phrase) -> tuple[str, _Meaning]:
    takes_back = phrase.text.startswith("!")
    text = phrase.text.removeprefix("!").strip()
    is_stem = text.endswith("*")
    stem = _plain(text.removesuffix("*"))
    # A phrase that begins or ends with a sign ("68ga", "?") has no word boundary there.
    ends_a_word = not is_stem and stem[-1:].isalnum()
    return stem, _Meaning(phrase.word_list, takes_back, stem[:1].isalnum(), ends_a_word)
