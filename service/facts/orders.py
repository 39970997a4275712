"""Is something already ordered, booked or declined, so that asking for it again is pointless? (F-11)"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from service.facts.drafts import drafts
from service.facts.patient import Patient, fact
from service.facts.words import evidence, on_day
from service.fhir import dates
from service.fhir.evidence import Evidence
from service.fhir.r4 import Appointment, Resource, ServiceRequest

Matches = Callable[[Resource], bool]
"""Whether an order or a booking asks for what is meant."""


@dataclass(frozen=True, slots=True)
class Order:
    """Why a test counts as ordered (or declined): ``says`` reads ``ordered on 2026-05-01, on hold``."""

    says: str
    evidence: Evidence
    is_refusal: bool = False


def find_order(patient: Patient, matches: Matches) -> Order | None:
    """The first order, booking or refusal that makes asking for a test again pointless."""
    return next(_orders(patient, matches), None)


def is_ordered(patient: Patient, word_list: str) -> bool:
    """Whether an order by this name is open or among the drafts: a suggestion that was accepted."""
    return _named(patient, word_list) is not None


@fact
def surgical_referral(patient: Patient) -> Order | None:
    """A referral to surgery that is open or was declined."""
    return _named(patient, "surgical-referral")


@fact
def radiology_referral(patient: Patient) -> Order | None:
    """A referral to interventional radiology that is open or was declined."""
    return _named(patient, "interventional-radiology-referral")


def _named(patient: Patient, word_list: str) -> Order | None:
    return find_order(patient, lambda one: one.about.is_named(word_list))


def _orders(patient: Patient, matches: Matches) -> Iterator[Order]:
    for draft in filter(matches, drafts(patient, ServiceRequest)):
        yield _order(draft, patient.phrases("order.among-drafts"), patient, is_refusal=draft.is_refusal)
    for request in filter(matches, patient.record.of(ServiceRequest)):
        yield from _of_request(request, patient)
    for booking in filter(matches, (*drafts(patient, Appointment), *patient.record.of(Appointment))):
        yield from _of_booking(booking, patient)


def _order(
    resource: ServiceRequest | Appointment, says: str, patient: Patient, *, is_refusal: bool = False
) -> Order:
    stated = resource.label if isinstance(resource, ServiceRequest) else resource.name
    name = stated or resource.name or resource.kind
    shown = patient.phrases("order.named", name=name, says=says)
    return Order(says, evidence(resource, shown), is_refusal)


def _of_request(request: ServiceRequest, patient: Patient) -> Iterator[Order]:
    limits, when = patient.defaults, on_day(request.authored, patient)
    age_days = request.authored.days_before(patient.now) if request.authored else 0
    is_recent = age_days <= limits.order_window_days
    if is_recent and _is_declined(request):
        yield _order(request, patient.phrases("order.declined", when=when), patient, is_refusal=True)
    elif is_recent and request.is_open and request.is_order:
        key = "order.on-hold" if request.status == "on-hold" else "order.ordered"
        yield _order(request, patient.phrases(key, when=when), patient)
    elif request.status == "completed" and age_days <= limits.completed_order_window_days:
        yield _order(request, patient.phrases("order.result-awaited", when=when), patient)


def _is_declined(request: ServiceRequest) -> bool:
    is_refused = request.is_refusal or request.about.finds("refusal")
    return is_refused and request.status != "entered-in-error"


def _of_booking(booking: Appointment, patient: Patient) -> Iterator[Order]:
    begins = booking.happened()
    is_past = dates.is_over(*booking.span, patient.now, hours=patient.defaults.past_act_hours)
    if booking.is_booked and not is_past:
        key = "order.booked-for" if begins else "order.booked"
        says = patient.phrases(key, day=begins.day if begins else "")
        yield _order(booking, says, patient)
