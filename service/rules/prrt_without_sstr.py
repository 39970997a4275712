"""N-32, guard: PRRT for a tumour not shown to have receptors. Words: ``cards/prrt-without-sstr.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.decision import TreatmentKind
from service.facts.workup import SstrResult
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence, treatment_before


def decide(facts: Facts) -> Answer:
    """Critical without a positive scan; a warning where a scan was done and its result is not coded."""
    order = treatment_before(facts, TreatmentKind.RADIONUCLIDE)
    if order is None:
        return Silent("no PRRT is being ordered")
    result = facts.workup.sstr_result
    if result is SstrResult.POSITIVE:
        return Silent("receptor imaging was positive")
    values = {"treatment": order.name}
    evidence = all_evidence(order.evidence, facts.workup.sstr_imaging.evidence)
    if result is SstrResult.NEGATIVE:
        return Fires("negative", values, evidence)
    if not facts.record.is_known("imaging"):
        return Fires("unverified", values, evidence)
    return Fires("not-coded" if result is SstrResult.NOT_CODED else "missing", values, evidence)


RULE = Rule(
    id="prrt-without-sstr",
    hooks=frozenset({"order-sign"}),
    scope=Scope.SAFETY,
    decide=decide,
    holes=frozenset({"treatment"}),
    with_several_primaries=True,
)
