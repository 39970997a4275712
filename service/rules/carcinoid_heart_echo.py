"""X-2: the heart before an operation in carcinoid syndrome. Words: ``cards/carcinoid-heart-echo.md``."""

from __future__ import annotations

from service.facts.imaging import echocardiography
from service.facts.patient import Patient
from service.facts.plan import Kind, PlannedAct, plan
from service.facts.syndrome import function
from service.hook_names import ENCOUNTER_START, PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent, Situation
from service.rules.questions import all_evidence, is_for_this_admission, settled


def decide(patient: Patient) -> Answer:
    """Ask for an echocardiogram or NT-proBNP where surgery is planned in confirmed syndrome."""
    status, act = function(patient), _operation(patient)
    if not status.is_confirmed:
        return Silent("not-confirmed", {"why": status.why})
    if act is None:
        return Silent("no-operation")
    if silent := settled(echocardiography(patient)):
        return silent
    evidence = all_evidence(act.evidence, status.evidence)
    return Fires("missing", {"procedure": act.name, "when": act.when}, evidence)


def _operation(patient: Patient) -> PlannedAct | None:
    acts = plan(patient).of(Kind.ABDOMINAL_SURGERY, Kind.OTHER_SURGERY)
    is_admission = patient.hook == ENCOUNTER_START
    return next((act for act in acts if not is_admission or is_for_this_admission(act, patient)), None)


RULE = Rule(
    id="carcinoid-heart-echo",
    hooks=frozenset({PATIENT_VIEW, ENCOUNTER_START}),
    scope=Scope.SAFETY,
    care=Care.ALWAYS,
    decide=decide,
    holes=frozenset({"procedure", "when", "why"}),
    waits_in_emergency=True,
    also_in=frozenset({Situation.PALLIATIVE_CARE}),
    done_elsewhere_for="echocardiography_days",
)
