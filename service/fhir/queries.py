"""Which FHIR queries fill which section of the record.

One table serves discovery (prefetch templates), the FHIR client and the reader of prefetch. The
templates keep to the subset of https://cds-hooks.hl7.org/2.0/#prefetch-query-restrictions: one
search per resource type, no repeated parameter, ``_sort`` and ``_count`` only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple


class Query(NamedTuple):
    """One prefetch key: the section it fills, the resource type, and its template."""

    section: str
    resource_type: str
    template: str


_PATIENT_ID = "{{context.patientId}}"
_PATIENT = f"patient={_PATIENT_ID}"

QUERIES: Mapping[str, Query] = {
    "patient": Query("patient", "Patient", f"Patient/{_PATIENT_ID}"),
    "conditions": Query("conditions", "Condition", f"Condition?{_PATIENT}&_count=200"),
    "observations": Query("observations", "Observation", f"Observation?{_PATIENT}&_sort=-date&_count=100"),
    "procedures": Query("procedures", "Procedure", f"Procedure?{_PATIENT}&_count=200"),
    "diagnosticReports": Query("imaging", "DiagnosticReport", f"DiagnosticReport?{_PATIENT}&_count=200"),
    "imagingStudies": Query("imaging", "ImagingStudy", f"ImagingStudy?{_PATIENT}&_count=200"),
    "serviceRequests": Query("orders", "ServiceRequest", f"ServiceRequest?{_PATIENT}&_count=200"),
    "medicationRequests": Query(
        "medications", "MedicationRequest", f"MedicationRequest?{_PATIENT}&_count=200"
    ),
    "medicationStatements": Query(
        "medications", "MedicationStatement", f"MedicationStatement?{_PATIENT}&_count=200"
    ),
    "medicationAdministrations": Query(
        "medications", "MedicationAdministration", f"MedicationAdministration?{_PATIENT}&_count=200"
    ),
    "appointments": Query("appointments", "Appointment", f"Appointment?{_PATIENT}&_count=200"),
    "documentReferences": Query("documents", "DocumentReference", f"DocumentReference?{_PATIENT}&_count=200"),
    "carePlans": Query("documents", "CarePlan", f"CarePlan?{_PATIENT}&_count=200"),
    "compositions": Query("documents", "Composition", f"Composition?{_PATIENT}&_count=200"),
    "encounters": Query("documents", "Encounter", f"Encounter?{_PATIENT}&_count=200"),
    "allergies": Query("allergies", "AllergyIntolerance", f"AllergyIntolerance?{_PATIENT}&_count=200"),
    "flags": Query("flags", "Flag", f"Flag?{_PATIENT}&_count=200"),
}

SECTIONS: tuple[str, ...] = tuple(dict.fromkeys(query.section for query in QUERIES.values()))
"""The sections of the record in the order in which a report lists them."""


def filled(template: str, *, patient_id: str) -> str:
    """A prefetch template as the relative URL for one patient."""
    return template.replace(_PATIENT_ID, patient_id)


RESULT_CATEGORIES = ("laboratory", "imaging", "procedure", "exam", "survey", "therapy")
"""Codes of https://hl7.org/fhir/R4/valueset-observation-category.html under which findings may stand."""


def prefetch_templates(observation_codes: Collection[tuple[str, str]]) -> dict[str, str]:
    """Prefetch key -> template, as discovery publishes them for every hook.

    Observations are asked for by ``(system, code)``, or by category where there is none: charts hold
    thousands of them, and many servers refuse an Observation search that names neither code nor category.
    """
    codes = ",".join(f"{system}|{code}" for system, code in observation_codes)
    templates = {key: query.template for key, query in QUERIES.items()}
    templates["observations"] += f"&code={codes}" if codes else f"&category={','.join(RESULT_CATEGORIES)}"
    return templates
