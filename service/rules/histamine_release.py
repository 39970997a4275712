"""N-26: drugs that release histamine around an operation. Words: ``cards/histamine-release.md``."""

from __future__ import annotations

from collections.abc import Sequence

from service.facts import Facts
from service.facts.perioperative import OrderedDrug
from service.rules.around_operation import around_operation, names_around, unlikely_function
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import ORDER_HOOKS


def decide(facts: Facts) -> Answer:
    """One card that names every such drug among the drafts; the loudest of them decides the wording."""
    ordered = facts.perioperative.histamine
    if not ordered:
        return Silent("no drug that releases histamine is being ordered")
    near = unlikely_function(facts) or around_operation(ordered, facts)
    if not isinstance(near, tuple):
        return near
    return _fires(near, facts)


def _fires(near: Sequence[OrderedDrug], facts: Facts) -> Fires:
    strong = [one for one in near if one.has_role("avoid") and not one.is_by_mouth]
    is_dated = any(one.is_dated for one in strong)
    wording = "avoid" if is_dated else "undated" if strong else "minor"
    named = [*strong, *(one for one in near if one not in strong)]
    values, evidence = names_around(named, facts)
    drugs = values["drugs"]
    if len(named) > 1 and strong:
        values["drugs"] = f"each of {drugs}"
    return Fires(wording, values, evidence)


RULE = Rule(
    id="histamine-release",
    hooks=frozenset(ORDER_HOOKS),
    scope=Scope.SAFETY,
    decide=decide,
    holes=frozenset({"drugs", "procedure", "when"}),
)
