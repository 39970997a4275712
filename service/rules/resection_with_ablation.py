"""N-10: resection and ablation together. Words: ``cards/resection-with-ablation.md``."""

from __future__ import annotations

from service.facts.operations import Role, operations, planned_resections
from service.facts.patient import Patient
from service.facts.spread import spread
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.liver import is_multifocal, lesions_in_words, not_multifocal, without_liver_only_disease

_ABLATION = frozenset({Role.ABLATION})


def decide(patient: Patient) -> Answer:
    """Speak while one of the two is ordered for many liver metastases."""
    found = operations(patient)
    resections = planned_resections(patient, current_only=True)
    ablations = found.planned_of(_ABLATION, current_only=True)
    if not (resections or ablations):
        return Silent("neither-ordered")
    if planned_resections(patient) and found.planned_of(_ABLATION):
        return Silent("both-planned")
    if silent := without_liver_only_disease(patient):
        return silent
    if not is_multifocal(patient):
        return not_multifocal(patient)
    ordered = (*resections, *ablations)[0]
    values = {"procedure": ordered.name, "lesions": lesions_in_words(patient)}
    return Fires("option", values, (*ordered.evidence, *spread(patient).evidence))


RULE = Rule(
    id="resection-with-ablation",
    hooks=frozenset({"order-select"}),
    scope=Scope.TREATMENT,
    care=Care.ALWAYS,
    decide=decide,
    group="pathway",
    holes=frozenset({"procedure", "lesions"}),
)
