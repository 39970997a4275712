"""Who is the patient, and does the adult algorithm apply at all?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.facts.patient import Patient, fact
from service.fhir import dates, r4
from service.fhir.record import Record


@dataclass(frozen=True, slots=True)
class Person:
    """``age_years`` is None where the birth date is unknown: the patient is then taken for an adult."""

    age_years: int | None
    is_deceased: bool
    is_adult: bool
    has_comfort_care: bool


@fact
def person(patient: Patient) -> Person:
    """Age, death and comfort care."""
    resource = patient.record.patient
    age = _age_years(resource.birth_date, patient.now) if resource else None
    return Person(
        age_years=age,
        is_deceased=resource is not None and resource.is_deceased,
        is_adult=age is None or age >= patient.defaults.adult_age_years,
        has_comfort_care=_has_comfort_care(patient.record),
    )


def _age_years(birth_date: str | None, now: datetime) -> int | None:
    born = dates.parse(birth_date)
    if born is None:
        return None
    day = born.instant
    return now.year - day.year - ((now.month, now.day) < (day.month, day.day))


def _has_comfort_care(record: Record) -> bool:
    """Hospice or comfort care only, as an active plan or an order."""
    plans, orders = (
        record.saying(r4.CarePlan, "comfort-care"),
        record.about(r4.ServiceRequest, "comfort-care"),
    )
    return any(one.is_under_way for one in plans) or any(one.is_in_force for one in orders)
