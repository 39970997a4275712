"""N-7: many liver metastases; embolisation is an option. Words: ``cards/multifocal-liver-disease.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.proliferation import Grade
from service.fhir.evidence import Evidence
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import (
    all_evidence,
    is_multifocal,
    lesions_in_words,
    number_of_lesions_unread,
    without_liver_only_disease,
)


def decide(facts: Facts) -> Answer:
    """Name embolisation as an option; louder where symptoms persist under an analogue."""
    if silent := without_liver_only_disease(facts) or _speaks_against(facts):
        return silent
    if not is_multifocal(facts):
        if unread := number_of_lesions_unread(facts):
            return unread
        return Silent(f"not multifocal by the record: {lesions_in_words(facts)}")
    values = {"lesions": lesions_in_words(facts)}
    if _is_refractory(facts):
        evidence = all_evidence(facts.spread.evidence, facts.function.evidence, _analogues(facts))
        return Fires("refractory-symptoms", values, evidence)
    return Fires("multifocal", values, facts.spread.evidence)


def _speaks_against(facts: Facts) -> Silent | None:
    if facts.proliferation.alert_grade is Grade.G3:
        return Silent("a tumour of grade 3 is a matter for the tumour board")
    if facts.radiology_referral:
        return Silent(f"an opinion of interventional radiology is {facts.radiology_referral.says}")
    found = facts.precautions
    against = found.portal_vein_thrombosis or found.liver_failure or found.biliary_anastomosis
    return Silent(f"on record: {against.says}") if against else None


def _is_refractory(facts: Facts) -> bool:
    """Confirmed syndrome with a symptom, although a long-acting analogue is in place."""
    has_symptom = facts.function.has_flushing or facts.function.has_diarrhoea
    return facts.function.is_confirmed and has_symptom and facts.treatment.has_analogue


def _analogues(facts: Facts) -> tuple[Evidence, ...]:
    return tuple(drug.evidence for drug in facts.treatment.long_acting_analogues)


RULE = Rule(
    id="multifocal-liver-disease",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    decide=decide,
    group="pathway",
    holes=frozenset({"lesions"}),
)
