"""N-22: a likely carcinoid syndrome belongs on the problem list.

Words: ``cards/carcinoid-syndrome-record.md``.
"""

from __future__ import annotations

from service.facts.patient import Patient
from service.facts.syndrome import function
from service.hook_names import PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent


def decide(patient: Patient) -> Answer:
    """Ask to record a syndrome that is confirmed or probable and not on the problem list."""
    status = function(patient)
    if status.syndrome_on_problem_list:
        return Silent("on-problem-list")
    if not status.is_likely:
        return Silent("not-likely", {"why": status.why})
    if status.syndrome_was_dismissed:
        return Silent("dismissed")
    return Fires("record", {"level": status.words, "why": status.why}, status.evidence)


RULE = Rule(
    id="carcinoid-syndrome-record",
    hooks=frozenset({PATIENT_VIEW}),
    scope=Scope.TREATMENT,
    care=Care.MEANING,
    decide=decide,
    holes=frozenset({"level", "why"}),
)
