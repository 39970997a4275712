"""N-16 and N-28: somatostatin-receptor imaging that was never done. Words: ``cards/sstr-imaging.md``."""

from __future__ import annotations

from dataclasses import replace

from service.facts.imaging import cross_sectional, fdg_done, last_sstr_result, sstr_imaging
from service.facts.item import Item
from service.facts.patient import Patient
from service.facts.precautions import precautions
from service.facts.tumour import tumour
from service.hook_names import ORDER_SELECT, ORDER_SIGN, PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import (
    all_evidence,
    irreversible_treatment,
    is_low_yield,
    nothing_to_decide,
    old,
    settled,
    treatment_before,
    where_size_stands,
)


def decide(patient: Patient) -> Answer:
    """Ask for SSTR imaging; a plain or FDG PET is not SSTR imaging."""
    item = sstr_imaging(patient)
    if silent := nothing_to_decide(patient) or settled(item) or _not_meant(patient):
        return silent
    if tumour(patient).is_poorly_differentiated:
        return Silent("fdg-done") if fdg_done(patient) else Fires("carcinoma")
    return _old(item, patient) or _missing(patient)


def _not_meant(patient: Patient) -> Silent | None:
    if is_low_yield(patient):
        return Silent("low-yield")
    if pregnancy := precautions(patient).current_pregnancy:
        return Silent("pregnant", {"pregnancy": pregnancy.says})
    return None


def _old(item: Item, patient: Patient) -> Answer | None:
    result = patient.phrases(f"sstr.{last_sstr_result(patient).value}")
    return old(replace(item, result=result), irreversible_treatment(patient))


def _missing(patient: Patient) -> Answer:
    """N-28 replaces N-16 where conventional imaging alone was done."""
    sections = cross_sectional(patient)
    conventional_only = sections.is_done
    treatment = treatment_before(patient) if tumour(patient).is_confirmed else None
    wording = "conventional-only" if conventional_only else "missing"
    values, evidence = {}, sections.evidence
    if treatment is not None:
        wording = "conventional-only-before-treatment" if conventional_only else "before-treatment"
        values = {"treatment": treatment.name}
        evidence = all_evidence(treatment.evidence, evidence)
    return Fires(wording, values, evidence, also_rests_on=where_size_stands(patient))


RULE = Rule(
    id="sstr-imaging",
    hooks=frozenset({PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN}),
    scope=Scope.WORKUP,
    care=Care.NEVER_DONE,
    decide=decide,
    cares={"old": Care.WORKUP},
    holes=frozenset({"date", "older", "result", "treatment", "pregnancy"}),
    waits_in_emergency=True,
    with_several_primaries=True,
    done_elsewhere_for="sstr_fresh_days",
)
