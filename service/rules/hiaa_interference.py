"""X-6: food and drugs that change 5-HIAA. Words: ``cards/hiaa-interference.md``."""

from __future__ import annotations

from service.facts.drugs import treatment
from service.facts.markers import current_hiaa
from service.facts.patient import Patient
from service.facts.syndrome import function
from service.hook_names import PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence


def decide(patient: Patient) -> Answer:
    """A raised result beside what raises it, or one within range beside what lowers it."""
    marker, status = current_hiaa(patient), function(patient)
    if marker is None:
        return Silent("not-measured")
    if status.syndrome_on_problem_list:
        return Silent("syndrome-on-record")
    found = marker.interference if marker.is_high else marker.lowered_by
    if not found:
        return Silent("nothing-changes-it")
    drugs = treatment(patient).of("5hiaa-interference")
    evidence = all_evidence((marker.evidence,), (drug.evidence for drug in drugs if drug.name in found))
    values = {"result": marker.says, "interference": ", ".join(found), "level": status.words}
    return Fires("raised" if marker.is_high else "lowered", values, evidence)


RULE = Rule(
    id="hiaa-interference",
    hooks=frozenset({PATIENT_VIEW}),
    scope=Scope.WORKUP,
    care=Care.MEANING,
    decide=decide,
    holes=frozenset({"result", "interference", "level"}),
)
