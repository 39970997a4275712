"""N-6: one liver metastasis, or few that can be resected. Words: ``cards/solitary-liver-metastasis.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.proliferation import Grade
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import (
    is_solitary,
    lesions_in_words,
    nothing_to_decide,
    number_of_lesions_unread,
    without_liver_only_disease,
)


def decide(facts: Facts) -> Answer:
    """Ask about resection with or without ablation."""
    if silent := nothing_to_decide(facts) or without_liver_only_disease(facts):
        return silent
    if facts.proliferation.alert_grade is Grade.G3:
        return Silent("a tumour of grade 3 is a matter for the tumour board")
    if against := facts.operability.unfit or facts.precautions.liver_failure:
        return Silent(f"on record: {against.says}")
    if is_solitary(facts):
        return Fires("solitary", {"lesions": lesions_in_words(facts)}, facts.spread.evidence)
    resectable = facts.operability.resectable
    if _are_few(facts) and resectable:
        evidence = (*facts.spread.evidence, resectable)
        return Fires("few", {"lesions": lesions_in_words(facts)}, evidence)
    if unread := number_of_lesions_unread(facts):
        return unread
    return Silent(f"not solitary by the record: {lesions_in_words(facts)}")


def _are_few(facts: Facts) -> bool:
    lesions = facts.spread.lesions
    return lesions is not None and 1 < lesions <= facts.defaults.few_liver_lesions


RULE = Rule(
    id="solitary-liver-metastasis",
    hooks=frozenset({"patient-view", "order-select"}),
    scope=Scope.TREATMENT,
    decide=decide,
    group="pathway",
    holes=frozenset({"lesions"}),
)
