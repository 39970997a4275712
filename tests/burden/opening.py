"""Open a chart again and again, and count what is shown. Seldom advice is remembered as a site would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from fhir_fixtures.vocabulary import now_on
from service.engine import respond
from service.hooks.card import Card, Indicator
from service.hooks.recall import SELDOM, Asked, Remembered
from tests.asking import hook_request, knowledge
from tests.burden.courses import FIVE_YEARS, START, Course

EVERY_DAYS = 14
SELDOM_DAYS = 180


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of the chart: the day, and the cards that were shown."""

    day: int
    cards: tuple[Card, ...]


@dataclass(slots=True)
class _Memory:
    """On which day seldom advice was last shown, by rule and what it rests on; others of it are held back."""

    day: int = 0
    shown: dict[tuple[str, str], int] = field(default_factory=dict)

    def recall(self, asked: Sequence[Asked]) -> Sequence[Remembered]:
        """Hold seldom advice back until its time is over, and note what is shown now."""
        return [self._remembered(one) for one in asked]

    def _remembered(self, asked: Asked) -> Remembered:
        key = (asked.rule, asked.facts)
        if not asked.is_seldom:
            return Remembered()
        if key in self.shown and self.day - self.shown[key] < SELDOM_DAYS:
            return Remembered(frozenset({SELDOM}))
        self.shown[key] = self.day
        return Remembered()


def openings(course: Course, *, days: int = FIVE_YEARS) -> Iterator[Opening]:
    """Each opening on patient-view, one every two weeks."""
    memory = _Memory()
    for memory.day in range(0, days, EVERY_DAYS):
        yield Opening(memory.day, _cards(course, memory))


def _cards(course: Course, memory: _Memory) -> tuple[Card, ...]:
    today = START + timedelta(days=memory.day)
    request = hook_request(course.chart(memory.day), today=today)
    return respond(request, knowledge=knowledge(), now=now_on(today), recall=memory.recall).cards


@dataclass(frozen=True, slots=True)
class Burden:
    """What one patient's openings held."""

    openings: int
    with_a_card: int
    cards: int
    warnings: int

    @property
    def share(self) -> float:
        """The share of openings with a card."""
        return self.with_a_card / self.openings


def burden(course: Course) -> Burden:
    """Count all openings of five years."""
    found = list(openings(course))
    cards = [card for one in found for card in one.cards]
    return Burden(
        openings=len(found),
        with_a_card=len([one for one in found if one.cards]),
        cards=len(cards),
        warnings=len([card for card in cards if card.indicator >= Indicator.WARNING]),
    )
