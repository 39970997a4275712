"""N-27: sympathomimetics around an operation, never against a rescue.

Words: ``cards/sympathetic-activation.md``.
"""

from __future__ import annotations

from service.facts.patient import Patient
from service.facts.perioperative import perioperative
from service.hook_names import ORDER_HOOKS
from service.rules.around_operation import around_operation, names_around
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent


def decide(patient: Patient) -> Answer:
    """A warning for scheduled drugs only; what is held ready for rescue is information."""
    found = perioperative(patient)
    if not found.sympathomimetic:
        return Silent("no-such-drug")
    if found.is_crisis_care:
        return Silent("crisis")
    near = around_operation(found.sympathomimetic, patient)
    if isinstance(near, Silent):
        return near
    scheduled = [one for one in near if one.has_role("avoid") and not one.is_as_needed]
    is_dated = any(one.is_dated for one in scheduled)
    values, evidence = names_around(scheduled or near, patient)
    return Fires("scheduled" if is_dated else "undated" if scheduled else "rescue", values, evidence)


RULE = Rule(
    id="sympathetic-activation",
    hooks=ORDER_HOOKS,
    scope=Scope.SAFETY,
    care=Care.ALWAYS,
    decide=decide,
    holes=frozenset({"drugs", "procedure", "when"}),
)
