"""Is there tissue that pathology could count? (F-4)"""

from __future__ import annotations

from service.facts.patient import Patient, fact
from service.facts.reports import reports
from service.fhir.r4 import Condition, DiagnosticReport, Observation, Procedure

_LISTS = ("resection-procedures", "grade-differentiation", "tissue-obtained")


@fact
def has_tissue(patient: Patient) -> bool:
    """Whether a biopsy, an operation specimen, a pathology report or a coded morphology is on record."""
    record = patient.record
    shown = (
        *record.about(Procedure, *_LISTS),
        *record.about(DiagnosticReport, *_LISTS),
        *record.about(Observation, *_LISTS),
    )
    return (
        any(one.is_done for one in shown)
        or bool(record.about(Condition, "net-icdo3-morphology"))
        or any(one.is_pathology for one in reports(patient))
    )
