"""Who is the patient, and does the adult algorithm apply at all?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.facts.defaults import Defaults
from service.fhir import dates
from service.fhir.reading import string
from service.fhir.record import Record


@dataclass(frozen=True, slots=True)
class Person:
    """``age_years`` is None where the birth date is unknown: the patient is then taken for an adult."""

    age_years: int | None
    is_deceased: bool
    is_adult: bool
    has_comfort_care: bool


def read_person(record: Record, *, now: datetime, defaults: Defaults) -> Person:
    """Read age, death and comfort care."""
    patient = record.patient or {}
    age = _age_years(string(patient.get("birthDate")), now)
    deceased = (
        patient.get("deceasedBoolean") is True or dates.parse(patient.get("deceasedDateTime")) is not None
    )
    return Person(
        age_years=age,
        is_deceased=deceased,
        is_adult=age is None or age >= defaults.adult_age_years,
        has_comfort_care=_has_comfort_care(record),
    )


def _age_years(birth_date: str, now: datetime) -> int | None:
    born = dates.parse(birth_date)
    if born is None:
        return None
    day = born.instant
    return now.year - day.year - ((now.month, now.day) < (day.month, day.day))


def _has_comfort_care(record: Record) -> bool:
    """Hospice or comfort care only, as an active plan or an order."""
    plans = [one for one in record.of("CarePlan") if string(one.get("status")) == "active"]
    if any(record.is_named(one, "comfort-care") or record.finds(one, "comfort-care") for one in plans):
        return True
    orders = record.about("ServiceRequest", "comfort-care")
    return any(string(one.get("status")) in ("active", "on-hold", "completed") for one in orders)
