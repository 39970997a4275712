"""N-6: one liver metastasis, or few that can be resected. Words: ``cards/solitary-liver-metastasis.md``."""

from __future__ import annotations

from service.facts.grade import Grade, proliferation
from service.facts.operability import operability
from service.facts.patient import Patient
from service.facts.precautions import precautions
from service.facts.spread import spread
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.liver import is_solitary, lesions_in_words, treated_lately, without_liver_only_disease
from service.rules.questions import nothing_to_decide


def decide(patient: Patient) -> Answer:
    """Ask about resection with or without ablation."""
    if silent := nothing_to_decide(patient) or _not_meant(patient):
        return silent
    values, evidence = {"lesions": lesions_in_words(patient)}, spread(patient).evidence
    if is_solitary(patient):
        return Fires("solitary", values, evidence)
    resectable = operability(patient).resectable
    if _are_few(patient) and resectable:
        return Fires("few", values, (*evidence, resectable))
    return Silent(_why_not_solitary(patient), values)


def _not_meant(patient: Patient) -> Silent | None:
    if silent := without_liver_only_disease(patient) or treated_lately(patient):
        return silent
    if proliferation(patient).alert_grade is Grade.G3:
        return Silent("grade-3")
    against = operability(patient).unfit or precautions(patient).liver_failure
    return Silent("on-record", {"what": against.says}) if against else None


def _are_few(patient: Patient) -> bool:
    lesions = spread(patient).lesions
    return lesions is not None and 1 < lesions <= patient.defaults.few_liver_lesions


def _why_not_solitary(patient: Patient) -> str:
    if _are_few(patient):
        return "not-called-resectable"
    return "not-counted" if spread(patient).lesions is None else "not-solitary"


RULE = Rule(
    id="solitary-liver-metastasis",
    hooks=frozenset({"patient-view", "order-select"}),
    scope=Scope.TREATMENT,
    care=Care.PATHWAY,
    decide=decide,
    group="pathway",
    holes=frozenset({"lesions"}),
)
