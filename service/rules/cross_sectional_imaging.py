"""N-13: CT or MRI for location and local invasion. Words: ``cards/cross-sectional-imaging.md``."""

from __future__ import annotations

from dataclasses import replace

from service.facts.cautions import imaging_cautions
from service.facts.decision import TreatmentKind
from service.facts.imaging import cross_sectional
from service.facts.patient import Patient
from service.facts.resection import resection
from service.facts.spread import spread
from service.facts.tumour import tumour
from service.hook_names import ORDER_SIGN, PATIENT_VIEW
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
    """Ask for CT or MRI of the abdomen; either satisfies, MRI is named for the liver."""
    item = cross_sectional(patient)
    silent = nothing_to_decide(patient) or settled(item) or _of_little_use(patient)
    return silent or _with_cautions(old(item, irreversible_treatment(patient)) or _missing(patient), patient)


def _of_little_use(patient: Patient) -> Silent | None:
    """A tiny tumour that is removed needs no imaging before another operation (Y-1)."""
    return Silent("low-yield") if is_low_yield(patient) and resection(patient) else None


_SUGGESTIONS = frozenset({"ct", "mri-liver", "ct-after-advice", "mri-without-contrast", "ultrasound"})


def _with_cautions(fires: Fires, patient: Patient) -> Fires:
    """What speaks against contrast or radiation stands on the card, and decides what it offers."""
    cautions = imaging_cautions(patient)
    return replace(
        fires,
        values={**fires.values, "cautions": cautions.said},
        evidence=all_evidence(fires.evidence, cautions.evidence),
        omit=_SUGGESTIONS - cautions.offered,
        also_rests_on=where_size_stands(patient) if resection(patient) else (),
    )


def _missing(patient: Patient) -> Fires:
    treatment = treatment_before(patient, TreatmentKind.SURGERY, TreatmentKind.LOCOREGIONAL)
    if treatment is not None and tumour(patient).is_confirmed:
        return Fires("before-treatment", {"treatment": treatment.name}, treatment.evidence)
    if spread(patient).has_reported_liver_metastases:
        return Fires("liver-metastases", evidence=spread(patient).evidence)
    return Fires("missing")


RULE = Rule(
    id="cross-sectional-imaging",
    hooks=frozenset({PATIENT_VIEW, ORDER_SIGN}),
    scope=Scope.WORKUP,
    care=Care.WORKUP,
    decide=decide,
    group="workup",
    holes=frozenset({"date", "older", "treatment", "cautions"}),
    waits_in_emergency=True,
    done_elsewhere_for="cross_sectional_fresh_days",
)
