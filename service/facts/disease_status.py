"""What is said of the disease as a whole: is it gone, still there, or worse? (Y-1)

The codes of mCODE's disease status and of the residual tumour status, contacts after completed treatment, and
the words of reports. Metastases are read in :mod:`service.facts.spread`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from service.facts.owner import Owner, owner_of_report
from service.facts.patient import Patient, fact
from service.facts.reports import Report, reports
from service.facts.words import evidence, on_day
from service.fhir import dates, r4
from service.fhir.context import Assertion
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence


class Sign(NamedTuple):
    """One thing on record that tells of the course, and when it was so."""

    moment: Moment | None
    evidence: Evidence

    @property
    def order(self) -> tuple[float, str]:
        """Sorts by time; what is undated comes first."""
        return dates.order(self.moment), self.evidence.reference


@dataclass(frozen=True, slots=True)
class DiseaseStatus:
    """The signs of a tumour that is gone, that is still there, and that has grown.

    Of coded disease status only the newest result counts: each says how it is by then.
    """

    free: tuple[Sign, ...] = ()
    disease: tuple[Sign, ...] = ()
    progression: tuple[Sign, ...] = ()


@fact
def disease_status(patient: Patient) -> DiseaseStatus:
    """Read every source."""
    told = [*_coded(patient), *_residual(patient), *_follow_ups(patient), *_worded(patient)]
    past = [(role, sign) for role, sign in told if not dates.is_in_future(sign.moment, patient.now)]
    by_role = {name: tuple([sign for role, sign in past if role == name]) for name in _ROLES}
    return DiseaseStatus(**by_role)


_LIST = "disease-status"
_ROLES = ("free", "disease", "progression")
_Told = tuple[str, Sign]
"""A role of the code list, and what says so."""


def _coded(patient: Patient) -> Iterator[_Told]:
    """The newest disease status; "stable" and "undetermined" have no role and leave all open."""
    told: tuple[_Result, ...] = (*_results("status", patient), *_conclusions(patient))
    newest = max(told, key=_when, default=None)
    if newest is not None:
        yield from _told_by(newest, patient)


def _conclusions(patient: Patient) -> list[r4.DiagnosticReport]:
    """The reports on this tumour whose coded conclusion speaks of the disease as a whole."""
    of_tumour = (
        one.resource for one in reports(patient) if owner_of_report(one, patient) is Owner.THE_TUMOUR
    )
    found = [one for one in of_tumour if isinstance(one, r4.DiagnosticReport)]
    return [one for one in found if any(_told_by(one, patient))]


def _residual(patient: Patient) -> Iterator[_Told]:
    """R0, R1 and R2, coded by the lists, else as the words of the value."""
    for one in _results("residual", patient):
        words = f"{r4.label(one.value_codeable_concept)} {one.findings}"
        yield from [*_told_by(one, patient)] or _margin_told(one, words, patient)


def _results(role: str, patient: Patient) -> list[r4.Observation]:
    found = patient.record.about(r4.Observation, _LIST)
    return [one for one in found if one.is_done and one.about.has_row(_LIST, roles=(role,))]


_Result = r4.Observation | r4.DiagnosticReport


def _when(result: _Result) -> tuple[float, str]:
    return dates.order(result.happened()), result.reference


def _told_by(result: _Result, patient: Patient) -> Iterator[_Told]:
    """By the value of a result; by the conclusion of a report only where its code speaks of the disease.

    "No abnormality detected" says so of whatever was looked at.
    """
    is_value = isinstance(result, r4.Observation)
    said = result.value_codeable_concept if isinstance(result, r4.Observation) else result.conclusion_code
    for value in r4.concepts(said):
        for row in patient.terminology.about_concept(value).rows(_LIST):
            if is_value or row.get("concludes"):
                yield row.get("role"), _sign(result, r4.label(value), patient)


def _margin_told(resource: r4.Resource, text: str, patient: Patient) -> Iterator[_Told]:
    for role, words in (("free", "margin-clear"), ("disease", "margin-positive")):
        if patient.terminology.says(words, text):
            yield role, _sign(resource, resource.shown_name, patient)


def _follow_ups(patient: Patient) -> Iterator[_Told]:
    """Z08: somebody saw the patient for follow-up after treatment was completed."""
    conditions = [one for one in patient.record.about(r4.Condition, _LIST) if not one.is_refuted]
    encounters = [one for one in patient.record.about(r4.Encounter, _LIST) if one.is_done]
    for one in (*conditions, *encounters):
        if one.about.has_row(_LIST, roles=("follow-up",)):
            yield "free", _sign(one, one.shown_name, patient)


def _worded(patient: Patient) -> Iterator[_Told]:
    """What reports of this tumour say: margins in pathology, and that nothing is left or has come back."""
    for report in reports(patient):
        if owner_of_report(report, patient) is not Owner.THE_TUMOUR:
            continue
        if report.is_pathology:
            yield from _margin_told(report.resource, report.text, patient)
        if denies_disease(report):
            yield "free", _sign(report.resource, report.resource.shown_name, patient)


_DISEASE, _FREE = ("metastasis", "progression"), "disease-free"


def denies_disease(report: Report) -> bool:
    """Whether a report says that the patient is free of the tumour, and names none of it beside that."""
    about = report.resource.about
    said = {about.finds_of(one) for one in _DISEASE}
    is_named_free = about.says_of(_FREE) is Assertion.ASSERTED
    is_denied = Assertion.NEGATED in said or about.finds(_FREE) or is_named_free
    return is_denied and Assertion.ASSERTED not in said


def _sign(resource: r4.Resource, what: str, patient: Patient) -> Sign:
    moment = resource.happened()
    return Sign(moment, evidence(resource, f"{what}, {on_day(moment, patient)}"))
