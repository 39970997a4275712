"""N-7: many liver metastases; embolisation is an option. Words: ``cards/multifocal-liver-disease.md``."""

from __future__ import annotations

from service.facts.drugs import treatment
from service.facts.grade import Grade, proliferation
from service.facts.orders import radiology_referral
from service.facts.patient import Patient
from service.facts.precautions import precautions
from service.facts.spread import spread
from service.facts.syndrome import function
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.liver import (
    is_multifocal,
    lesions_in_words,
    not_multifocal,
    treated_lately,
    without_liver_only_disease,
)
from service.rules.questions import all_evidence


def decide(patient: Patient) -> Answer:
    """Name embolisation as an option; louder where symptoms persist under an analogue."""
    if silent := without_liver_only_disease(patient) or treated_lately(patient) or _speaks_against(patient):
        return silent
    if not is_multifocal(patient):
        return not_multifocal(patient)
    values, evidence = {"lesions": lesions_in_words(patient)}, spread(patient).evidence
    if not _has_symptoms(patient):
        return Fires("multifocal", values, evidence)
    if not treatment(patient).has_analogue:
        # An analogue that could not be read would make the symptoms refractory.
        return Fires("multifocal", values, evidence, also_rests_on=("medications",))
    analogues = [drug.evidence for drug in treatment(patient).long_acting_analogues]
    return Fires("refractory-symptoms", values, all_evidence(evidence, function(patient).evidence, analogues))


def _speaks_against(patient: Patient) -> Silent | None:
    if proliferation(patient).alert_grade is Grade.G3:
        return Silent("grade-3")
    if opinion := radiology_referral(patient):
        return Silent("opinion-asked", {"order": opinion.says})
    found = precautions(patient)
    against = found.portal_vein_thrombosis or found.liver_failure or found.biliary_anastomosis
    return Silent("on-record", {"what": against.says}) if against else None


def _has_symptoms(patient: Patient) -> bool:
    """Confirmed syndrome with a symptom."""
    found = function(patient)
    return found.is_confirmed and (found.has_flushing or found.has_diarrhoea)


RULE = Rule(
    id="multifocal-liver-disease",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    care=Care.PATHWAY,
    decide=decide,
    group="pathway",
    holes=frozenset({"lesions", "order"}),
)
