"""Who is the patient, and does the adult algorithm apply at all?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from service.facts.patient import Patient, fact
from service.fhir import dates, r4
from service.fhir.context import Assertion


@dataclass(frozen=True, slots=True)
class Person:
    """``age_years`` is None where the birth date is unknown: the patient is then taken for an adult."""

    age_years: int | None
    is_deceased: bool
    is_adult: bool
    has_comfort_care: bool
    has_palliative_care: bool


@fact
def person(patient: Patient) -> Person:
    """Age, death, and care that is limited to comfort or palliative."""
    resource = patient.record.patient
    age = _age_years(resource.birth_date, patient.now) if resource else None
    return Person(
        age_years=age,
        is_deceased=resource is not None and resource.is_deceased,
        is_adult=age is None or age >= patient.defaults.adult_age_years,
        has_comfort_care=any(_means_comfort(one) for one in _care(patient)),
        has_palliative_care=any(_is_palliative(one) for one in _care(patient)),
    )


def _age_years(birth_date: str | None, now: datetime) -> int | None:
    born = dates.parse(birth_date)
    if born is None:
        return None
    day = born.instant
    return now.year - day.year - ((now.month, now.day) < (day.month, day.day))


_Care = (
    r4.CarePlan | r4.ServiceRequest | r4.Procedure | r4.Encounter | r4.Flag | r4.Condition | r4.Observation
)


@fact
def _care(patient: Patient) -> tuple[_Care, ...]:
    """The plans, orders, encounters, flags, diagnoses and answers that stand, or were over not long ago."""
    record = patient.record
    found: tuple[_Care, ...] = (
        *record.of(r4.CarePlan),
        *record.of(r4.ServiceRequest),
        *record.of(r4.Procedure),
        *record.of(r4.Encounter),
        *record.of(r4.Flag),
        *record.of(r4.Condition),
        *_answered_yes(patient),
    )
    return tuple([one for one in found if one.about.hits(*_LISTS) and _stands(one, patient)])


def _answered_yes(patient: Patient) -> Iterator[r4.Observation]:
    """The answers to whether the patient is in hospice care; other results name it and decide nothing."""
    for one in patient.record.about(r4.Observation, _CODES):
        value = patient.terminology.about_concept(one.value_codeable_concept)
        if one.about.has_row(_CODES, roles=("hospice-status",)) and value.has_row(_CODES, roles=("yes",)):
            yield one


_CODES = "comfort-care-codes"
_LISTS = (_CODES, "comfort-care", "palliative-care")


def _means_comfort(care: _Care) -> bool:
    """Hospice or comfort care only."""
    about = care.about
    is_named = about.says_of("comfort-care") is Assertion.ASSERTED
    is_coded = about.has_row(_CODES, roles=("comfort-only", "hospice-status"))
    return is_named or about.finds("comfort-care") or is_coded


def _is_palliative(care: _Care) -> bool:
    """Palliative care, beside which other treatment goes on."""
    is_named = care.about.says_of("palliative-care") is Assertion.ASSERTED
    return is_named or care.about.has_row(_CODES, roles=("palliative",))


def _stands(care: _Care, patient: Patient) -> bool:
    """Whether it goes on, or was over not longer ago than the limit."""
    match care:
        case r4.Condition():
            return care.is_in_force(patient.now)
        case r4.ServiceRequest():
            is_meant, goes_on = care.is_in_force and care.is_order, care.is_open
        case r4.Encounter():
            is_meant, goes_on = care.is_done, care.is_now
        case r4.Procedure():
            is_meant, goes_on = care.took_place, care.is_under_way
        case r4.Observation():
            is_meant, goes_on = care.is_done, False
        case _:
            is_meant, goes_on = care.is_done, care.stated_status == "active"
    moment = care.happened()
    is_recent = moment is None or moment.days_before(patient.now) <= patient.defaults.comfort_care_days
    return is_meant and not care.is_refusal and (goes_on or is_recent)
