"""N-23 and N-24: octreotide cover before an operation or a liver-directed procedure.

Words: ``cards/octreotide-prophylaxis.md``. One card per procedure. Without a planned procedure the
card takes its anticipatory form on patient-view.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from service.facts import Facts
from service.facts.function import Function
from service.facts.plan import Kind, PlannedAct
from service.facts.treatment import Drug, Form, form
from service.fhir.evidence import Evidence
from service.rules.base import ALL_HOOKS, Answer, Answers, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence, is_for_this_admission, is_ordered, unread


def decide(facts: Facts) -> Answers:
    """Check every planned procedure for cover; without one, ask for a plan."""
    if silent := _no_octreotide_for_this_patient(facts):
        return silent
    acts = _acts_of_hook(facts)
    if not facts.function.is_likely:
        return _function_not_likely(facts, acts)
    if not acts:
        return _anticipatory(facts)
    answers = [_one_procedure(act, facts) for act in acts]
    fired = tuple(answer for answer in answers if isinstance(answer, Fires))
    return fired or answers[0]


def _no_octreotide_for_this_patient(facts: Facts) -> Silent | None:
    if facts.function.has_insulinoma:
        return Silent("insulinoma is on record: octreotide can worsen hypoglycaemia")
    if facts.treatment.has_octreotide_allergy:
        return Silent("an allergy to octreotide is on record")
    if facts.treatment.octreotide_refused:
        return Silent("octreotide was declined")
    return None


def _acts_of_hook(facts: Facts) -> tuple[PlannedAct, ...]:
    """All of them on patient-view, those soon at admission, those being ordered or booked elsewhere."""
    hook = facts.context.hook
    acts = (*facts.plan.needs_anaesthesia, *_liver_biopsies(facts))
    if hook == "patient-view":
        return acts
    if hook == "encounter-start":
        return tuple(act for act in acts if is_for_this_admission(act, facts))
    return tuple(act for act in acts if act.is_current)


def _liver_biopsies(facts: Facts) -> tuple[PlannedAct, ...]:
    """Section 8: a biopsy of a liver metastasis in confirmed syndrome."""
    if not facts.function.is_confirmed:
        return ()
    names_liver = facts.record.terminology.word_lists["liver-biopsy"]
    return tuple(act for act in facts.plan.of(Kind.DIAGNOSTIC) if names_liver.found_in(act.name))


def _function_not_likely(facts: Facts, acts: tuple[PlannedAct, ...]) -> Answer:
    """Hepatic metastases predicted crises better than syndrome did: information, no demand."""
    level = facts.function.level
    if acts and facts.spread.has_liver_metastases:
        if level is Function.POSSIBLE:
            return _possible(acts[0], facts)
        through_liver = next((act for act in acts if act.kind is Kind.LOCOREGIONAL), None)
        if level is Function.UNKNOWN and through_liver and facts.tumour.region.startswith("midgut"):
            return Fires("function-unknown", _values(through_liver), _evidence(through_liver, facts))
    if acts and level < Function.POSSIBLE and (unknown := unread(facts, "observations")):
        return unknown
    return Silent(f"carcinoid syndrome is not confirmed or probable ({facts.function.why})")


def _possible(act: PlannedAct, facts: Facts) -> Answer:
    if facts.treatment.octreotide_short_acting:
        return Silent("the syndrome is possible only, and octreotide is ordered")
    return Fires("possible", _values(act), _evidence(act, facts))


def _anticipatory(facts: Facts) -> Answer:
    if facts.context.hook == "encounter-start" and (unknown := unread(facts, "orders", "appointments")):
        return unknown
    if facts.context.hook != "patient-view":
        return Silent("no operation is planned in this context")
    if facts.treatment.has_crisis_plan:
        return Silent("a plan against carcinoid crisis is on record")
    if facts.treatment.octreotide_short_acting:
        return Silent("short-acting octreotide is ordered")
    if facts.treatment.primary_resected and not facts.spread.is_metastatic and facts.tumour.is_present:
        return Silent("the tumour was resected and no metastasis is on record")
    return Fires("anticipatory", evidence=facts.function.evidence, omit=_omitted(facts))


def _one_procedure(act: PlannedAct, facts: Facts) -> Answer:
    cover = facts.treatment.octreotide_short_acting
    if act.kind is Kind.DIAGNOSTIC:
        return Silent("octreotide is ordered") if cover else _fires("biopsy", act, facts)
    if cover:
        return _check_cover(act, cover, facts)
    if not facts.record.is_known("medications"):
        return _fires("unverified", act, facts)
    kind = "emergency" if act.is_emergency else "locoregional" if act.kind is Kind.LOCOREGIONAL else "surgery"
    return _fires(f"{kind}-critical" if _is_critical(act, facts) else kind, act, facts)


def _is_critical(act: PlannedAct, facts: Facts) -> bool:
    """Confirmed syndrome, a stated time within the limit, and no octreotide of the short-acting kind."""
    hours = act.hours_away(facts.now)
    return facts.function.is_confirmed and hours is not None and 0 <= hours <= facts.defaults.imminent_hours


def _check_cover(act: PlannedAct, cover: tuple[Drug, ...], facts: Facts) -> Answer:
    # Where the form is not stated it may be a depot, whose long span would look like cover.
    short_acting = [drug for drug in cover if form(drug, facts.record) is Form.SHORT_ACTING]
    timed = [drug for drug in short_acting if drug.starts is not None]
    if not timed or act.starts is None:
        return _fires("check-timing", act, facts)
    if act.is_emergency:
        return Silent("octreotide is ordered for the emergency operation")
    needed_from = act.starts.instant - timedelta(hours=facts.defaults.cover_before_hours)
    ends = act.ends or act.starts
    needed_to = ends.instant + timedelta(hours=facts.defaults.cover_after_hours)
    if _covers(timed, needed_from, needed_to):
        return Silent(f"octreotide covers {act.name}")
    return _fires("gap", act, facts)


def _covers(timed: list[Drug], needed_from: datetime, needed_to: datetime) -> bool:
    """Whether the orders, joined where they meet, reach from before to after without a hole."""
    spans = sorted(
        ((drug.starts.instant, drug.ends) for drug in timed if drug.starts), key=lambda span: span[0]
    )
    covered_to = needed_from
    for starts, ends in spans:
        if starts <= covered_to:
            covered_to = max(covered_to, ends.instant if ends else needed_to)
    return covered_to >= needed_to


def _fires(wording: str, act: PlannedAct, facts: Facts) -> Fires:
    return Fires(wording, _values(act), _evidence(act, facts), _omitted(facts))


def _values(act: PlannedAct) -> dict[str, str]:
    return {"procedure": act.name, "when": act.when}


def _evidence(act: PlannedAct, facts: Facts) -> tuple[Evidence, ...]:
    return all_evidence(
        act.evidence,
        facts.function.evidence,
        (drug.evidence for drug in facts.treatment.octreotide_short_acting),
        (drug.evidence for drug in facts.treatment.long_acting_analogues),
    )


def _omitted(facts: Facts) -> frozenset[str]:
    """No second order or referral, and no echocardiogram where one was done."""
    omitted = set()
    if facts.treatment.octreotide_short_acting:
        omitted.add("octreotide")
    if not facts.workup.echocardiography.is_absent:
        omitted.add("echocardiogram")
    if is_ordered(facts, "anaesthesia-referral"):
        omitted.add("anaesthesia-referral")
    return frozenset(omitted)


RULE = Rule(
    id="octreotide-prophylaxis",
    hooks=ALL_HOOKS,
    scope=Scope.SAFETY,
    decide=decide,
    holes=frozenset({"procedure", "when"}),
    with_several_primaries=True,
)
