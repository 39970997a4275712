"""Which somatostatin analogue still acts when PRRT is to be given? (X-10, Y-6)

A long-acting analogue is told by its last dose, a short-acting one by whether it still runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.facts.cover import given_of_late, is_scheduled
from service.facts.drugs import Drug, treatment
from service.facts.patient import Patient, fact
from service.facts.plan import Kind, plan
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.r4 import MedicationAdministration


@dataclass(frozen=True, slots=True)
class Radionuclide:
    """One PRRT that is ordered or booked; without ``starts`` it counts as meant for now."""

    name: str
    starts: Moment | None
    is_current: bool
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Analogues:
    """The analogues by what is known of them at the time of a PRRT; each drug stands in one of them."""

    too_late: tuple[Drug, ...] = ()
    without_last_dose: tuple[Drug, ...] = ()
    running: tuple[Drug, ...] = ()


@fact
def radionuclide(patient: Patient) -> Radionuclide | None:
    """The PRRT being ordered or booked now; else, while an analogue is being ordered, one that is planned."""
    found = (*_acts(patient), *_drugs(patient))
    now = next((one for one in found if one.is_current), None)
    return now or (next(iter(found), None) if is_analogue_being_ordered(patient) else None)


def _acts(patient: Patient) -> Iterator[Radionuclide]:
    for act in plan(patient).of(Kind.RADIONUCLIDE):
        yield Radionuclide(act.name, act.starts, act.is_current, act.evidence)


def _drugs(patient: Patient) -> Iterator[Radionuclide]:
    for drug in treatment(patient).of("prrt-procedures", roles=("drug",)):
        yield Radionuclide(drug.name, drug.starts, drug.is_draft, (drug.evidence,))


def is_analogue_being_ordered(patient: Patient) -> bool:
    """Whether an analogue of any form is among the drafts."""
    found = treatment(patient)
    return any(one.is_draft for one in (*found.long_acting_analogues, *found.octreotide_short_acting))


def analogues_before(given: Radionuclide, patient: Patient) -> Analogues:
    """The analogues that the label asks to stop before a dose of PRRT, and that were not stopped in time."""
    when, long_acting = _moment(given, patient), treatment(patient).long_acting_analogues
    late = [one for one in long_acting if _is_too_late(one, when, patient)]
    told = {_ingredient(one) for one in long_acting if _is_dose(one)}
    untold = [one for one in long_acting if _ingredient(one) not in told and not _begins_after(one, when)]
    return Analogues(tuple(late), tuple(untold), tuple(_running(when, patient)))


def _moment(given: Radionuclide, patient: Patient) -> datetime:
    return given.starts.instant if given.starts else patient.now


def _dose(drug: Drug) -> Moment | None:
    """The last dose that is known: given, scheduled, or not before its order was written."""
    return drug.ends if _is_dose(drug) and drug.ends else drug.starts or drug.authored


def _is_dose(drug: Drug) -> bool:
    return isinstance(drug.resource, MedicationAdministration) or drug.resource.status == "completed"


def _is_too_late(drug: Drug, when: datetime, patient: Patient) -> bool:
    """Whether its last dose lies before the moment by fewer days than the label asks for."""
    dose = _dose(drug)
    if dose is None:
        return drug.is_draft
    days = dose.days_before(when)
    return 0 <= days < patient.defaults.prrt_long_acting_days


def _begins_after(drug: Drug, when: datetime) -> bool:
    return drug.starts is not None and drug.starts.first > when


def _ingredient(drug: Drug) -> str:
    return drug.concepts[0].get("ingredient") if drug.concepts else drug.name


def _running(when: datetime, patient: Patient) -> Iterable[Drug]:
    """Short-acting octreotide by the clock that runs within the hours before; at home as in hospital."""
    earliest = when - timedelta(hours=patient.defaults.prrt_short_acting_hours)
    found = (*treatment(patient).octreotide_short_acting, *given_of_late(patient))
    for drug in found:
        ends = drug.ends or (drug.starts if drug.resource.is_done else None)
        is_stopped = ends is not None and ends.last <= earliest
        if is_scheduled(drug, patient) and not is_stopped and not _begins_after(drug, when):
            yield drug
