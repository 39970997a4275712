"""N-17 and N-29: no Ki-67, no grade; F-10: an old one. Words: ``cards/ki67.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.proliferation import Grading
from service.facts.statements import Statement
from service.fhir import dates
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import nothing_to_decide, treatment_before, unread


def decide(facts: Facts) -> Answer:
    """Ask for the Ki-67 index, or say why the one on record does not grade."""
    found = facts.proliferation
    if silent := nothing_to_decide(facts):
        return silent
    if found.grading is Grading.ON_ITS_WAY:
        return Silent("a Ki-67 result is on its way")
    if found.grading is Grading.GRADED and found.ki67:
        return _graded(facts)
    if facts.workup.ki67_order is not None:
        return Silent(f"Ki-67 is {facts.workup.ki67_order.says}")
    if found.grading is Grading.GRADED:
        return Fires("mitoses-only", {"value": found.counts[0].shown}, found.evidence)
    if found.grading is Grading.NOT_GRADABLE:
        return Fires("not-gradable", {"value": found.counts[0].shown}, found.evidence)
    return _missing(facts)


def _graded(facts: Facts) -> Answer:
    """A Ki-67 is on record: silent, unless it is old and the tumour has come back or grown since."""
    found, grown = facts.proliferation, _grown_since(facts)
    if grown is None or found.newest_ki67 is None:
        return Silent(f"a Ki-67 is on record: {found.ki67[0].says}")
    if facts.workup.ki67_order is not None:
        return Silent(f"Ki-67 is {facts.workup.ki67_order.says}")
    if unknown := unread(facts, "observations"):
        return unknown
    values = {"date": found.newest_ki67.day, "when": dates.shown(grown.moment)}
    return Fires("stale", values, (*found.evidence, grown.evidence("recurrence or progression")))


def _grown_since(facts: Facts) -> Statement | None:
    """F-10: of the same episode a Ki-67 counts at any age, so that age alone is no reason to ask."""
    newest = facts.proliferation.newest_ki67
    if newest is None or facts.proliferation.is_on_its_way:
        return None
    is_old = newest.days_before(facts.now) > facts.defaults.ki67_stale_days
    return facts.progression.after(newest) if is_old else None


def _missing(facts: Facts) -> Answer:
    """The wording depends on what else is known, and on whether a treatment is being ordered."""
    if not facts.record.is_known("observations"):
        return Fires("unverified")
    treatment = treatment_before(facts) if facts.tumour.is_confirmed else None
    if treatment is not None:
        return Fires("before-treatment", {"treatment": treatment.name}, treatment.evidence)
    if facts.proliferation.grading is Grading.NO_RESULT:
        return Fires("no-result", evidence=facts.proliferation.evidence)
    if facts.record.is_known("procedures", "imaging") and not facts.workup.has_tissue:
        return Fires("no-tissue")
    return Fires("missing" if facts.record.is_known("orders") else "orders-unknown")


RULE = Rule(
    id="ki67",
    hooks=frozenset({"patient-view", "order-sign"}),
    scope=Scope.GRADING,
    decide=decide,
    holes=frozenset({"value", "treatment", "date", "when"}),
    waits_in_emergency=True,
    with_several_primaries=True,
)
