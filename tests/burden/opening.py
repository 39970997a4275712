"""Open a chart again and again, and count what is shown. Seldom advice is remembered as a site would."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from fhir_fixtures.vocabulary import now_on
from service.engine import HookResult, respond
from service.hooks.card import Card, Indicator
from service.rules.base import Fires
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
    """When seldom advice was last shown; it is held back until its time is over."""

    shown: dict[str, int] = field(default_factory=dict)

    def held_back(self, rule_ids: Collection[str], day: int) -> set[str]:
        return {one for one in rule_ids if one in self.shown and day - self.shown[one] < SELDOM_DAYS}


def openings(course: Course, *, days: int = FIVE_YEARS) -> Iterator[Opening]:
    """Each opening on patient-view, one every two weeks."""
    memory = _Memory()
    for day in range(0, days, EVERY_DAYS):
        fresh = _asked(course, day)
        seldom = _seldom(fresh)
        held_back = memory.held_back(seldom, day)
        cards = _asked(course, day, held_back).cards if held_back else fresh.cards
        memory.shown |= dict.fromkeys(seldom & {one for card in cards for one in card.recommendations}, day)
        yield Opening(day, cards)


def _asked(course: Course, day: int, held_back: Collection[str] = ()) -> HookResult:
    today = START + timedelta(days=day)
    request = hook_request(course.chart(day), today=today)
    return respond(request, knowledge=knowledge(), now=now_on(today), overridden=lambda _fired: held_back)


def _seldom(result: HookResult) -> set[str]:
    said = [(one.rule.id, answer) for one in result.verdicts for answer in one.said]
    return {rule_id for rule_id, answer in said if isinstance(answer, Fires) and answer.is_seldom}


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
