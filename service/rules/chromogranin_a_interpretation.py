"""X-5: a raised chromogranin A beside its confounders. Words: ``cards/chromogranin-a-interpretation.md``."""

from __future__ import annotations

from service.facts.confounders import confounders
from service.facts.markers import current_chromogranin_a
from service.facts.patient import Patient
from service.hook_names import PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence


def decide(patient: Patient) -> Answer:
    """Name what else could have raised the newest result."""
    marker, found = current_chromogranin_a(patient), confounders(patient)
    if marker is None or not marker.is_high:
        return Silent("not-raised")
    inhibitors = ", ".join(dict.fromkeys(drug.name for drug in found.inhibitors))
    reasons = [*([inhibitors] if inhibitors else []), *found.others]
    if not reasons:
        return Silent("nothing-else")
    shown = (drug.evidence for drug in found.inhibitors)
    evidence = all_evidence((marker.evidence,), shown, found.other_evidence)
    values = {"result": marker.says, "reasons": ", ".join(dict.fromkeys(reasons))}
    return Fires("proton-pump-inhibitor" if inhibitors else "other-confounder", values, evidence)


RULE = Rule(
    id="chromogranin-a-interpretation",
    hooks=frozenset({PATIENT_VIEW}),
    scope=Scope.WORKUP,
    care=Care.MEANING,
    decide=decide,
    holes=frozenset({"result", "reasons"}),
)
