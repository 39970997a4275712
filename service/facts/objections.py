"""Does an allergy or a refusal stand against a somatostatin analogue? (F-8)"""

from __future__ import annotations

from service.facts.drugs import ANALOGUES, Drug, Form, read_drug
from service.facts.patient import Patient, fact
from service.fhir.r4 import AllergyIntolerance, MedicationRequest


def has_allergy_to_analogue(patient: Patient, *, ingredient: str = "") -> bool:
    """An allergy in force to a somatostatin analogue: to this one, or to any where none is named."""
    named = [one for one in patient.terminology.drug_words if one.code_list == ANALOGUES]
    words = [one.word_list for one in named if ingredient in ("", one.ingredient)]
    for allergy in patient.record.of(AllergyIntolerance):
        ingredients = [row.get("ingredient") for row in allergy.about.rows(ANALOGUES)]
        is_to_it = ingredient in ingredients if ingredient else bool(ingredients)
        if allergy.is_held and (is_to_it or allergy.about.is_named(*words)):
            return True
    return False


def has_refused_analogue(patient: Patient) -> bool:
    """Whether a somatostatin analogue of any kind was declined."""
    return any(drug.is_in(ANALOGUES) for drug in _declined(patient))


def has_refused_octreotide(patient: Patient) -> bool:
    """Whether octreotide was lately declined, other than as a depot, which is no cover for an operation."""
    declined = [one for one in _declined(patient) if one.is_octreotide and one.form is not Form.DEPOT]
    limit = patient.defaults.refusal_days
    return any(one.authored is None or one.authored.days_before(patient.now) <= limit for one in declined)


@fact
def _declined(patient: Patient) -> tuple[Drug, ...]:
    requests = patient.record.of(MedicationRequest)
    declined = [one for one in requests if one.is_refusal and one.status != "entered-in-error"]
    return tuple([read_drug(one, patient) for one in declined])
