"""N-15: 5-HIAA, the marker of function, before anaesthesia above all. Words: ``cards/hiaa.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.decision import TreatmentKind
from service.facts.function import Function
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import is_low_yield, settled, to_repeat, treatment_before, unread

_ASKED_AT = ("midgut", "midgut-or-duodenum", "midgut-or-hindgut", "unknown")


def decide(facts: Facts) -> Answer:
    """Ask for 5-HIAA in midgut and unknown primaries, with symptoms, or with liver metastases."""
    item = facts.workup.hiaa
    if silent := _pointless_here(facts) or settled(item):
        return silent
    if repeat := to_repeat(item):
        return repeat
    if unknown := unread(facts, "observations"):
        return unknown
    procedure = treatment_before(facts, TreatmentKind.SURGERY, TreatmentKind.LOCOREGIONAL)
    if procedure is not None and _function_matters(facts):
        return Fires("before-procedure", {"procedure": procedure.name}, procedure.evidence)
    return Fires("missing" if facts.record.is_known("orders") else "orders-unknown")


def _pointless_here(facts: Facts) -> Silent | None:
    if facts.context.hook != "patient-view" and not treatment_before(
        facts, TreatmentKind.SURGERY, TreatmentKind.LOCOREGIONAL
    ):
        return Silent("no operation or liver-directed treatment is being ordered")
    if facts.spread.has_liver_metastases or facts.function.has_flushing or facts.function.has_diarrhoea:
        return None
    if is_low_yield(facts) or facts.tumour.region not in _ASKED_AT:
        return Silent("5-HIAA has a low yield at this site without symptoms or liver metastases")
    return None


def _function_matters(facts: Facts) -> bool:
    """Midgut tumour with liver metastases whose function is unknown, just before anaesthesia."""
    return (
        facts.tumour.is_confirmed
        and facts.tumour.region.startswith("midgut")
        and facts.spread.has_liver_metastases
        and facts.function.level <= Function.POSSIBLE
    )


RULE = Rule(
    id="hiaa",
    hooks=frozenset({"patient-view", "order-sign", "appointment-book"}),
    scope=Scope.WORKUP,
    decide=decide,
    group="workup",
    holes=frozenset({"date", "procedure"}),
    waits_in_emergency=True,
)
