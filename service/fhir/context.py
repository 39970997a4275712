"""What a sentence says of a phrase in it: that it is so, that it is not, that it was, that it may be.

Cue words with scope, after ConText (https://doi.org/10.1016/j.jbi.2009.05.002). The cues are in
``cards/wordlists/<language>/context.csv``, which :mod:`service.fhir.phrases` finds together with the phrases.
A cue reaches over a few words and ends at a stop ("but") and at the end of its sentence; what lies within a
longer cue ("no" in "no change in") is none.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple


class Assertion(IntEnum):
    """What is said; of several mentions the greatest counts."""

    NOTHING = 0
    FAMILY = 1
    NEGATED = 2
    HISTORICAL = 3
    UNCERTAIN = 4
    ASSERTED = 5


class Span(NamedTuple):
    """Where in a text a cue, or a phrase of the list ``name``, stands."""

    start: int
    end: int
    name: str


FAMILY, PSEUDO, STOP, UNSEEN = "family", "pseudo", "stop", "unseen-after"

_JUDGED = {
    "nothing": Assertion.NOTHING,
    "unexcluded-before": Assertion.UNCERTAIN,
    "unexcluded-after": Assertion.UNCERTAIN,
    "negation-before": Assertion.NEGATED,
    "negation-after": Assertion.NEGATED,
    UNSEEN: Assertion.NEGATED,
    "historical-before": Assertion.HISTORICAL,
    "historical-after": Assertion.HISTORICAL,
    "uncertain-before": Assertion.UNCERTAIN,
    "uncertain-after": Assertion.UNCERTAIN,
}
"""What a cue within reach says; the first kind that is there counts. ``unseen`` negates in reports only."""

KINDS = frozenset({*_JUDGED, FAMILY, PSEUDO, STOP})
"""The kinds of cues; a phrase that works on both sides has a row for each."""

_BEFORE = 6
_AFTER = {"unexcluded-after": 4, "negation-after": 3, UNSEEN: 3, "uncertain-after": 4, "historical-after": 6}
"""How many words may stand between the cue and the phrase; the window of NegEx is six words."""

_LONGEST_CUE = 8  # words

_WORD = re.compile(r"[^\W_]+")
_END = re.compile(r"[.!?;\n•](?:(?<=[;\n•])|(?<=[^\s(\[].)(?<!\b[^\W\d_].)[.!?]*(?=\s|$))")
"""The end of a sentence; no full stop after a lone letter, and no question mark before its question.

It begins with what a text has little of, which is looked for much faster than what has to stand before it.
"""


class Sentences:
    """One text with its cues, to be asked of the phrases in it."""

    def __init__(self, text: str, cues: Iterable[Span], phrases: Iterable[Span], *, is_report: bool) -> None:
        self._text = text
        self._phrases = sorted([one.start for one in phrases])
        self._cues = sorted(cues)
        self._starts = [cue.start for cue in self._cues]
        self._covers = _covers(self._cues)
        self._words = [one.start() for one in _WORD.finditer(text)]
        self._ends = [*_ends(text, self._cues), len(text)]
        of_family = [cue for cue, cover in zip(self._cues, self._covers, strict=True) if not cover]
        self._of_family = {self.number(cue.start) for cue in of_family if cue.name == FAMILY}
        self._unread = frozenset() if is_report else frozenset({UNSEEN})

    def number(self, position: int) -> int:
        """The number of the sentence in which a position lies."""
        return bisect_right(self._ends, position)

    def bounds(self, number: int) -> tuple[int, int]:
        """Where a sentence begins and ends."""
        return self._ends[number - 1] if number else 0, self._ends[number]

    def clause(self, phrase: Span) -> tuple[int, int]:
        """Where the part of the sentence around a phrase begins and ends, between stops such as "but"."""
        begins, ends = self.bounds(self.number(phrase.start))
        stops = [cue for cue in self._between(begins, ends, phrase) if cue.name == STOP]
        before = [cue.end for cue in stops if cue.end <= phrase.start]
        after = [cue.start for cue in stops if cue.start >= phrase.end]
        return max(before, default=begins), min(after, default=ends)

    def says_of(self, phrase: Span) -> Assertion:
        """What its sentence says of a phrase."""
        number = self.number(phrase.start)
        if number in self._of_family:
            return Assertion.FAMILY
        kinds = self._kinds_before(phrase, number) | self._kinds_after(phrase, number)
        return next((_JUDGED[kind] for kind in _JUDGED if kind in kinds), Assertion.ASSERTED)

    def _kinds_before(self, phrase: Span, number: int) -> set[str]:
        """The cues that reach a phrase from before it, since the last stop."""
        kinds: set[str] = set()
        word = bisect_left(self._words, phrase.start)
        far = word - _BEFORE - _LONGEST_CUE
        begins = max(self.bounds(number)[0], self._words[far] if far > 0 else 0)
        for cue in self._between(begins, phrase.start, phrase):
            if cue.end > phrase.start:
                continue
            if cue.name == STOP:
                kinds.clear()
            elif cue.name not in _AFTER and word - bisect_left(self._words, cue.end) <= _BEFORE:
                kinds.add(cue.name)
        return kinds

    def _kinds_after(self, phrase: Span, number: int) -> set[str]:
        """The cues that reach a phrase from after it, up to the next stop."""
        kinds: set[str] = set()
        word = bisect_left(self._words, phrase.end)
        far = word + _BEFORE + 1
        ends = min(self.bounds(number)[1], self._words[far] if far < len(self._words) else self._ends[-1])
        for cue in self._between(phrase.end, ends, phrase):
            if cue.name == STOP or self._belongs_to_another(cue, phrase):
                break
            if bisect_left(self._words, cue.start) - word <= _AFTER.get(cue.name, -1):
                kinds.add(cue.name)
        return kinds - self._unread

    def _belongs_to_another(self, cue: Span, phrase: Span) -> bool:
        """Whether another phrase after a comma stands nearer ("carcinoid, heart disease excluded")."""
        comma = self._text.find(",", phrase.end, cue.start)
        return comma >= 0 and bisect_left(self._phrases, comma) < bisect_left(self._phrases, cue.start)

    def _between(self, start: int, end: int, phrase: Span) -> Iterator[Span]:
        """The cues that begin there, without those that belong to a longer one."""
        for place in range(bisect_left(self._starts, start), bisect_left(self._starts, end)):
            cover = self._covers[place]
            if cover is None or (cover.start < phrase.end and phrase.start < cover.end):
                yield self._cues[place]


def _covers(cues: Sequence[Span]) -> list[Span | None]:
    """For each cue the longer one that holds it, if any; they are sorted by their start."""
    order = sorted(range(len(cues)), key=lambda place: (cues[place].start, -cues[place].end))
    covers: list[Span | None] = [None] * len(cues)
    longest: Span | None = None
    for place in order:
        cue = cues[place]
        if longest is not None and cue.end <= longest.end:
            is_longer = longest.end - longest.start > cue.end - cue.start
            covers[place] = longest if is_longer else None
        else:
            longest = cue
    return covers


def _ends(text: str, cues: Sequence[Span]) -> Iterator[int]:
    """Where sentences end; the full stop of a cue ("Z.n.") ends none."""
    stops = {place for cue in cues for place in range(cue.start, cue.end) if text[place] == "."}
    yield from (one.end() for one in _END.finditer(text) if one.end() - 1 not in stops)
