"""What ``/content`` shows beside the cards: the table of statements, and what stands in lists."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from service.cards import CardText, Knowledge
from service.content_files import read_text

MOST_ENTRIES = 200
"""How many entries of lists are shown."""

_LISTS = ("codelists/*.csv", "wordlists/**/*.txt", "wordlists/**/*.csv")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of the source document, shortened, and the cards that rest on it."""

    id: str
    summary: str
    cards: tuple[CardText, ...]


class Entry(NamedTuple):
    """A line of a code list or word list, with the path of the list below ``cards/``."""

    list_name: str
    line: str


def statements_of(knowledge: Knowledge, cards_dir: Path) -> list[Statement]:
    """Every statement in the order of the source document."""
    rows = csv.DictReader(read_text(cards_dir / "statements.csv").splitlines())
    cards = knowledge.cards.values()
    return [
        Statement(row["id"], row["summary"], tuple([one for one in cards if row["id"] in one.statements]))
        for row in rows
    ]


def entries_with(words: str, cards_dir: Path) -> list[Entry]:
    """The first entries that hold the words, whatever their case; none for no words."""
    wanted = words.casefold()
    found = (one for one in _entries(cards_dir) if wanted in one.line.casefold())
    return list(islice(found, MOST_ENTRIES)) if wanted else []


def _entries(cards_dir: Path) -> Iterator[Entry]:
    for pattern in _LISTS:
        for path in sorted(cards_dir.glob(pattern)):
            name = path.relative_to(cards_dir).as_posix()
            yield from (Entry(name, line) for line in read_text(path).splitlines())
