"""The few phrases that many facts say: a day, a diagnosis, a piece of evidence."""

from __future__ import annotations

from service.facts.patient import Patient
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.r4 import CodeableConcept, Condition, Observation, Resource


def on_day(moment: Moment | None, patient: Patient) -> str:
    """``on 2026-05-01``, or ``(date unknown)``."""
    return (
        patient.phrases("evidence.on-day", day=moment.day) if moment else patient.phrases("evidence.undated")
    )


def describe(condition: Condition | Observation, patient: Patient) -> str:
    """The name of a condition, or of a histology among the results, with its code and the day."""
    concept = condition.code if isinstance(condition, Condition) else condition.value_codeable_concept
    concept = concept or CodeableConcept()
    name = concept.words.split("; ")[0] or condition.shown_name
    stated = f"{name} ({concept.code})" if concept.code else name
    return f"{stated}, {on_day(condition.since, patient)}"


def stated(condition: Condition | Observation, patient: Patient) -> Evidence:
    """A Condition, or a histology among the results, as evidence."""
    return Evidence(condition.reference, describe(condition, patient))


def evidence(resource: Resource, says: str) -> Evidence:
    """A resource as evidence of what it says."""
    return Evidence(resource.reference, says)
