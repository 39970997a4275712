"""N-21: TNM by the site of origin; shown, never computed. Words: ``cards/tnm.md``."""

from __future__ import annotations

from service.facts import Facts
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import is_ordered, settled, unread


def decide(facts: Facts) -> Answer:
    """Ask to record TNM with the chapter of the tumour's site."""
    if silent := settled(facts.workup.tnm):
        return silent
    if facts.tumour.site == "unknown":
        return Silent("without a known primary there is no TNM")
    if is_ordered(facts, "tnm-staging"):
        return Silent("TNM staging is asked for")
    if unknown := unread(facts, "observations"):
        return unknown
    return Fires("missing", {"site": facts.tumour.site})


RULE = Rule(
    id="tnm",
    hooks=frozenset({"patient-view"}),
    scope=Scope.GRADING,
    decide=decide,
    group="workup",
    holes=frozenset({"site"}),
    waits_in_emergency=True,
)
