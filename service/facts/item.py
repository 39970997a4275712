"""One part of the work-up: whether it is done, how old it is, and whether it is on its way. (F-10, F-11)

The newest result decides; an order, booking or refusal makes asking for another one pointless.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
    OLD = "old"
    ORDERED = "ordered"
    DECLINED = "declined"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Item:
    """One part of the work-up: where it stands, when it was last done, and what shows it.

    ``because`` says why nothing needs to be asked for; it is empty where something does. ``older`` says what
    makes an old one old, and ``result`` its value.
    """

    availability: Availability
    moment: Moment | None = None
    order: Order | None = None
    evidence: tuple[Evidence, ...] = ()
    because: str = ""
    older: str = ""
    result: str = ""

    @property
    def is_current(self) -> bool:
        """Done within its limits."""
        return self.availability is Availability.CURRENT

    @property
    def is_done(self) -> bool:
        """Done at any time, and neither ordered again nor declined since."""
        return self.availability in (Availability.CURRENT, Availability.OLD)

    @property
    def is_settled(self) -> bool:
        """Current, on its way or declined: nothing needs to be asked for."""
        return self.availability not in (Availability.OLD, Availability.ABSENT)


@dataclass(frozen=True, slots=True)
class Limits:
    """For how long a result is current, the day it has to follow, and what to say of one that does not."""

    days: float
    not_before: Moment | None
    too_early: str


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


def since_diagnosis(days: float, patient: Patient) -> Limits:
    """The limits of what belongs to the diagnosis or came after it."""
    longest = f"{patient.defaults.before_diagnosis_days:g}"
    return Limits(days, start_of_diagnosis(patient), patient.phrases("item.before-diagnosis", days=longest))


def item(
    done: Iterable[Dated[_R]],
    patient: Patient,
    *,
    under_way: Sequence[Resource],
    order: Order | None,
    limits: Limits,
) -> Item:
    """The newest of ``done`` decides; one without a date counts as current, whatever stands beside it."""
    newest: tuple[Moment, Resource, str] | None = None
    for moment, one in done:
        older = _older(moment, patient, limits) if moment else ""
        if moment is None or not older:
            return current(moment, (evidence(one, _in_words(one, moment, patient)),), patient)
        newest = newest or (moment, one, older)
    order = order or next((_awaited(one, patient) for one in under_way), None)
    return _old(*newest, order, patient) if newest else not_done(order)


def _older(moment: Moment, patient: Patient, limits: Limits) -> str:
    """What makes it too old to be current; empty where nothing does."""
    if moment.days_before(patient.now) > limits.days:
        return older_than(limits.days, patient)
    is_early = limits.not_before is not None and moment.precedes(limits.not_before)
    return limits.too_early if is_early else ""


def older_than(days: float, patient: Patient) -> str:
    """``older than 365 days``."""
    return patient.phrases("item.older-than", days=f"{days:g}")


def current(moment: Moment | None, shown: tuple[Evidence, ...], patient: Patient) -> Item:
    """Done, and not to be asked for."""
    because = patient.phrases("item.done", when=on_day(moment, patient))
    return Item(Availability.CURRENT, moment, evidence=shown, because=because)


def _old(moment: Moment, one: Resource, older: str, order: Order | None, patient: Patient) -> Item:
    shown = (evidence(one, _in_words(one, moment, patient)),)
    result = _value(one) or patient.phrases("marker.no-number")
    return replace(old(moment, shown, order, older=older), result=result)


def old(moment: Moment, shown: tuple[Evidence, ...], order: Order | None, *, older: str) -> Item:
    """Done too long ago, and perhaps ordered again or declined."""
    state, because = (_state(order), order.says) if order else (Availability.OLD, "")
    return Item(state, moment, order, shown, because=because, older=older)


def _state(order: Order) -> Availability:
    return Availability.DECLINED if order.is_refusal else Availability.ORDERED


def not_done(order: Order | None) -> Item:
    """Never done: ordered, declined, on its way, or absent."""
    if order is None:
        return Item(Availability.ABSENT)
    return Item(_state(order), None, order, (order.evidence,), order.says)


def _awaited(resource: Resource, patient: Patient) -> Order:
    shown = _in_words(resource, resource.happened(), patient)
    return Order(patient.phrases("item.on-its-way"), evidence(resource, shown))


def _in_words(resource: Resource, moment: Moment | None, patient: Patient) -> str:
    stated, when = _value(resource), on_day(moment, patient)
    key = "item.result-with-value" if stated else "item.result"
    return patient.phrases(key, name=resource.shown_name, value=stated, when=when)


def _value(resource: Resource) -> str:
    value = quantities.value_of(resource) if isinstance(resource, Observation) else None
    return f"{value.shown()} {value.unit}".rstrip() if value else ""
