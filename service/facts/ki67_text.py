"""Ki-67 in the words of a report: ``Ki-67 index: 8 % (hot spot)``. (Y-4)

Read sentence by sentence: a name, then within a few characters a number with a percent sign; or the number
directly before the name. The words of each language are in ``cards/wordlists/<language>/ki67-grammar.csv``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from service.fhir.quantities import Interval, exact
from service.fhir.terminology import GrammarWord


class Found(NamedTuple):
    """A value, and the sentence in which it stands."""

    interval: Interval
    words: str


@dataclass(frozen=True, slots=True)
class Ki67Text:
    """What a text says of Ki-67. ``names_it`` without any value may be a state: ``pending``, ``not-done``."""

    values: tuple[Found, ...] = ()
    names_it: bool = False
    state: str = ""
    words: str = ""


_FURTHEST = 40  # characters between a name and the value after it
_LONGEST_QUOTE = 200  # characters
_ARTICLES = 2
"""How many small words may stand between a comparator and its number: "superior a un 20 %", "> als 20 %"."""
_COMPARATORS = ("at-most", "less", "at-least", "more", "about")
STATES = ("pending", "not-done")
KINDS = frozenset(
    {*_COMPARATORS, *STATES, "name", "article", "to", "and", "percent", "marker", "cells", "grade"}
)
"""The kinds of words of the grammar."""


class _Grammar(NamedTuple):
    parts: tuple[tuple[str, ...], ...]
    percent: tuple[str, ...]
    name: re.Pattern[str]
    value: re.Pattern[str]
    marker: re.Pattern[str]
    legend: re.Pattern[str]
    states: tuple[tuple[str, re.Pattern[str]], ...]
    cells: frozenset[str]


@cache
def _grammar(words: tuple[GrammarWord, ...]) -> _Grammar:
    by_kind = {kind: [_folded(one.phrase) for one in words if one.kind == kind] for kind in KINDS}
    one_of = {kind: _one_of(phrases) for kind, phrases in by_kind.items()}
    compared = "|".join([f"(?P<{kind.replace('-', '_')}>{one_of[kind]})" for kind in _COMPARATORS])
    percent, number = one_of["percent"], r"(?<![\d.,])(\d{1,3}(?:[.,]\d{1,2})?)"
    article = rf"(?:{one_of['article']} ){{0,{_ARTICLES}}}"
    joined = rf"(?: ?{percent})? ?{one_of['to']} ?{article}|(?: ?{one_of['and']} {article})"
    return _Grammar(
        parts=tuple(dict.fromkeys([tuple(_PART.findall(one)) for one in by_kind["name"]])),
        percent=tuple(by_kind["percent"]),
        name=re.compile(_loose(one_of["name"])),
        value=re.compile(rf"(?:(?:{compared}) ?{article})?{number}(?:(?:{joined}){number})? ?{percent}"),
        marker=re.compile(one_of["marker"]),
        legend=re.compile(
            rf"(?<!\w)(?:{_prefixes(by_kind['grade'])}) ?([123])\b[^;\n]{{0,25}}?\d", re.IGNORECASE
        ),
        states=tuple([(state, re.compile(one_of[state])) for state in STATES]),
        cells=frozenset(by_kind["cells"]),
    )


def _prefixes(phrases: Sequence[str]) -> str:
    return "|".join([re.escape(one) for one in phrases])


def _one_of(phrases: Sequence[str]) -> str:
    """One pattern for all: as whole words, the longest first, with any ending for a ``*``."""
    ordered = sorted(phrases, key=len, reverse=True)
    return "(?:" + "|".join([_pattern(one) for one in ordered]) + ")"


_PART = re.compile(r"\w+")
_GAP = re.compile(r"\\[ -]")


def _loose(pattern: str) -> str:
    """The same with any blanks and hyphens between the parts of a name ("Ki -67", "Ki‑67")."""
    return _GAP.sub("[ ‐‑–-]{1,3}", pattern)


def _pattern(phrase: str) -> str:
    stem = phrase.removesuffix("*")
    begins = r"(?<!\w)" if stem[:1].isalnum() else ""
    ends = r"\w*" if phrase.endswith("*") else r"(?!\w)" if stem[-1:].isalnum() else ""
    return begins + re.escape(stem) + ends


def _folded(text: str) -> str:
    """In lower case and without accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join([one for one in decomposed if not unicodedata.combining(one)])


# A line that was broken by its length, or after a colon, goes on in the next.
_BROKEN = re.compile(r"(?<=:) ?\n ?|(?<=[^\n]{60}) ?\n ?(?=[a-z0-9])")
_FULL_STOP = re.compile(r"(?<=[.!?]) (?=[^\W\d_a-zß-ÿ])")
_SENTENCE_ENDS = re.compile(r"(?<=[.;!?]) (?=[^\W\d_a-zß-ÿ]|\()|\n|;|•")


def read(text: str, words: tuple[GrammarWord, ...], *, is_named: bool = False) -> Ki67Text:
    """What a text says of Ki-67; ``is_named`` where it is the value of a Ki-67 result."""
    grammar, values = _grammar(words), list[Found]()
    names_it, said, whole = is_named, ("", ""), _folded(text)
    if not is_named and not any(all(part in whole for part in parts) for parts in grammar.parts):
        return Ki67Text()
    for sentence in _sentences(text, grammar):
        folded = _folded(sentence)
        names = [one.span() for one in grammar.name.finditer(folded)]
        if not names and not is_named:
            continue
        found = [Found(one, sentence[:_LONGEST_QUOTE]) for one in _values(folded, names, grammar)]
        values += found
        names_it = True
        if not found and not said[1]:
            said = (_state(folded, grammar), sentence[:_LONGEST_QUOTE])
    return Ki67Text(tuple(values), names_it, *(("", "") if values else said))


