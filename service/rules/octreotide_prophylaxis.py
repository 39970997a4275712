"""N-23 and N-24: octreotide cover before an operation or a liver-directed procedure.

Words: ``cards/octreotide-prophylaxis.md``. One card per procedure. Without a planned procedure the card
takes its anticipatory form on patient-view.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from service.facts.crisis_plan import has_crisis_plan
from service.facts.drugs import Drug, Form, treatment
from service.facts.imaging import echocardiography
from service.facts.objections import has_allergy_to_analogue, has_refused_octreotide
from service.facts.operations import primary_resection
from service.facts.orders import is_ordered
from service.facts.patient import Patient
from service.facts.plan import Kind, PlannedAct, other_names, plan
from service.facts.signals import Function
from service.facts.spread import spread
from service.facts.syndrome import function
from service.facts.tumour import tumour
from service.fhir.evidence import Evidence
from service.hook_names import ALL_HOOKS, ENCOUNTER_START, PATIENT_VIEW
from service.rules.around_operation import function_not_likely
from service.rules.base import Answer, Answers, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence, is_for_this_admission


def decide(patient: Patient) -> Answers:
    """Check every planned procedure for cover; without one, ask for a plan."""
    if silent := _no_octreotide_for_this_patient(patient):
        return silent
    acts = _acts_of_hook(patient)
    if not function(patient).is_likely:
        return _function_not_likely(acts, patient)
    if not acts:
        return _without_procedure(patient)
    answers = [_one_procedure(act, patient) for act in acts]
    fires = [answer for answer in answers if isinstance(answer, Fires)]
    return (*fires, *_not_recognised(patient)) or answers[0]


def _no_octreotide_for_this_patient(patient: Patient) -> Silent | None:
    if function(patient).has_insulinoma:
        return Silent("insulinoma")
    if has_allergy_to_analogue(patient, ingredient="octreotide"):
        return Silent("allergy")
    return Silent("declined") if has_refused_octreotide(patient) else None


def _acts_of_hook(patient: Patient) -> tuple[PlannedAct, ...]:
    """All of them on patient-view, those soon at admission, those being ordered or booked elsewhere."""
    acts = (*plan(patient).needs_anaesthesia, *_liver_biopsies(patient))
    if patient.hook == PATIENT_VIEW:
        return acts
    if patient.hook == ENCOUNTER_START:
        return tuple([act for act in acts if is_for_this_admission(act, patient)])
    return tuple([act for act in acts if act.is_current])


def _liver_biopsies(patient: Patient) -> tuple[PlannedAct, ...]:
    """Section 8: a biopsy of a liver metastasis in confirmed syndrome."""
    if not function(patient).is_confirmed:
        return ()
    acts = plan(patient).of(Kind.DIAGNOSTIC)
    return tuple([act for act in acts if patient.terminology.says("liver-biopsy", act.name)])


def _function_not_likely(acts: Sequence[PlannedAct], patient: Patient) -> Answer:
    """Hepatic metastases predicted crises better than syndrome did: information, no demand."""
    level = function(patient).level
    if (
        not acts
        and spread(patient).has_reported_liver_metastases
        and level in (Function.POSSIBLE, Function.UNKNOWN)
    ):
        return Silent("no-operation-for-liver-metastases", {"why": function(patient).why})
    if acts and spread(patient).has_reported_liver_metastases:
        if level is Function.POSSIBLE:
            return _possible(acts[0], patient)
        through_liver = next((act for act in acts if act.kind is Kind.LOCOREGIONAL), None)
        if level is Function.UNKNOWN and through_liver and tumour(patient).region.startswith("midgut"):
            return Fires("function-unknown", _values(through_liver), _evidence(through_liver, patient))
    return function_not_likely(patient)


def _possible(act: PlannedAct, patient: Patient) -> Answer:
    if treatment(patient).octreotide_short_acting:
        return Silent("possible-and-covered")
    return Fires("possible", _values(act), _evidence(act, patient))


def _without_procedure(patient: Patient) -> Answers:
    if patient.hook == ENCOUNTER_START:
        return Silent("no-operation")
    return _anticipatory(patient) if patient.hook == PATIENT_VIEW else _nothing_recognised(patient)


def _nothing_recognised(patient: Patient) -> Answers:
    """What is being ordered or booked is no operation, or none that could be recognised."""
    if fires := _not_recognised(patient):
        return fires
    names = ", ".join(other_names(patient))
    return Silent("not-an-operation", {"names": names}) if names else Silent("no-operation-ordered")


def _not_recognised(patient: Patient) -> tuple[Fires, ...]:
    """What is like a procedure and of no kind that is known, where the syndrome is confirmed."""
    if not function(patient).is_confirmed:
        return ()
    acts = [act for act in plan(patient).of(Kind.UNRECOGNISED) if act.is_current]
    return tuple([Fires("not-recognised", _values(act), _evidence(act, patient)) for act in acts])


def _anticipatory(patient: Patient) -> Answer:
    if has_crisis_plan(patient):
        return Silent("crisis-plan")
    if treatment(patient).octreotide_short_acting:
        return Silent("octreotide-ordered")
    if primary_resection(patient) and not spread(patient).may_be_metastatic and tumour(patient).is_present:
        return Silent("resected")
    return Fires("anticipatory", evidence=function(patient).evidence, omit=_omitted(patient))


def _one_procedure(act: PlannedAct, patient: Patient) -> Answer:
    cover = treatment(patient).octreotide_short_acting
    if act.kind is Kind.DIAGNOSTIC:
        return Silent("biopsy-covered") if cover else _fires("biopsy", act, patient)
    if cover:
        return _check_cover(act, cover, patient)
    kind = "emergency" if act.is_emergency else "locoregional" if act.kind is Kind.LOCOREGIONAL else "surgery"
    return _fires(f"{kind}-critical" if _is_critical(act, patient) else kind, act, patient)


def _is_critical(act: PlannedAct, patient: Patient) -> bool:
    """Confirmed syndrome, a stated time within the limit, and no octreotide of the short-acting kind."""
    hours, limit = act.hours_away(patient.now), patient.defaults.imminent_hours
    return function(patient).is_confirmed and hours is not None and 0 <= hours <= limit


def _check_cover(act: PlannedAct, cover: Sequence[Drug], patient: Patient) -> Answer:
    # Where the form is not stated it may be a depot, whose long span would look like cover.
    timed = [drug for drug in cover if drug.form is Form.SHORT_ACTING and drug.starts is not None]
    if not timed or act.starts is None:
        return _fires("check-timing", act, patient)
    if act.is_emergency:
        return Silent("emergency-covered")
    limits, ends = patient.defaults, act.ends or act.starts
    needed_from = act.starts.instant - timedelta(hours=limits.cover_before_hours)
    needed_to = ends.instant + timedelta(hours=limits.cover_after_hours)
    is_covered = _covers(timed, needed_from, needed_to)
    return Silent("covered", {"procedure": act.name}) if is_covered else _fires("gap", act, patient)


def _covers(timed: Sequence[Drug], needed_from: datetime, needed_to: datetime) -> bool:
    """Whether the orders, joined where they meet, reach from before to after without a hole."""
    spans = [(drug.starts.instant, drug.ends) for drug in timed if drug.starts]
    covered_to = needed_from
    for starts, ends in sorted(spans, key=lambda span: span[0]):
        if starts <= covered_to:
            covered_to = max(covered_to, ends.instant if ends else needed_to)
    return covered_to >= needed_to


def _fires(wording: str, act: PlannedAct, patient: Patient) -> Fires:
    return Fires(wording, _values(act), _evidence(act, patient), _omitted(patient))


def _values(act: PlannedAct) -> dict[str, str]:
    return {"procedure": act.name, "when": act.when}


def _evidence(act: PlannedAct, patient: Patient) -> tuple[Evidence, ...]:
    drugs = treatment(patient)
    analogues = [drug.evidence for drug in (*drugs.octreotide_short_acting, *drugs.long_acting_analogues)]
    return all_evidence(act.evidence, function(patient).evidence, analogues)


def _omitted(patient: Patient) -> frozenset[str]:
    """No second order or referral, and no echocardiogram where one was done."""
    pointless = {
        "octreotide": bool(treatment(patient).octreotide_short_acting),
        "echocardiogram": not echocardiography(patient).is_absent,
        "anaesthesia-referral": is_ordered(patient, "anaesthesia-referral"),
    }
    return frozenset([name for name, is_pointless in pointless.items() if is_pointless])


RULE = Rule(
    id="octreotide-prophylaxis",
    hooks=ALL_HOOKS,
    scope=Scope.SAFETY,
    decide=decide,
    holes=frozenset({"why", "procedure", "when", "names"}),
    with_several_primaries=True,
)
