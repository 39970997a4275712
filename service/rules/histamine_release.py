"""N-26: drugs that release histamine around an operation. Words: ``cards/histamine-release.md``."""

from __future__ import annotations

from collections.abc import Sequence

from service.facts.patient import Patient
from service.facts.perioperative import OrderedDrug, perioperative
from service.hook_names import ORDER_HOOKS
from service.rules.around_operation import around_operation, names_around
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent, Situation


def decide(patient: Patient) -> Answer:
    """One card that names every such drug among the drafts; the loudest of them decides the wording."""
    ordered = perioperative(patient).histamine
    if not ordered:
        return Silent("no-such-drug")
    near = around_operation(ordered, patient)
    return near if isinstance(near, Silent) else _fires(near, patient)


def _fires(near: Sequence[OrderedDrug], patient: Patient) -> Fires:
    strong = [one for one in near if one.has_role("avoid") and not one.is_by_mouth]
    is_dated = any(one.is_dated for one in strong)
    wording = "avoid" if is_dated else "undated" if strong else "minor"
    named = [*strong, *[one for one in near if one not in strong]]
    values, evidence = names_around(named, patient)
    if len(named) > 1 and strong:
        values["drugs"] = patient.phrases("drug.each-of", drugs=values["drugs"])
    return Fires(wording, values, evidence)


RULE = Rule(
    id="histamine-release",
    hooks=ORDER_HOOKS,
    scope=Scope.SAFETY,
    care=Care.ALWAYS,
    decide=decide,
    holes=frozenset({"drugs", "procedure", "when"}),
    also_in=frozenset({Situation.COMFORT_CARE}),
)
