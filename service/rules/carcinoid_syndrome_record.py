"""N-22: a likely carcinoid syndrome belongs on the problem list.

Words: ``cards/carcinoid-syndrome-record.md``.
"""

from __future__ import annotations

from service.facts import Facts
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import unread


def decide(facts: Facts) -> Answer:
    """Ask to record a syndrome that is confirmed or probable and not on the problem list."""
    function = facts.function
    if function.syndrome_on_problem_list:
        return Silent("carcinoid syndrome is on the problem list")
    if not function.is_likely:
        return Silent(f"carcinoid syndrome is not confirmed or probable ({function.why})")
    if function.syndrome_was_dismissed:
        return Silent("carcinoid syndrome was recorded before and refuted or resolved")
    if unknown := unread(facts, "conditions"):
        return unknown
    return Fires("record", {"level": function.level.words, "why": function.why}, function.evidence)


RULE = Rule(
    id="carcinoid-syndrome-record",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    decide=decide,
    holes=frozenset({"level", "why"}),
)
