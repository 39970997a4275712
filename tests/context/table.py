"""How well texts are read: precision and recall on labelled phrases, for each language and word list.

``phrases.csv`` says what each text says of a word list: asserted, uncertain, historical, negated, family,
nothing, or none where it does not speak of it. What is asserted or in doubt counts as found.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from service.fhir.phrases import WordLists
from tests.asking import knowledge

FOUND = ("asserted", "uncertain")


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text, and what was read."""

    language: str
    word_list: str
    text: str
    said: str
    read: str


@dataclass(frozen=True, slots=True)
class Score:
    """The rows of one language and word list."""

    rows: tuple[Row, ...]

    @property
    def precision(self) -> float:
        """The part of what was found that is there."""
        return _share([one.said in FOUND for one in self.rows if one.read in FOUND])

    @property
    def recall(self) -> float:
        """The part of what is there that was found."""
        return _share([one.read in FOUND for one in self.rows if one.said in FOUND])

    @property
    def judged(self) -> float:
        """The part of all rows that was read just as they say."""
        return _share([one.read == one.said for one in self.rows])


def _share(held: list[bool]) -> float:
    return sum(held) / len(held) if held else 1.0


def rows() -> tuple[Row, ...]:
    """Every labelled text, read."""
    with (Path(__file__).parent / "phrases.csv").open(encoding="utf-8", newline="") as file:
        return tuple([_read(row, knowledge().terminology.word_lists) for row in csv.DictReader(file)])


def _read(row: dict[str, str], word_lists: WordLists) -> Row:
    said = word_lists.said_in(row["text"], is_report=row["where"] == "report").get(row["word_list"])
    read = "none" if said is None else said.name.lower()
    return Row(row["language"], row["word_list"], row["text"], row["said"], read)


def scores(found: Iterable[Row]) -> dict[tuple[str, str], Score]:
    """The score of each language and word list."""
    by_kind: dict[tuple[str, str], tuple[Row, ...]] = {}
    for one in found:
        key = one.language, one.word_list
        by_kind[key] = (*by_kind.get(key, ()), one)
    return {key: Score(of_kind) for key, of_kind in sorted(by_kind.items())}
