"""N-13: CT or MRI for location and local invasion. Words: ``cards/cross-sectional-imaging.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.decision import TreatmentKind
from service.rules.base import Answer, Fires, Rule, Scope
from service.rules.questions import nothing_to_decide, settled, to_repeat, treatment_before, unread


def decide(facts: Facts) -> Answer:
    """Ask for CT or MRI of the abdomen; either satisfies, MRI is named for the liver."""
    item = facts.workup.cross_sectional
    if silent := nothing_to_decide(facts) or settled(item):
        return silent
    if repeat := to_repeat(item):
        return repeat
    if unknown := unread(facts, "imaging"):
        return unknown
    treatment = treatment_before(facts, TreatmentKind.SURGERY, TreatmentKind.LOCOREGIONAL)
    if treatment is not None and facts.tumour.is_confirmed:
        return Fires("before-treatment", {"treatment": treatment.name}, treatment.evidence)
    if facts.spread.has_liver_metastases:
        return Fires("liver-metastases", evidence=facts.spread.evidence)
    return Fires("missing" if facts.record.is_known("orders") else "orders-unknown")


RULE = Rule(
    id="cross-sectional-imaging",
    hooks=frozenset({"patient-view", "order-sign"}),
    scope=Scope.WORKUP,
    decide=decide,
    group="workup",
    holes=frozenset({"date", "treatment"}),
    waits_in_emergency=True,
)
