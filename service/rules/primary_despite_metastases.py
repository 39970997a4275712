"""N-8: the primary in place despite liver metastases. Words: ``cards/primary-despite-metastases.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.operations import REMOVAL
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import is_multifocal, unread


def decide(facts: Facts) -> Answer:
    """Ask the board; retrospective data and a matched cohort do not agree."""
    if not facts.spread.has_liver_metastases:
        return Silent("no liver metastasis of this tumour is on record")
    if silent := _not_meant(facts):
        return silent
    if unknown := unread(facts, "procedures"):
        return unknown
    wording = "pancreatic-diffuse" if _is_diffuse_and_silent(facts) else "in-place"
    return Fires(wording, {"site": facts.tumour.site}, facts.spread.evidence)


def _not_meant(facts: Facts) -> Silent | None:
    if facts.tumour.is_benign:
        return Silent("the tumour is coded as benign")
    if facts.tumour.site == "unknown":
        return Silent("the primary is not known")
    if facts.tumour.is_poorly_differentiated:
        return Silent("the tumour is poorly differentiated")
    if facts.treatment.primary_resected:
        return Silent("the primary has been resected")
    if facts.operations.planned_of(REMOVAL):
        return Silent("resection of the primary is planned")
    return None


def _is_diffuse_and_silent(facts: Facts) -> bool:
    """A pancreatic primary without symptoms, and many liver metastases: text only."""
    has_symptom = (
        facts.function.has_flushing or facts.function.has_diarrhoea or facts.function.other_syndromes
    )
    return facts.tumour.site == "pancreas" and is_multifocal(facts) and not has_symptom


RULE = Rule(
    id="primary-despite-metastases",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    decide=decide,
    group="pathway",
    holes=frozenset({"site"}),
)
