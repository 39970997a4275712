"""N-12: everything through a NET tumour board before treatment. Words: ``cards/tumour-board.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.decision import TreatmentKind
from service.facts.extent import Extent
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import (
    is_low_yield,
    nothing_to_decide,
    settled,
    to_repeat,
    treatment_before,
    unread,
)


def decide(facts: Facts) -> Answer:
    """Ask for a tumour-board review; notes are recognised by words, so absence is weak evidence."""
    item = facts.workup.tumour_board
    if silent := nothing_to_decide(facts) or settled(item):
        return silent
    if is_low_yield(facts) and facts.treatment.primary_resected:
        return Silent("a small tumour that has been removed")
    treatment = treatment_before(facts)
    if treatment is not None and treatment.kind is TreatmentKind.ANALOGUE and facts.function.is_likely:
        return Silent("a somatostatin analogue against symptoms must not wait")
    if repeat := to_repeat(item):
        return repeat
    if unknown := unread(facts, "documents"):
        return unknown
    return _missing(facts)


def _missing(facts: Facts) -> Answer:
    treatment = treatment_before(facts) if facts.tumour.is_confirmed else None
    if treatment is not None:
        wording = "before-irreversible-treatment" if treatment.is_irreversible else "before-treatment"
        return Fires(wording, {"treatment": treatment.name}, treatment.evidence)
    if facts.spread.extent is Extent.UNCLEAR_ORIGIN:
        return Fires("origin-unclear", evidence=facts.spread.evidence)
    return Fires("missing" if facts.record.is_known("orders") else "orders-unknown")


RULE = Rule(
    id="tumour-board",
    hooks=frozenset({"patient-view", "encounter-start", "order-sign"}),
    scope=Scope.WORKUP,
    decide=decide,
    group="workup",
    holes=frozenset({"date", "treatment"}),
    waits_in_emergency=True,
    with_several_primaries=True,
    with_mixed_tumour=True,
)
