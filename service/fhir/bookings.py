"""Bookings that name what is booked by the order that they are based on.

https://hl7.org/fhir/R4/appointment-definitions.html#Appointment.basedOn. Many systems write no service on the
appointment: the order, among the drafts or on record, says which operation it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from service.fhir.r4 import Appointment, CodeableConcept, ServiceRequest
from service.fhir.read import Reading
from service.fhir.references import type_and_id


def name_bookings(readings: Iterable[Reading]) -> None:
    """Give each appointment the concepts of its orders, wherever among the readings they stand."""
    read = [one for reading in readings for one in reading.read]
    orders: dict[str, list[CodeableConcept]] = {}
    for one in read:
        if isinstance(one.resource, ServiceRequest) and one.fault is None:
            for name in filter(None, (one.resource.reference, one.full_url)):
                orders[name] = one.resource.naming_concepts()
    for one in read:
        if isinstance(one.resource, Appointment):
            one.resource.ordered = [found for name in _names(one.resource) for found in orders.get(name, ())]


def _names(appointment: Appointment) -> Iterable[str]:
    for one in appointment.based_on or ():
        name = one.reference or ""
        yield name if name in ("", "#") or name.startswith("urn:") else "/".join(type_and_id(name))
