"""N-3: negative margins and regional nodes. Words: ``cards/lymphadenectomy.md``."""

from __future__ import annotations

from service.facts.operations import Role, operations, planned_removals
from service.facts.patient import Patient
from service.facts.spread import spread
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.liver import spread_too_far
from service.rules.questions import is_low_yield, nothing_to_decide

_OPEN = (Role.PRIMARY_RESECTION, Role.ENUCLEATION)


def decide(patient: Patient) -> Answer:
    """Speak while a resection is ordered; afterwards, where margins or nodes are not clear."""
    if not spread(patient).may_be_curable:
        return spread_too_far(patient)
    ordered = planned_removals(patient, _OPEN, current_only=True)
    if not ordered:
        return _after_operation(patient)
    if is_low_yield(patient):
        return Silent("low-yield")
    unplanned = [one for one in ordered if Role.ENUCLEATION not in one.roles and not one.names_nodes]
    if not unplanned:
        return Silent("nodes-settled")
    evidence = (*unplanned[0].evidence, *spread(patient).evidence)
    return Fires("plan", {"procedure": unplanned[0].name}, evidence)


def _after_operation(patient: Patient) -> Answer:
    found = operations(patient).pathology_not_clear
    if found is None:
        return Silent("no-resection")
    return nothing_to_decide(patient) or Fires("after-operation", evidence=(found,))


RULE = Rule(
    id="lymphadenectomy",
    hooks=frozenset({"order-select", "order-sign"}),
    scope=Scope.TREATMENT,
    care=Care.ALWAYS,
    decide=decide,
    holes=frozenset({"procedure"}),
)
