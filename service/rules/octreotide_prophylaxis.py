"""N-23 and N-24: octreotide cover before an operation or a liver-directed procedure.

Words: ``cards/octreotide-prophylaxis.md``. One card per procedure. Without a planned procedure the card
takes its anticipatory form on patient-view. At discharge it speaks of cover that stops with the stay.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.facts.cover import (
    Timing,
    candidates,
    has_rescue_octreotide,
    is_crisis_foreseen,
    other_octreotide,
    scheduled_octreotide,
    timing,
)
from service.facts.crisis_plan import has_crisis_plan
from service.facts.drugs import treatment
from service.facts.imaging import echocardiography
from service.facts.objections import has_allergy_to_octreotide, objections_to_analogues, refused_octreotide
from service.facts.operations import primary_resection
from service.facts.orders import is_ordered
from service.facts.patient import Patient
from service.facts.plan import NEEDS_ANAESTHESIA, Kind, PlannedAct, other_names, plan, recent_acts
from service.facts.signals import Function
from service.facts.spread import spread
from service.facts.syndrome import function
from service.facts.tumour import tumour
from service.facts.words import evidence, on_day
from service.fhir.evidence import Evidence
from service.hook_names import ALL_HOOKS, ENCOUNTER_DISCHARGE, ENCOUNTER_START, PATIENT_VIEW
from service.rules.around_operation import function_not_likely
from service.rules.base import Answer, Answers, Care, Fires, Rule, Scope, Silent, Situation
from service.rules.questions import all_evidence, is_for_this_admission


def decide(patient: Patient) -> Answers:
    """Check every planned procedure for cover; without one, ask for a plan."""
    if patient.hook == ENCOUNTER_DISCHARGE:
        return _at_discharge(patient)
    acts, is_likely = _acts_of_hook(patient), function(patient).is_likely
    if is_likely and acts:
        answers = [_one_procedure(act, patient) for act in acts]
        fires = [answer for answer in answers if isinstance(answer, Fires)]
        return (*fires, *_not_recognised(patient)) or answers[0]
    if silent := _no_octreotide_for_this_patient(patient):
        return silent
    return _without_procedure(patient) if is_likely else _function_not_likely(acts, patient)


def _of_a_child(patient: Patient) -> Answer | None:
    """One sentence before an operation, and no advice that was written for adults."""
    if not function(patient).is_confirmed:
        return None
    acts = [act for act in plan(patient).needs_anaesthesia if act.is_current]
    return _named("child", acts[0], patient) if acts else Silent("no-operation-ordered")


def _at_discharge(patient: Patient) -> Answers:
    """Cover in hospital ends with the stay, while the hours after the operation may not be over."""
    if not function(patient).is_likely:
        return function_not_likely(patient)
    hours = patient.defaults.cover_after_hours
    acts = [act for act in recent_acts(patient, hours) if act.kind in NEEDS_ANAESTHESIA]
    covered = [act for act in acts if candidates(act, patient)]
    stops = tuple([_fires("gap-minor", act, patient) for act in covered])
    return stops or Silent("no-cover-to-stop" if acts else "no-operation-lately", {"hours": f"{hours:g}"})


def _no_octreotide_for_this_patient(patient: Patient) -> Silent | None:
    if function(patient).has_certain_insulinoma:
        return Silent("insulinoma")
    if has_allergy_to_octreotide(patient):
        return Silent("allergy")
    return Silent("declined") if refused_octreotide(patient) else None


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
        abdominal = next((act for act in acts if act.kind in _ABDOMINAL), None)
        if level is Function.UNKNOWN and abdominal and _may_be_midgut(patient):
            return _function_unknown(abdominal, patient)
    return function_not_likely(patient)


_ABDOMINAL = (Kind.ABDOMINAL_SURGERY, Kind.LOCOREGIONAL)


def _may_be_midgut(patient: Patient) -> bool:
    region = tumour(patient).region
    return region.startswith("midgut") or region == "unknown"


def _function_unknown(act: PlannedAct, patient: Patient) -> Fires:
    """Within a day there is no time for a collection of urine."""
    hours, limit = act.hours_away(patient.now), patient.defaults.imminent_hours
    is_soon = act.is_emergency or (hours is not None and hours < limit)
    name = "function-unknown-soon" if is_soon else "function-unknown"
    return _named(name, act, patient)


def _possible(act: PlannedAct, patient: Patient) -> Answer:
    if timing(act, patient) is not Timing.NONE:
        return Silent("possible-and-covered")
    return _named("possible", act, patient)


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
    return tuple([_named("not-recognised", act, patient) for act in acts])


def _anticipatory(patient: Patient) -> Answer:
    if has_crisis_plan(patient):
        return Silent("crisis-plan")
    if scheduled_octreotide(patient):
        return Silent("octreotide-ordered")
    if primary_resection(patient) and not spread(patient).may_be_metastatic and tumour(patient).is_present:
        return Silent("resected")
    return Fires("anticipatory", evidence=function(patient).evidence, omit=_omitted(patient))


def _one_procedure(act: PlannedAct, patient: Patient) -> Answer:
    if act.kind is Kind.DIAGNOSTIC:
        return _biopsy(act, patient)
    if function(patient).has_certain_insulinoma:
        is_both = function(patient).is_confirmed
        return _fires("with-insulinoma", act, patient) if is_both else Silent("insulinoma")
    found = timing(act, patient)
    if found in (Timing.WHOLE, Timing.BEGUN):
        return Silent(found.value, {"procedure": act.name})
    if has_allergy_to_octreotide(patient):
        return _fires("cannot-give", act, patient)
    if refused_octreotide(patient):
        return _fires("declined", act, patient)
    return _fires(_uncovered(act, patient) if found is Timing.NONE else found.value, act, patient)


def _biopsy(act: PlannedAct, patient: Patient) -> Answer:
    """Here octreotide has to be at hand only."""
    is_covered = timing(act, patient) is not Timing.NONE or has_rescue_octreotide(patient)
    covered = Silent("biopsy-covered") if is_covered else None
    return _no_octreotide_for_this_patient(patient) or covered or _fires("biopsy", act, patient)


def _uncovered(act: PlannedAct, patient: Patient) -> str:
    kind = "emergency" if act.is_emergency else "locoregional" if act.kind is Kind.LOCOREGIONAL else "surgery"
    return f"{kind}-critical" if _is_critical(act, patient) else kind


def _is_critical(act: PlannedAct, patient: Patient) -> bool:
    """Confirmed syndrome, a stated time within the limit, and nobody has thought of a crisis."""
    hours, limit = act.hours_away(patient.now), patient.defaults.imminent_hours
    is_soon = hours is not None and 0 <= hours <= limit
    return is_soon and function(patient).is_confirmed and not is_crisis_foreseen(patient)


def _named(wording: str, act: PlannedAct, patient: Patient) -> Fires:
    return Fires(wording, _values(act, patient), _evidence(act, patient))


def _fires(wording: str, act: PlannedAct, patient: Patient) -> Fires:
    return Fires(wording, _values(act, patient), _evidence(act, patient), _omitted(patient))


def _values(act: PlannedAct, patient: Patient) -> dict[str, str]:
    refused, is_discharge = refused_octreotide(patient), patient.hook == ENCOUNTER_DISCHARGE
    return {
        "procedure": act.name,
        "when": act.when,
        "declined": on_day(refused.authored, patient) if refused else "",
        "gap": patient.phrases(
            "cover.gap-at-discharge" if is_discharge else "cover.gap-small", **_hours(patient)
        ),
        "other_octreotide": f"{other_octreotide(act, patient)} {_doubt(patient)}".strip(),
    }


def _doubt(patient: Patient) -> str:
    """A suspected insulinoma takes no cover away, and nobody is to overlook it."""
    found = function(patient)
    is_suspected = found.has_insulinoma and not found.has_certain_insulinoma
    return patient.phrases("cover.suspected-insulinoma") if is_suspected else ""


def _hours(patient: Patient) -> dict[str, str]:
    """The limits of cover, in hours, as the phrases name them."""
    limits = patient.defaults
    return {
        "before": f"{limits.cover_before_hours:g}",
        "after": f"{limits.cover_after_hours:g}",
        "least": f"{limits.cover_after_min_hours:g}",
    }


def _evidence(act: PlannedAct, patient: Patient) -> tuple[Evidence, ...]:
    drugs = treatment(patient)
    analogues = [drug.evidence for drug in (*drugs.octreotide_short_acting, *drugs.long_acting_analogues)]
    shown, refused = function(patient), refused_octreotide(patient)
    against = [evidence(one, one.shown_name) for one in objections_to_analogues(patient)]
    against += [refused.evidence] if refused else []
    others = shown.other_syndrome_evidence if shown.has_insulinoma else ()
    return all_evidence(act.evidence, shown.evidence, others, against, analogues)


def _omitted(patient: Patient) -> frozenset[str]:
    """No second order or referral, and no echocardiogram where one was done."""
    pointless = {
        "octreotide": bool(scheduled_octreotide(patient)) or function(patient).has_insulinoma,
        "echocardiogram": echocardiography(patient).is_settled,
        "flag": has_crisis_plan(patient),
        "anaesthesia-referral": is_ordered(patient, "anaesthesia-referral"),
    }
    return frozenset([name for name, is_pointless in pointless.items() if is_pointless])


_ASKS_FOR_COVER = (
    "surgery",
    "surgery-critical",
    "locoregional",
    "locoregional-critical",
    "emergency",
    "emergency-critical",
    "gap",
    "gap-minor",
    "check-timing",
)

RULE = Rule(
    id="octreotide-prophylaxis",
    hooks=ALL_HOOKS,
    scope=Scope.SAFETY,
    care=Care.ALWAYS,
    decide=decide,
    cares={"anticipatory": Care.PRECAUTION},
    holes=frozenset({"why", "procedure", "when", "names", "declined", "gap", "hours", "other_octreotide"}),
    with_several_primaries=True,
    also_in=frozenset(Situation),
    of_a_child=_of_a_child,
    when_declined=dict.fromkeys(_ASKS_FOR_COVER, "declined"),
)
