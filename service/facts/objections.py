"""Does an allergy or a refusal stand against a somatostatin analogue? (F-8)"""

from __future__ import annotations

from service.facts.drugs import ANALOGUES, Drug, Form, read_drug, treatment
from service.facts.patient import Patient, fact
from service.fhir import dates
from service.fhir.r4 import AllergyIntolerance, MedicationRequest

_COVERING = (Form.SHORT_ACTING, Form.UNSTATED)
"""The forms whose refusal says something of cover for an operation."""


def has_allergy_to_analogue(patient: Patient) -> bool:
    """An allergy or an intolerance in force to any somatostatin analogue."""
    return bool(objections_to_analogues(patient))


def has_allergy_to_octreotide(patient: Patient) -> bool:
    """An allergy in force to octreotide, or to all analogues; an intolerance, or the depot alone, is none."""
    found = objections_to_analogues(patient)
    return any(one.type != "intolerance" and _is_to_octreotide(one, patient) for one in found)


@fact
def objections_to_analogues(patient: Patient) -> tuple[AllergyIntolerance, ...]:
    """The allergies and intolerances in force to a somatostatin analogue."""
    lists = (ANALOGUES, "somatostatin-analogue-class", *_words(patient))
    return tuple([one for one in patient.record.about(AllergyIntolerance, *lists) if one.is_held])


def _words(patient: Patient, *, ingredient: str = "") -> list[str]:
    named = [one for one in patient.terminology.drug_words if one.code_list == ANALOGUES]
    return [one.word_list for one in named if ingredient in ("", one.ingredient)]


def _is_to_octreotide(allergy: AllergyIntolerance, patient: Patient) -> bool:
    about = allergy.about
    if about.is_named("octreotide-depot") or about.has_row(ANALOGUES, roles=("long",)):
        return False
    ingredients = {row.get("ingredient") for row in about.rows(ANALOGUES)}
    named = about.is_named("somatostatin-analogue-class", *_words(patient, ingredient="octreotide"))
    return "octreotide" in ingredients or named


def has_refused_analogue(patient: Patient) -> bool:
    """Whether a somatostatin analogue of any kind was declined."""
    return bool(refused_analogues(patient))


@fact
def refused_octreotide(patient: Patient) -> Drug | None:
    """The last refusal of octreotide that may be cover: not too old, and no order of octreotide after it.

    One without a date stands until octreotide is ordered.
    """
    refused = [one for one in refused_analogues(patient) if one.is_octreotide and one.form in _COVERING]
    if not refused:
        return None
    last = max(refused, key=lambda one: dates.order(one.authored))
    when, limit = last.authored, patient.defaults.refusal_days
    is_recent = when is None or when.days_before(patient.now) <= limit
    return last if is_recent and not _is_ordered_after(last, patient) else None


def _is_ordered_after(refused: Drug, patient: Patient) -> bool:
    ordered = [one for one in treatment(patient).octreotide_short_acting if not one.resource.is_for_home]
    moments = [one.authored or one.starts for one in ordered]
    said = refused.authored
    is_later = any(said is None or (one is not None and one > said) for one in moments)
    return is_later or any(one.is_draft for one in ordered)


@fact
def refused_analogues(patient: Patient) -> tuple[Drug, ...]:
    """The somatostatin analogues that were declined."""
    requests = patient.record.of(MedicationRequest)
    declined = [one for one in requests if one.is_refusal and one.status != "entered-in-error"]
    drugs = [read_drug(one, patient) for one in declined]
    return tuple([drug for drug in drugs if drug.is_in(ANALOGUES)])
