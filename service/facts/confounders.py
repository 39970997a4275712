"""What besides the tumour could raise chromogranin A? (X-5)"""

from __future__ import annotations

from dataclasses import dataclass

from service.facts.drugs import Drug, treatment
from service.facts.patient import Patient, fact
from service.facts.precautions import precautions
from service.facts.words import stated
from service.fhir.evidence import Evidence
from service.fhir.r4 import Condition


@dataclass(frozen=True, slots=True)
class Confounders:
    """Proton pump inhibitors in force, and the names of other confounders with what shows them."""

    inhibitors: tuple[Drug, ...] = ()
    others: tuple[str, ...] = ()
    other_evidence: tuple[Evidence, ...] = ()


@fact
def confounders(patient: Patient) -> Confounders:
    """Drugs in force, kidney function, and diagnoses."""
    diagnoses = _diagnoses(patient)
    names = [one.code.label if one.code else "" for one in diagnoses]
    return Confounders(
        inhibitors=treatment(patient).of("ppi", roles=("ppi",)),
        others=(*names, *_low_filtration(patient)),
        other_evidence=tuple([stated(one, patient) for one in diagnoses]),
    )


def _diagnoses(patient: Patient) -> list[Condition]:
    """Atrophic gastritis and kidney disease of any stage, as F-6 and X-5 name them."""
    found = patient.record.about(Condition, "cga-confounders", "renal-function")
    return [one for one in found if one.is_in_force(patient.now)]


def _low_filtration(patient: Patient) -> tuple[str, ...]:
    filtration = precautions(patient).egfr
    if filtration is None or filtration >= patient.defaults.egfr_low:
        return ()
    return (patient.phrases("confounder.egfr", value=f"{filtration:g}"),)
