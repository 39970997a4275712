"""All word lists and cue words as one automaton: which phrases does a text hold, and what is said of them?

The automaton (https://en.wikipedia.org/wiki/Aho%E2%80%93Corasick_algorithm) walks a text once, however many
phrases there are. A phrase is found as whole words, without regard to accents; a blank in it matches white
space and hyphens, a ``~`` these or nothing at all ("neuro-endocrine"), a ``*`` at its end any ending and at
its beginning any beginning ("Lebermetastasen"). A phrase after ``!`` takes back the mentions that end in it;
where none does, all of its sentence. One after ``^`` counts in capitals only ("NED"), one after ``=`` in
capitals only and only beside a phrase of the list ``bare-letters``.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

import ahocorasick

from service.fhir.context import Assertion, Sentences, Span

BARE_LETTERS = "bare-letters"
"""The word list of what shows that bare letters ("NET") are a tumour: organs, grades, "tumour".

The loader adds the organs of ``sites.csv``.
"""


class Phrase(NamedTuple):
    """One line of a word list; ``text`` as it is written there."""

    word_list: str
    text: str


class Cue(NamedTuple):
    """One row of the cue words of a language."""

    kind: str
    text: str


class Mention(NamedTuple):
    """A phrase in its sentence as written; ``start`` and ``end`` say where in the sentence.

    ``clause`` is what stands around it up to a stop such as "but".
    """

    word_list: str
    assertion: Assertion
    sentence: str
    start: int
    end: int
    clause: str = ""


class Mark(NamedTuple):
    """Where a phrase stands in a text that was read, and what is said of it there."""

    start: int
    end: int
    word_list: str
    assertion: Assertion


class Marked(NamedTuple):
    """A text as it is read: white space closed up, no more than the longest; and every mention in it."""

    text: str
    marks: tuple[Mark, ...]


class _Kind(Enum):
    MENTION = "mention"
    EXCEPTION = "exception"
    BARE = "bare"
    CAPITALS = "capitals"
    BESIDE = "beside"
    CUE = "cue"


class _Meaning(NamedTuple):
    name: str
    kind: _Kind
    begins_a_word: bool
    ends_a_word: bool


class _Found(NamedTuple):
    """What a walk over a text found."""

    mentions: list[Span]
    exceptions: list[Span]
    cues: list[Span]


class _Walked(NamedTuple):
    """A text as it is written, where each of its folded characters stands in it, and what was found."""

    written: str
    places: list[int]
    sentences: Sentences
    standing: list[Span]

    def there(self, one: Span) -> Span:
        """The place of a phrase in the text as it is written."""
        return Span(self.places[one.start], self.places[one.end - 1] + 1, one.name)

    def bounds(self, one: Span) -> tuple[int, int]:
        """Those of its sentence, likewise."""
        begins, ends = self.sentences.bounds(self.sentences.number(one.start))
        return self.places[begins], self.places[ends]

    def clause(self, one: Span) -> str:
        """What stands around it up to a stop, as it is written."""
        begins, ends = self.sentences.clause(one)
        return self.written[self.places[begins] : self.places[ends]]


class WordLists:
    """The automaton of every phrase; made once, when the content is loaded."""

    def __init__(self, phrases: Iterable[Phrase], cues: Iterable[Cue] = (), *, longest: int = 20_000) -> None:
        self.longest = longest
        meanings: dict[str, dict[_Meaning, None]] = {}
        spelled = (_of_phrase(spelling) for one in phrases for spelling in _spellings(one))
        for stem, meaning in (*spelled, *map(_of_cue, cues)):
            meanings.setdefault(stem, {})[meaning] = None
        self._automaton = ahocorasick.Automaton()
        for stem, found in meanings.items():
            self._automaton.add_word(stem, (len(stem), tuple(found)))
        self._automaton.make_automaton()

    def said_in(self, text: str, *, is_report: bool = False) -> Mapping[str, Assertion]:
        """For each word list of which the text holds a phrase, the strongest that is said of it."""
        if not text or not self._automaton:
            return {}
        cased = _folded(_closed_up(text[: self.longest]))
        folded = cased.lower()
        found = self._walk(folded, cased)
        plainly = dict.fromkeys([one.name for one in found.mentions], Assertion.ASSERTED)
        if not found.cues and not any(one.name in plainly for one in found.exceptions):
            return plainly
        if not found.mentions:
            return {}
        said: dict[str, Assertion] = {}
        sentences = Sentences(folded, found.cues, found.mentions, is_report=is_report)
        for one in _standing(found, sentences):
            strongest = said.get(one.name, Assertion.NOTHING)
            if strongest < Assertion.ASSERTED:  # the rest of a long report says no more
                said[one.name] = max(strongest, sentences.says_of(one))
        return said

    def lists_in(self, text: str) -> frozenset[str]:
        """The word lists of which the text says that it is so, may be, or was."""
        return frozenset([name for name, said in self.said_in(text).items() if said >= Assertion.HISTORICAL])

    def mentions(self, text: str, *word_lists: str, is_report: bool = False) -> Iterator[Mention]:
        """Each mention of a phrase of these word lists, with its sentence to quote."""
        walked = self._walked(text, is_report=is_report)
        for one in walked.standing:
            if one.name in word_lists:
                said = walked.sentences.says_of(one)
                quoted = _quoted(walked.there(one), walked.written, walked.bounds(one), said)
                yield quoted._replace(clause=walked.clause(one))

    def marked(self, text: str, *, is_report: bool = False) -> Marked:
        """The text with every mention of any word list, for people who look at how it was read."""
        walked = self._walked(text, is_report=is_report)
        found = ((walked.there(one), walked.sentences.says_of(one)) for one in walked.standing)
        return Marked(walked.written, tuple([Mark(*there, assertion=said) for there, said in found]))

    def _walked(self, text: str, *, is_report: bool) -> _Walked:
        written = _closed_up(text[: self.longest])
        cased = _folded(written)
        found = self._walk(cased.lower(), cased)
        sentences = Sentences(cased.lower(), found.cues, found.mentions, is_report=is_report)
        places = [*_places(written), len(written)]
        return _Walked(written, places, sentences, list(_standing(found, sentences)))

    def _walk(self, folded: str, cased: str) -> _Found:
        found = _Found([], [], [])
        bare: list[Span] = []
        is_tumour = False
        for last, (length, meanings) in self._automaton.iter(folded):
            start, end = last + 1 - length, last + 1
            is_within = start > 0 and _continues(folded[start - 1])
            goes_on = end < len(folded) and _continues(folded[end])
            for name, kind, begins_a_word, ends_a_word in meanings:
                if (begins_a_word and is_within) or (ends_a_word and goes_on):
                    continue
                if kind is _Kind.CUE:
                    found.cues.append(Span(start, end, name))
                elif kind is _Kind.MENTION:
                    found.mentions.append(Span(start, end, name))
                elif kind is _Kind.EXCEPTION:
                    found.exceptions.append(Span(start, end, name))
                elif kind is _Kind.BESIDE:
                    is_tumour = True
                elif cased[start:end].removesuffix("s").isupper():  # "NETs"
                    (bare if kind is _Kind.BARE else found.mentions).append(Span(start, end, name))
        if is_tumour:
            found.mentions.extend(bare)
        return found


def _standing(found: _Found, sentences: Sentences) -> Iterator[Span]:
    """The mentions that no exception takes back."""
    mentions = sorted(found.mentions, key=attrgetter("end"))
    ends = [one.end for one in mentions]
    taken: set[Span] = set()
    silent: set[tuple[str, int]] = set()
    for exception in found.exceptions:
        near = mentions[bisect_right(ends, exception.start) : bisect_right(ends, exception.end)]
        if held := [one for one in near if one.name == exception.name]:
            taken.update(held)
        else:
            silent.add((exception.name, sentences.number(exception.start)))
    yield from (
        one for one in mentions if one not in taken and (one.name, sentences.number(one.start)) not in silent
    )


_LONGEST_QUOTE = 200  # characters of a sentence


def _quoted(one: Span, written: str, bounds: tuple[int, int], assertion: Assertion) -> Mention:
    """A mention with as much of its sentence as may be quoted."""
    begins, ends = bounds
    if ends - begins > _LONGEST_QUOTE:
        begins = max(begins, min(one.start - _LONGEST_QUOTE // 2, ends - _LONGEST_QUOTE))
        ends = min(ends, begins + _LONGEST_QUOTE)
    sentence = written[begins:ends]
    blanks = len(sentence) - len(sentence.lstrip())
    begins += blanks
    return Mention(one.name, assertion, sentence.strip(), one.start - begins, one.end - begins)


_WRAPPED = 60
"""A line of so many characters, with a small letter after it, goes on in the next line."""


def _closed_up(text: str) -> str:
    """With one blank for all white space between words, and a line for each line that was meant as one."""
    if "\n" not in text:
        return " ".join(text.split())
    lines = [" ".join(line.split()) for line in text.splitlines()]
    joined = lines[:1]
    for before, line in pairwise(lines):
        joined += [" " if len(before) >= _WRAPPED and line[:1].islower() else "\n", line]
    return "".join(joined)


def _table() -> dict[int, str]:
    """Letters without accents, raised digits as digits, all hyphens as blanks: one character for each."""
    codes = (*range(0xB2, 0x250), 0x2070, *range(0x2074, 0x207A))
    letters = {code: unicodedata.normalize("NFKD", chr(code))[:1] for code in codes}
    kept = {code: one for code, one in letters.items() if one.isascii() and one.isalnum()}
    return kept | dict.fromkeys(map(ord, "-‐‑–"), " ") | {ord("’"): "'"}


_TABLE = _table()
_BLANKS = re.compile(" {2,}")


def _folded(text: str) -> str:
    """Without accents and hyphens, and with one blank for several."""
    folded = text.replace("-", " ") if text.isascii() else text.translate(_TABLE)
    return _BLANKS.sub(" ", folded) if "  " in folded else folded


def _places(text: str) -> Iterator[int]:
    """Where each character of the folded text stands in the text."""
    folded = text.translate(_TABLE)
    return (place for place, one in enumerate(folded) if one != " " or folded[place - 1 : place] != " ")


def plain(text: str) -> str:
    """As a text is compared with phrases."""
    return _folded(text).lower()


def _continues(character: str) -> bool:
    return character.isalnum() or character == "_"


_MARKS = {"!": _Kind.EXCEPTION, "=": _Kind.BARE, "^": _Kind.CAPITALS}


def _spellings(phrase: Phrase) -> Iterator[Phrase]:
    """A phrase as one word and as two, where a ``~`` leaves that open."""
    yield from (phrase._replace(text=text) for text in {phrase.text.replace("~", one) for one in ("", " ")})


def _of_phrase(phrase: Phrase) -> tuple[str, _Meaning]:
    kind = _Kind.BESIDE if phrase.word_list == BARE_LETTERS else _MARKS.get(phrase.text[0], _Kind.MENTION)
    return _read(phrase.text.lstrip("!=^").strip(), phrase.word_list, kind)


def _of_cue(cue: Cue) -> tuple[str, _Meaning]:
    return _read(cue.text, cue.kind, _Kind.CUE)


def _read(text: str, name: str, kind: _Kind) -> tuple[str, _Meaning]:
    stem = plain(_closed_up(text.strip("*")))
    # A phrase that begins or ends with a sign ("68ga", "?") has no word boundary there.
    begins_a_word = not text.startswith("*") and stem[:1].isalnum()
    ends_a_word = not text.endswith("*") and stem[-1:].isalnum()
    return stem, _Meaning(name, kind, begins_a_word, ends_a_word)
