"""The rows of the Cases tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from service.cards import CardText
from tests.asking import knowledge


class Case(NamedTuple):
    """One row: what it shows, the patient in phrases, the hook, and what the card must do."""

    card: CardText
    name: str
    record: str
    hook: str
    expected: str

    @property
    def id(self) -> str:
        """By what a failing case is told."""
        return f"{self.card.id}: {self.name}"


def cases() -> Iterator[Case]:
    """Every row of every card."""
    for card in knowledge().cards.values():
        for row in _rows(card.sections.get("Cases", "")):
            assert len(row) == 4, f"{card.id}.md: a case has four cells: {row}"
            yield Case(card, *row)


def _rows(section: str) -> Iterator[list[str]]:
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip().strip("|").split("|")]
