"""Whose is a finding: that of the neuroendocrine tumour, or of another cancer? (Y-3)

Only beside another cancer has that to be asked; a breast, a prostate or a brain is never the tumour's.
"""

from __future__ import annotations

from enum import Enum

from service.facts.patient import Patient
from service.facts.reports import Report
from service.facts.tumour import tumour
from service.fhir import r4
from service.fhir.context import Assertion


class Owner(Enum):
    """Whose a finding is."""

    THE_TUMOUR = "the-tumour"
    ANOTHER_CANCER = "another-cancer"
    NOT_STATED = "not-stated"


def owner_of_specimen(stated: str, patient: Patient) -> Owner:
    """Whose a result is, by its body site and specimen in words."""
    if patient.terminology.says("other-organ", stated):
        return Owner.ANOTHER_CANCER
    if not tumour(patient).other_cancers:
        return Owner.THE_TUMOUR
    if _names_the_tumour(stated, patient):
        return Owner.THE_TUMOUR
    site, _region = patient.terminology.site_in(stated)
    others = {patient.terminology.site_in(_words(one))[0] for one in tumour(patient).other_cancers}
    return Owner.ANOTHER_CANCER if site != "unknown" and site in others else Owner.NOT_STATED


def owner_of_report(report: Report, patient: Patient) -> Owner:
    """Whose a report's findings are: beside another cancer the NET's only where the report names it.

    Tissue of an organ in which none begins, or of a cancer called by its name, is another's, also where no
    other cancer is on record.
    """
    if patient.terminology.says("neuroendocrine-tumour", report.resource.name, report.text):
        return Owner.THE_TUMOUR
    if report.is_pathology and _is_of_another(report, patient):
        return Owner.ANOTHER_CANCER
    if not tumour(patient).other_cancers:
        return Owner.THE_TUMOUR
    names_another = patient.terminology.says("other-malignancy-words", report.resource.name, report.text)
    return Owner.ANOTHER_CANCER if names_another else owner_of_specimen(report.resource.name, patient)


def _is_of_another(report: Report, patient: Patient) -> bool:
    """Whether pathology examined another organ, or diagnoses another cancer (not: had, may be, excluded)."""
    text = f"{report.resource.name}\n{report.text}"
    if patient.terminology.says("other-organ", text):
        return True
    named = patient.terminology.word_lists.mentions(text, "named-other-cancer", is_report=True)
    return any(one.assertion is Assertion.ASSERTED for one in named)


def _names_the_tumour(stated: str, patient: Patient) -> bool:
    """Whether words name the tumour or the organ in which it began."""
    site, _region = patient.terminology.site_in(stated)
    own = {one.replace(" ", "-") for one in tumour(patient).sites}
    return site in own or patient.terminology.says("neuroendocrine-tumour", stated)


def _words(condition: r4.Condition) -> str:
    return f"{r4.words(condition.body_site)} {condition.name}"
