"""N-8: the primary in place despite liver metastases. Words: ``cards/primary-despite-metastases.md``."""

from __future__ import annotations

from service.facts.operations import planned_removals, primary_resection
from service.facts.patient import Patient
from service.facts.spread import spread
from service.facts.syndrome import function
from service.facts.tumour import site_in_words, tumour
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.liver import is_multifocal


def decide(patient: Patient) -> Answer:
    """Ask the board; retrospective data and a matched cohort do not agree."""
    if not spread(patient).has_liver_metastases:
        return Silent("no-liver-metastasis")
    if silent := _not_meant(patient):
        return silent
    wording = "pancreatic-diffuse" if _is_diffuse_and_silent(patient) else "in-place"
    return Fires(wording, {"site": site_in_words(patient)}, spread(patient).evidence)


def _not_meant(patient: Patient) -> Silent | None:
    found = tumour(patient)
    if found.is_benign:
        return Silent("benign")
    if not found.has_known_site:
        return Silent("no-primary-site")
    if found.is_poorly_differentiated:
        return Silent("poorly-differentiated")
    if primary_resection(patient):
        return Silent("primary-resected")
    return Silent("resection-planned") if planned_removals(patient) else None


def _is_diffuse_and_silent(patient: Patient) -> bool:
    """A pancreatic primary without symptoms, and many liver metastases: text only."""
    found = function(patient)
    has_symptom = found.has_flushing or found.has_diarrhoea or found.other_syndromes
    return tumour(patient).site == "pancreas" and is_multifocal(patient) and not has_symptom


RULE = Rule(
    id="primary-despite-metastases",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    care=Care.PATHWAY,
    decide=decide,
    group="pathway",
    holes=frozenset({"site"}),
)
