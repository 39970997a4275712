"""Which grade does pathology state without the index behind it? (Y-4; statement on grading without Ki-67)

A grade in words grades nothing here: it is shown beside the request for the Ki-67 that it should rest on.
"""

from __future__ import annotations

from collections.abc import Iterable

from service.facts.owner import Owner, owner_of_report
from service.facts.patient import Patient, fact
from service.facts.reports import Report, reports
from service.facts.words import evidence
from service.fhir.context import Assertion
from service.fhir.evidence import Evidence
from service.fhir.phrases import Mention

_WORDS = "stated-grade"


@fact
def stated_grade(patient: Patient) -> Evidence | None:
    """The newest pathology report on the tumour that states one grade, with its sentence."""
    told = (_told_by(one, patient) for one in reports(patient) if one.is_pathology)
    return next((one for one in told if one), None)


def _told_by(report: Report, patient: Patient) -> Evidence | None:
    """None where it states no grade, or several, as a legend of the grades does."""
    if owner_of_report(report, patient) is not Owner.THE_TUMOUR:
        return None
    mentions = patient.terminology.word_lists.mentions(report.text, _WORDS, is_report=True)
    stated = [one for one in mentions if one.assertion is Assertion.ASSERTED]
    if len(_grades(stated)) != 1:
        return None
    says = patient.phrases("grade.stated", words=stated[0].sentence, when=report.when)
    return evidence(report.resource, says)


def _grades(mentions: Iterable[Mention]) -> frozenset[str]:
    """The figures or first letters of the grades: "G2" and "grade 2" are one."""
    phrases = [one.sentence[one.start : one.end].casefold() for one in mentions]
    return frozenset([next((sign for sign in text if sign.isdigit()), text[:1]) for text in phrases])
