"""How far a result or an event has come, by its status.

The value sets of https://hl7.org/fhir/R4/ named observation-status, diagnostic-report-status,
imagingstudy-status, event-status and medication-admin-status.
"""

from __future__ import annotations

from collections.abc import Mapping

from service.fhir.reading import Resource

_DONE: Mapping[str, tuple[str, ...]] = {
    "DiagnosticReport": ("final", "amended", "corrected", "appended"),
    "Observation": ("final", "amended", "corrected"),
    "ImagingStudy": ("available",),
    "Procedure": ("completed",),
    "MedicationAdministration": ("completed",),
}
_UNDER_WAY: Mapping[str, tuple[str, ...]] = {
    "DiagnosticReport": ("registered", "partial", "preliminary"),
    "Observation": ("registered", "preliminary"),
    "ImagingStudy": ("registered",),
    "Procedure": ("preparation", "in-progress"),
    "MedicationAdministration": ("in-progress",),
}


def is_done(resource: Resource) -> bool:
    """Whether a result was delivered, or an event has taken place; False for any other type."""
    return resource.get("status") in _DONE.get(resource["resourceType"], ())


def is_under_way(resource: Resource) -> bool:
    """Whether a result is expected or preliminary, or an event is taking place; False for any other type."""
    return resource.get("status") in _UNDER_WAY.get(resource["resourceType"], ())
