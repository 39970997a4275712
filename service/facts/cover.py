"""Which octreotide covers a procedure, and how far? (F-8, Y-2)

A candidate is ordered or given by the clock, in hospital, around the procedure. What is taken at home, or
only as needed, is none, and neither is a depot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum

from service.facts.crisis_plan import has_crisis_plan
from service.facts.drugs import Drug, Form, read_drug, treatment
from service.facts.objections import objections_to_analogues, refused_analogues
from service.facts.orders import find_order
from service.facts.patient import Patient, fact
from service.facts.plan import PlannedAct
from service.facts.words import on_day
from service.fhir import dates
from service.fhir.r4 import AllergyIntolerance, MedicationAdministration, MedicationRequest, words


class Timing(Enum):
    """How far octreotide covers a procedure; each but NONE is a wording or a silence of the card."""

    NONE = "none"
    UNTOLD = "check-timing"
    GAP = "gap"
    SMALL_GAP = "gap-minor"
    WHOLE = "covered"
    BEGUN = "emergency-covered"


def timing(act: PlannedAct, patient: Patient) -> Timing:
    """How far the candidates cover it; an infusion that has run for long may go on or not."""
    around = candidates(act, patient)
    if not around:
        return Timing.UNTOLD if _is_running_before(act, patient) else Timing.NONE
    if act.is_emergency and any(_has_begun(drug, patient) for drug in around):
        return Timing.BEGUN
    timed = [drug for drug in around if _is_timed(drug)]
    if not timed or act.starts is None or not act.starts.has_time:
        return Timing.UNTOLD
    return _weighed(timed, act.starts.instant, (act.ends or act.starts).instant, patient)


@fact
def scheduled_octreotide(patient: Patient) -> tuple[Drug, ...]:
    """What may cover a procedure, whenever that is: ordered, or given of late, and not only as needed."""
    drugs = (*treatment(patient).octreotide_short_acting, *given_of_late(patient))
    return tuple([one for one in drugs if not one.resource.is_for_home and is_scheduled(one, patient)])


def candidates(act: PlannedAct, patient: Patient) -> tuple[Drug, ...]:
    """Those among them that may be meant for this procedure."""
    return tuple([drug for drug in scheduled_octreotide(patient) if _is_around(drug, act, patient)])


def given_of_late(patient: Patient) -> Iterator[Drug]:
    """Short-acting octreotide that was given so lately that it counts as running."""
    hours = patient.defaults.running_dose_hours
    for one in patient.record.of(MedicationAdministration):
        if one.is_done and one.happened() and not dates.is_over(*one.span, patient.now, hours=hours):
            drug = read_drug(one, patient)
            if drug.is_octreotide and not drug.is_long_acting_analogue:
                yield drug


def is_scheduled(drug: Drug, patient: Patient) -> bool:
    """One line that is neither as needed nor by mouth is enough; where none has words, the notes tell."""
    says, lines = patient.terminology.says, drug.resource.dosages()
    is_worded = any(one.words for one in lines)
    if says("as-needed", words(list(drug.resource.drug))) or (not is_worded and drug.says("as-needed")):
        return False
    by_clock = [one for one in lines if not one.is_as_needed and not says("as-needed", one.words)]
    return not lines or any(not says("by-mouth", one.words) for one in by_clock)


def _is_around(drug: Drug, act: PlannedAct, patient: Patient) -> bool:
    """Whether it begins soon enough before, or after; without times that cannot be excluded."""
    if drug.starts is None or act.starts is None:
        begun = drug.starts if drug.resource.is_done else None
        return not dates.is_over(begun, drug.ends, patient.now, hours=0)
    limits, ends = patient.defaults, act.ends or act.starts
    earliest = act.starts.first - timedelta(hours=limits.cover_earliest_hours)
    latest = ends.last + timedelta(hours=limits.cover_after_hours)
    return earliest <= drug.starts.last and drug.starts.first <= latest


def _is_timed(drug: Drug) -> bool:
    """Where the form is not stated it may be a depot, whose long span would look like cover."""
    is_stated = drug.starts is not None and drug.starts.has_time and (not drug.ends or drug.ends.has_time)
    return is_stated and drug.form is Form.SHORT_ACTING and drug.resource.status != "on-hold"


def _has_begun(drug: Drug, patient: Patient) -> bool:
    is_over = dates.is_over(None, drug.ends, patient.now, hours=0) and not drug.resource.is_done
    return _is_timed(drug) and not is_over and drug.starts is not None and drug.starts.first <= patient.now


def _is_running_before(act: PlannedAct, patient: Patient) -> bool:
    """Whether octreotide that was begun too early to be meant for the procedure is being given."""
    hours = act.starts.hours_after(patient.now) if act.starts else 0
    drugs = scheduled_octreotide(patient)
    is_given = any(isinstance(one.resource, MedicationAdministration) for one in drugs)
    return is_given and hours <= patient.defaults.cover_earliest_hours


def _weighed(drugs: Iterable[Drug], begins: datetime, ends: datetime, patient: Patient) -> Timing:
    limits, spans = patient.defaults, sorted(_spans(drugs, patient))
    tolerance = timedelta(minutes=limits.cover_tolerance_minutes)
    before, after = timedelta(hours=limits.cover_before_hours), timedelta(hours=limits.cover_after_hours)
    if _covers(spans, begins - before, ends + after, tolerance):
        return Timing.WHOLE
    least = timedelta(hours=limits.cover_after_min_hours)
    return Timing.SMALL_GAP if _covers(spans, begins, ends + least, tolerance) else Timing.GAP


def _spans(drugs: Iterable[Drug], patient: Patient) -> Iterator[tuple[datetime, datetime]]:
    """From when to when; an order without an end does not go on for ever, and a dose is a moment."""
    open_end = timedelta(hours=patient.defaults.cover_open_end_hours)
    for drug in drugs:
        if drug.starts is not None:
            starts = drug.starts.instant
            yield (
                starts,
                drug.ends.instant
                if drug.ends
                else starts + (timedelta() if drug.resource.is_done else open_end),
            )


def _covers(
    spans: Sequence[tuple[datetime, datetime]], begins: datetime, ends: datetime, tolerance: timedelta
) -> bool:
    """Whether the spans, joined where they meet, reach from the one to the other without a hole."""
    reached = begins
    for starts, stops in spans:
        if starts <= reached + tolerance:
            reached = max(reached, stops)
    return reached >= ends - tolerance


@fact
def is_crisis_foreseen(patient: Patient) -> bool:
    """Whether somebody has thought of a crisis: a plan, octreotide at hand, a referral that names it."""
    return has_crisis_plan(patient) or has_rescue_octreotide(patient) or _is_anaesthetist_told(patient)


@fact
def has_rescue_octreotide(patient: Patient) -> bool:
    """An order for octreotide in hospital, to be given in a crisis."""
    drugs = treatment(patient).octreotide_short_acting
    requests = [(drug, drug.resource) for drug in drugs if isinstance(drug.resource, MedicationRequest)]
    return any(drug.says("crisis-use") and one.is_of_category("inpatient") for drug, one in requests)


def _is_anaesthetist_told(patient: Patient) -> bool:
    order = find_order(
        patient,
        lambda one: (
            one.about.is_named("anaesthesia-referral")
            and one.about.says("carcinoid-crisis-flag", "neuroendocrine-tumour")
        ),
    )
    return order is not None and not order.is_refusal


def other_octreotide(act: PlannedAct, patient: Patient) -> str:
    """What else is on record of octreotide and its kin, and why it is no cover; empty where nothing is."""
    meant, found = candidates(act, patient), treatment(patient)
    others = [drug for drug in found.octreotide_short_acting if drug not in meant]
    said = [_not_cover(drug, patient) for drug in others]
    said += [_stated(drug, "long-acting", patient) for drug in found.long_acting_analogues]
    said += [_stated(drug, "refused", patient) for drug in refused_analogues(patient)]
    said += [_objection(one, patient) for one in objections_to_analogues(patient)]
    return " ".join(dict.fromkeys(said))


def _not_cover(drug: Drug, patient: Patient) -> str:
    if drug.resource.is_for_home:
        return _stated(drug, "home", patient)
    is_by_clock = is_scheduled(drug, patient)
    return _stated(drug, "another-time" if is_by_clock else "as-needed", patient)


def _stated(drug: Drug, phrase: str, patient: Patient) -> str:
    """The drug as its order has it, dose included; no dose is ever added."""
    order, name = "; ".join([one.text for one in drug.resource.dosages() if one.text]), drug.name
    if order:
        name = patient.phrases("cover.with-order", name=name, order=order)
    return patient.phrases(f"cover.{phrase}", name=name, when=on_day(drug.authored, patient))


def _objection(objection: AllergyIntolerance, patient: Patient) -> str:
    name, reactions = objection.shown_name, objection.manifestations
    if reactions:
        name = patient.phrases("cover.with-order", name=name, order=reactions)
    key = "intolerance" if objection.type == "intolerance" else "allergy"
    return patient.phrases(f"cover.{key}", name=name)
