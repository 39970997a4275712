"""One part of the work-up: whether it is done, how old it is, and whether it is on its way. (F-10, F-11)

The newest result decides; an order, booking or refusal makes asking for another one pointless.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from service.facts.orders import Order
from service.facts.patient import Patient, fact
from service.facts.tumour import tumour
from service.facts.words import evidence, on_day
from service.fhir import dates, quantities
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.r4 import Observation, Resource


class Availability(Enum):
    """Where one part of the work-up stands."""

    CURRENT = "current"
    STALE = "stale"
    ORDERED = "ordered"
    DECLINED = "declined"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Item:
    """One part of the work-up: where it stands, when it was last done, and what shows it.

    ``because`` says why nothing needs to be asked for; it is empty where something does.
    """

    availability: Availability
    moment: Moment | None = None
    order: Order | None = None
    evidence: tuple[Evidence, ...] = ()
    was_ever_done: bool = False
    because: str = ""

    @property
    def is_absent(self) -> bool:
        """Neither done within the limits nor on its way."""
        return self.availability is Availability.ABSENT

    @property
    def is_stale(self) -> bool:
        """Done, and old enough to ask whether to repeat it."""
        return self.availability is Availability.STALE

    @property
    def is_done(self) -> bool:
        """Done, current or stale."""
        return self.availability in (Availability.CURRENT, Availability.STALE)


@dataclass(frozen=True, slots=True)
class Limits:
    """From when a result counts as stale, from when it no longer counts, and the day it has to follow."""

    fresh_days: float
    ignored_days: float
    not_before: Moment | None


_R = TypeVar("_R", bound=Resource)
Dated = tuple[Moment | None, _R]
"""A result, report, study or note, and when it happened."""


def newest_first(results: Iterable[_R], patient: Patient) -> list[Dated[_R]]:
    """With their moments, undated ones last; a date in the future is an error in the data."""
    dated = [(one.happened(), one) for one in results]
    past = [pair for pair in dated if not dates.is_in_future(pair[0], patient.now)]
    return sorted(past, key=lambda pair: dates.order(pair[0]), reverse=True)


@fact
def start_of_diagnosis(patient: Patient) -> Moment | None:
    """The earliest day from which results belong to this tumour's diagnosis."""
    since = tumour(patient).since
    return since.earlier(patient.defaults.before_diagnosis_days) if since else None


def item(
    done: Iterable[Dated[_R]],
    patient: Patient,
    *,
    under_way: Sequence[Resource],
    order: Order | None,
    limits: Limits,
) -> Item:
    """The newest of ``done`` decides, so that the older ones need not be looked at."""
    was_ever_done = False
    for moment, one in done:
        if moment is None or _counts(moment, patient, limits):
            return _done(moment, one, patient, order=order, limits=limits)
        was_ever_done = True
    return not_done(order, patient, under_way=under_way, was_ever_done=was_ever_done)


def _counts(moment: Moment, patient: Patient, limits: Limits) -> bool:
    if moment.days_before(patient.now) > limits.ignored_days:
        return False
    return limits.not_before is None or not moment.precedes(limits.not_before)


def _done(
    moment: Moment | None, result: Resource, patient: Patient, *, order: Order | None, limits: Limits
) -> Item:
    """An undated result counts as current; a stale one that is being repeated counts as ordered."""
    shown = (evidence(result, _in_words(result, moment, patient)),)
    if moment is None or moment.days_before(patient.now) <= limits.fresh_days:
        return current(moment, shown, patient)
    return repeated(moment, shown, order)


def current(moment: Moment | None, shown: tuple[Evidence, ...], patient: Patient) -> Item:
    """Done, and not to be asked for."""
    because = patient.phrases("item.done", when=on_day(moment, patient))
    return Item(Availability.CURRENT, moment, evidence=shown, was_ever_done=True, because=because)


def repeated(moment: Moment, shown: tuple[Evidence, ...], order: Order | None) -> Item:
    """Done too long ago, and perhaps ordered again or declined."""
    state, because = (_state(order), order.says) if order else (Availability.STALE, "")
    return Item(state, moment, order, shown, was_ever_done=True, because=because)


def _state(order: Order) -> Availability:
    return Availability.DECLINED if order.is_refusal else Availability.ORDERED


def not_done(
    order: Order | None, patient: Patient, *, under_way: Sequence[Resource] = (), was_ever_done: bool = False
) -> Item:
    """Not done within the limits: ordered, declined, on its way, or absent."""
    order = order or next((_awaited(one, patient) for one in under_way), None)
    if order is None:
        return Item(Availability.ABSENT, was_ever_done=was_ever_done)
    return Item(_state(order), None, order, (order.evidence,), was_ever_done, order.says)


def _awaited(resource: Resource, patient: Patient) -> Order:
    shown = _in_words(resource, resource.happened(), patient)
    return Order(patient.phrases("item.on-its-way"), evidence(resource, shown))


def _in_words(resource: Resource, moment: Moment | None, patient: Patient) -> str:
    value = quantities.value_of(resource) if isinstance(resource, Observation) else None
    stated = f"{value.shown()} {value.unit}".rstrip() if value else ""
    key, when = "item.result-with-value" if stated else "item.result", on_day(moment, patient)
    return patient.phrases(key, name=resource.shown_name, value=stated, when=when)
