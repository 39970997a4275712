"""N-27: sympathomimetics around an operation, never against a rescue.

Words: ``cards/sympathetic-activation.md``.
"""

from __future__ import annotations

from service.facts import Facts
from service.rules.around_operation import around_operation, names_around, unlikely_function
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import ORDER_HOOKS


def decide(facts: Facts) -> Answer:
    """A warning for scheduled drugs only; what is held ready for rescue is information."""
    ordered = facts.perioperative.sympathomimetic
    if not ordered:
        return Silent("no sympathomimetic is being ordered")
    if facts.perioperative.is_crisis_care:
        return Silent("a crisis is being treated, and vasopressors are right there")
    near = unlikely_function(facts) or around_operation(ordered, facts)
    if not isinstance(near, tuple):
        return near
    scheduled = [one for one in near if one.has_role("avoid") and not one.is_as_needed]
    is_dated = any(one.is_dated for one in scheduled)
    values, evidence = names_around(scheduled or near, facts)
    return Fires("scheduled" if is_dated else "undated" if scheduled else "rescue", values, evidence)


RULE = Rule(
    id="sympathetic-activation",
    hooks=frozenset(ORDER_HOOKS),
    scope=Scope.SAFETY,
    decide=decide,
    holes=frozenset({"drugs", "procedure", "when"}),
)
