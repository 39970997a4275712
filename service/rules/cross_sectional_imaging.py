"""N-13: CT or MRI for location and local invasion. Words: ``cards/cross-sectional-imaging.md``."""

from __future__ import annotations

from service.facts.decision import TreatmentKind
from service.facts.imaging import cross_sectional
from service.facts.patient import Patient
from service.facts.spread import spread
from service.facts.tumour import tumour
from service.hook_names import ORDER_SIGN, PATIENT_VIEW
from service.rules.base import Answer, Fires, Rule, Scope
from service.rules.questions import nothing_to_decide, settled, to_repeat, treatment_before


def decide(patient: Patient) -> Answer:
    """Ask for CT or MRI of the abdomen; either satisfies, MRI is named for the liver."""
    item = cross_sectional(patient)
    return nothing_to_decide(patient) or settled(item) or to_repeat(item) or _missing(patient)


def _missing(patient: Patient) -> Answer:
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
    decide=decide,
    group="workup",
    holes=frozenset({"date", "treatment"}),
    waits_in_emergency=True,
)
