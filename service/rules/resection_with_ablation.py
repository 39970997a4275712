"""N-10: resection and ablation together. Words: ``cards/resection-with-ablation.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.operations import REMOVAL, Role
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import is_multifocal, lesions_in_words, number_of_lesions_unread

_RESECTION = frozenset({*REMOVAL, Role.LIVER_RESECTION})


def decide(facts: Facts) -> Answer:
    """Speak while one of the two is ordered for many liver metastases."""
    resections = facts.operations.planned_of(_RESECTION, current_only=True)
    ablations = facts.operations.planned_of((Role.ABLATION,), current_only=True)
    if not (resections or ablations):
        return Silent("neither a resection nor an ablation is being ordered")
    if facts.operations.planned_of(_RESECTION) and facts.operations.planned_of((Role.ABLATION,)):
        return Silent("both a resection and an ablation are planned")
    if silent := _disease_does_not_fit(facts):
        return silent
    if not is_multifocal(facts):
        return number_of_lesions_unread(facts) or Silent("not multifocal by the record")
    ordered = (*resections, *ablations)[0]
    values = {"procedure": ordered.name, "lesions": lesions_in_words(facts)}
    return Fires("option", values, (*ordered.evidence, *facts.spread.evidence))


def _disease_does_not_fit(facts: Facts) -> Silent | None:
    if facts.tumour.is_benign:
        return Silent("the tumour is coded as benign")
    if not facts.spread.is_liver_only:
        return Silent(f"the extent on record is: {facts.spread.extent.value}")
    if facts.tumour.is_poorly_differentiated:
        return Silent("the tumour is poorly differentiated")
    return None


RULE = Rule(
    id="resection-with-ablation",
    hooks=frozenset({"order-select"}),
    scope=Scope.TREATMENT,
    decide=decide,
    group="pathway",
    holes=frozenset({"procedure", "lesions"}),
)
