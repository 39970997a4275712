"""What is already ordered, and what was declined. (F-11)"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from service.facts.context import Context
from service.facts.defaults import Defaults
from service.fhir import dates
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, label, reference, string
from service.fhir.recognition import named
from service.fhir.record import Record

OPEN_STATUSES = ("active", "draft", "on-hold")
ORDER_INTENTS = ("order", "plan", "original-order", "filler-order", "reflex-order", "instance-order", "")
BOOKED = ("proposed", "pending", "booked", "arrived", "checked-in", "waitlist")


@dataclass(frozen=True, slots=True)
class Order:
    """Why a test counts as ordered (or declined): ``says`` reads ``ordered on 2026-05-01, on hold``."""

    says: str
    evidence: Evidence
    is_refusal: bool = False


def find_order(
    record: Record,
    context: Context,
    matches: Callable[[Resource], bool],
    *,
    now: datetime,
    defaults: Defaults,
) -> Order | None:
    """The first order, booking or refusal that makes asking for a test again pointless."""
    requests, appointments = record.of("ServiceRequest"), record.of("Appointment")
    if not (requests or appointments or context.drafts or context.appointments):
        return None
    candidates = (
        *_drafts(context, matches),
        *_requests(requests, matches, record, now=now, defaults=defaults),
        *_bookings((*context.appointments, *appointments), matches, now=now),
    )
    return next(iter(candidates), None)


def _order(resource: Resource, says: str, *, is_refusal: bool = False) -> Order:
    name = label(resource.get("code")) or named(resource) or string(resource.get("resourceType"))
    return Order(says, Evidence(reference(resource), f"{name}: {says}"), is_refusal)


def _drafts(context: Context, matches: Callable[[Resource], bool]) -> Iterator[Order]:
    for draft in context.drafts:
        if string(draft.get("resourceType")) == "ServiceRequest" and matches(draft):
            refused = draft.get("doNotPerform") is True
            yield _order(draft, "among the draft orders", is_refusal=refused)


def _requests(
    requests: Iterable[Resource],
    matches: Callable[[Resource], bool],
    record: Record,
    *,
    now: datetime,
    defaults: Defaults,
) -> Iterator[Order]:
    for request in requests:
        if not matches(request):
            continue
        authored = dates.parse(request.get("authoredOn"))
        age_days = authored.days_before(now) if authored else 0
        status = string(request.get("status"))
        refused = request.get("doNotPerform") is True or record.finds(request, "refusal")
        if refused and age_days <= defaults.order_window_days and status not in ("entered-in-error",):
            yield _order(request, f"declined {dates.shown(authored)}", is_refusal=True)
        elif status in OPEN_STATUSES and _is_order(request) and age_days <= defaults.order_window_days:
            hold = ", on hold" if status == "on-hold" else ""
            yield _order(request, f"ordered {dates.shown(authored)}{hold}")
        elif status == "completed" and age_days <= defaults.completed_order_window_days:
            yield _order(request, f"ordered {dates.shown(authored)}, result awaited")


def _is_order(request: Resource) -> bool:
    """A proposal or an option is not an order; a missing intent (invalid R4) is taken as one."""
    return string(request.get("intent")) in ORDER_INTENTS


def _bookings(
    appointments: Iterable[Resource], matches: Callable[[Resource], bool], *, now: datetime
) -> Iterator[Order]:
    for appointment in appointments:
        begins = dates.parse(appointment.get("start"))
        is_past = begins is not None and begins.days_before(now) > 0
        if string(appointment.get("status")) in BOOKED and not is_past and matches(appointment):
            when = f" for {begins.day}" if begins else ""
            yield _order(appointment, f"booked{when}")
