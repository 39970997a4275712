"""N-3: negative margins and regional nodes. Words: ``cards/lymphadenectomy.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.extent import Extent
from service.facts.operations import Operation, Role
from service.fhir.evidence import Evidence
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import is_low_yield, nothing_to_decide


def decide(facts: Facts) -> Answer:
    """Speak while a resection is ordered; afterwards, where margins or nodes are not clear."""
    if facts.spread.extent not in (Extent.LOCALISED, Extent.REGIONAL):
        return Silent(f"the extent on record is: {facts.spread.extent.value}")
    ordered = facts.operations.planned_of((Role.PRIMARY_RESECTION, Role.ENUCLEATION), current_only=True)
    if not ordered:
        return _after_operation(facts)
    if is_low_yield(facts):
        return Silent("nodes are not part of the standard in this small tumour")
    unplanned = [one for one in ordered if Role.ENUCLEATION not in one.roles and not one.names_nodes]
    if not unplanned:
        return Silent("an enucleation is ordered, or the order names the lymph nodes")
    return Fires("plan", {"procedure": unplanned[0].name}, _evidence(unplanned[0], facts))


def _evidence(operation: Operation, facts: Facts) -> tuple[Evidence, ...]:
    return (*operation.evidence, *facts.spread.evidence)


def _after_operation(facts: Facts) -> Answer:
    found = facts.operations.pathology_not_clear
    if found is None:
        return Silent("no resection of the primary is being ordered")
    return nothing_to_decide(facts) or Fires("after-operation", evidence=(found,))


RULE = Rule(
    id="lymphadenectomy",
    hooks=frozenset({"order-select", "order-sign"}),
    scope=Scope.TREATMENT,
    decide=decide,
    holes=frozenset({"procedure"}),
)
