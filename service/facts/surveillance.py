"""Has the tumour been removed, and is the patient free of it since? (Y-1, phase ``surveillance``)

Both have to be said: a resection of the primary on record, and a report of that day or later that denies
disease. Whoever was only operated on, with no word on what is left, is not called free here.
"""

from __future__ import annotations

from service.facts.operations import operations, primary_resection
from service.facts.patient import Patient, fact
from service.facts.progression import progression
from service.facts.reports import Report, reports
from service.facts.spread import Extent, spread
from service.facts.words import on_day
from service.fhir.context import Assertion

_DISEASE = ("metastasis", "progression")


@fact
def free_since(patient: Patient) -> str:
    """The day of the resection after which no disease is on record; empty where that is not said."""
    resection = primary_resection(patient)
    if resection is None or resection.moment is None or operations(patient).pathology_not_clear:
        return ""
    if _has_disease(patient) or progression(patient).after(resection.moment):
        return ""
    since = [one for one in _denials(patient) if one.moment and not one.moment.precedes(resection.moment)]
    return on_day(resection.moment, patient) if since else ""


def is_disease_denied(patient: Patient) -> bool:
    """Whether a report denies disease and none is on record: then a resection would matter."""
    return bool(_denials(patient)) and not _has_disease(patient)


def _has_disease(patient: Patient) -> bool:
    return spread(patient).may_be_metastatic or spread(patient).extent is Extent.UNCLEAR_ORIGIN


@fact
def _denials(patient: Patient) -> tuple[Report, ...]:
    return tuple([one for one in reports(patient) if _denies_disease(one)])


def _denies_disease(report: Report) -> bool:
    about = report.resource.about
    said = {about.finds_of(one) for one in _DISEASE}
    is_denied = Assertion.NEGATED in said or about.finds("disease-free")
    return is_denied and Assertion.ASSERTED not in said
