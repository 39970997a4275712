"""X-1: insulinoma, where an analogue can worsen hypoglycaemia. Words: ``cards/insulinoma-ssa.md``."""

from __future__ import annotations

from service.facts.drugs import ANALOGUES, treatment
from service.facts.patient import Patient
from service.facts.plan import plan
from service.facts.syndrome import function
from service.hook_names import APPOINTMENT_BOOK, ORDER_SELECT, ORDER_SIGN, PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent, Situation
from service.rules.questions import all_evidence


def decide(patient: Patient) -> Answer:
    """Information on opening the chart; a warning when an analogue or an operation is being ordered."""
    if not function(patient).has_insulinoma:
        return Silent("no-insulinoma")
    insulinoma = function(patient).other_syndrome_evidence
    if patient.hook == PATIENT_VIEW:
        return Fires("on-record", evidence=insulinoma)
    if analogues := treatment(patient).of(ANALOGUES, drafts_only=True):
        names = ", ".join(dict.fromkeys([drug.name for drug in analogues]))
        evidence = all_evidence(insulinoma, [drug.evidence for drug in analogues])
        return Fires("analogue", {"drug": names}, evidence)
    act = next((act for act in plan(patient).needs_anaesthesia if act.is_current), None)
    if act is None:
        return Silent("nothing-ordered")
    if function(patient).is_likely and not function(patient).has_certain_insulinoma:
        return Silent("cover-asked-for")
    values = {"procedure": act.name, "when": act.when}
    return Fires("operation", values, all_evidence(insulinoma, act.evidence))


RULE = Rule(
    id="insulinoma-ssa",
    hooks=frozenset({PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN, APPOINTMENT_BOOK}),
    scope=Scope.SAFETY,
    care=Care.ALWAYS,
    decide=decide,
    holes=frozenset({"drug", "procedure", "when"}),
    also_in=frozenset({Situation.COMFORT_CARE, Situation.PALLIATIVE_CARE}),
    is_overridden_for_user_only=True,
)