def _sentences(text: str, grammar: _Grammar) -> Iterator[str]:
    """Sentence by sentence, without those that only explain the grades."""
    lines = re.sub(r"[^\S\n]+", " ", text).replace("\r", "\n")
    for line in _BROKEN.sub(" ", lines).split("\n"):
        for part in _FULL_STOP.split(_without_legends_in_brackets(line, grammar)):
            told = _before_legend(part, grammar) if _is_legend(part, grammar) else part
            yield from (one.strip() for one in _SENTENCE_ENDS.split(told) if one.strip())


_BRACKETS = re.compile(r"\([^()\n]*\)|\[[^\[\]\n]*\]")


def _without_legends_in_brackets(line: str, grammar: _Grammar) -> str:
    """Of ``Ki-67 4 % (G1 <3 %, G2 3-20 %)`` the value only."""
    return _BRACKETS.sub(lambda one: "" if _is_legend(one[0], grammar) else one[0], line)


def _is_legend(part: str, grammar: _Grammar) -> bool:
    """Whether it tells of two grades or more which numbers they have."""
    return len(set(grammar.legend.findall(part))) >= 2


def _before_legend(part: str, grammar: _Grammar) -> str:
    """The value that stands before the grades are explained: ``Ki-67 4 %, G1 <3 %, G2 3-20 %``."""
    before = grammar.legend.split(part, maxsplit=1)[0]
    return before if grammar.value.search(_folded(before)) else ""


def _state(folded: str, grammar: _Grammar) -> str:
    return next((state for state, pattern in grammar.states if pattern.search(folded)), "")


def _values(folded: str, names: Sequence[tuple[int, int]], grammar: _Grammar) -> Iterator[Interval]:
    """The values of a sentence that are those of Ki-67; of all where no name stands in it."""
    if not any(one in folded for one in grammar.percent):
        return
    masked = list(folded)
    for start, end in names:
        masked[start:end] = " " * (end - start)
    found = list(grammar.value.finditer("".join(masked)))
    markers = [one.span() for one in grammar.marker.finditer(folded)]
    for place, match in enumerate(found):
        is_first = place == 0 or not names or found[place - 1].end() <= _name_before(names, match.start())[1]
        if names and not _belongs(match.span(), folded, names, markers, grammar, is_first=is_first):
            continue
        if (interval := _interval(match)) is not None:
            yield interval


def _name_before(names: Sequence[tuple[int, int]], start: int) -> tuple[int, int]:
    """The last name before a position; one far away where there is none."""
    place = bisect_right(names, start, key=lambda one: one[1])
    return names[place - 1] if place else (-1000, -1000)


def _belongs(
    value: tuple[int, int],
    folded: str,
    names: Sequence[tuple[int, int]],
    markers: Sequence[tuple[int, int]],
    grammar: _Grammar,
    *,
    is_first: bool,
) -> bool:
    """Whether a value is that of a name before it, or directly after it."""
    start, end = value
    before = _name_before(names, start)[1]
    if 0 <= start - before <= _FURTHEST and not _is_between(markers, before, start):
        return is_first or not _is_of_next_marker(folded, end, markers, grammar)
    place = bisect_right(names, start, key=lambda one: one[0])
    if place == len(names) or (markers and markers[0][0] < names[place][0]):
        return False
    return _is_directly_before(folded[end : names[place][0]], grammar)


def _is_between(markers: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    place = bisect_right(markers, start, key=lambda one: one[0])
    return place < len(markers) and markers[place][0] < end


def _is_of_next_marker(folded: str, end: int, markers: Sequence[tuple[int, int]], grammar: _Grammar) -> bool:
    """Whether a second value stands directly before the name of another marker: "Ki-67 5 %, 90 % p53"."""
    place = bisect_right(markers, end - 1, key=lambda one: one[0])
    if place == len(markers) or markers[place][0] - end > _FURTHEST:
        return False
    return _is_directly_before(folded[end : markers[place][0]], grammar)


def _is_directly_before(between: str, grammar: _Grammar) -> bool:
    """Whether nothing but "of the tumour cells are positive for" stands between a value and a name."""
    words = set(re.findall(r"\w+", between[: 2 * _FURTHEST]))
    return "," not in between and words <= grammar.cells


def _interval(match: re.Match[str]) -> Interval | None:
    """The value as an interval in percent; None where it is none that a percentage can have."""
    numbers = sorted([float(one.replace(",", ".")) for one in match.groups()[-2:] if one])
    if numbers[-1] > 100:
        return None
    if len(numbers) == 2:
        return Interval(numbers[0], numbers[1], unit="%")
    value = numbers[0]
    compared = next((kind for kind in _COMPARATORS if match[kind.replace("-", "_")]), "")
    return _compared(match[compared.replace("-", "_")] if compared else "", compared, value)


def _compared(words: str, kind: str, value: float) -> Interval:
    match kind:
        case "at-most":  # a sign is a limit, words ("up to") are a range
            return Interval(0.0 if words[0].isalpha() else -math.inf, value, unit="%")
        case "less":
            return Interval(-math.inf, value, high_inclusive=False, unit="%")
        case "at-least":
            return Interval(value, math.inf, unit="%")
        case "more":
            return Interval(value, math.inf, low_inclusive=False, unit="%")
    return exact(value, "%")
