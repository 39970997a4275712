"""What was written: reports and documents, of which kind, and whether all of it could be read. (Y-0.6)

This is the one reader of report text; :mod:`service.fhir.r4` says where a type keeps its words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from service.facts.patient import Patient, fact
from service.facts.words import on_day
from service.fhir import dates
from service.fhir.about import About
from service.fhir.dates import Moment
from service.fhir.r4 import Composition, DiagnosticReport, DocumentReference, Observation, Resource


class ReportKind(Enum):
    """Of what a report tells."""

    PATHOLOGY = "pathology"
    IMAGING = "imaging"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Report:
    """A delivered report. Of a long one only the beginning is ``text``; then it is not ``is_whole``.

    One without any words is there, and nobody can read in it; ``is_whole`` is false as well.
    """

    resource: Resource
    kind: ReportKind
    moment: Moment | None
    when: str
    text: str
    is_whole: bool

    @property
    def is_pathology(self) -> bool:
        """Whether it is a report of pathology."""
        return self.kind is ReportKind.PATHOLOGY

    @property
    def is_imaging(self) -> bool:
        """Whether it is a report of imaging."""
        return self.kind is ReportKind.IMAGING


@fact
def reports(patient: Patient) -> tuple[Report, ...]:
    """Every delivered report, newest first; those without a date last."""
    found = [part for one in _written(patient) if one.is_done for part in _parts(one, patient)]
    past = [one for one in found if not dates.is_in_future(one.moment, patient.now)]
    return tuple(sorted(past, key=lambda one: dates.order(one.moment), reverse=True))


def _written(patient: Patient) -> Iterator[Resource]:
    record = patient.record
    yield from record.of(DiagnosticReport)
    yield from record.of(DocumentReference)
    yield from record.of(Composition)
    yield from record.about(Observation, "report-kind")


def _parts(resource: Resource, patient: Patient) -> Iterator[Report]:
    """A letter's sections of pathology and imaging as reports of their own, then all of it as what it is."""
    whole = _report(resource, resource.findings, _kind(resource.about), patient)
    if isinstance(resource, Composition) and whole.kind is ReportKind.OTHER:
        for section in resource.section or ():
            about = patient.terminology.about((), name=section.title or "")
            text = section.text.text if section.text else ""
            if (kind := _kind(about)) is not ReportKind.OTHER and text:
                yield _report(resource, text, kind, patient)
    yield whole


def _report(resource: Resource, text: str, kind: ReportKind, patient: Patient) -> Report:
    longest = int(patient.defaults.report_text_chars)
    is_whole = len(text) <= longest and not any(one.is_unreadable for one in resource.attachments())
    moment = resource.happened()
    return Report(
        resource,
        kind,
        moment,
        on_day(moment, patient),
        text[:longest],
        is_whole and bool(text.strip()),
    )


_IMAGING = ("ct-mri", "sstr-imaging", "echocardiography")


def _kind(about: About) -> ReportKind:
    """By code or category, else by its name."""
    for kind in (ReportKind.PATHOLOGY, ReportKind.IMAGING):
        if about.has_row("report-kind", roles=(kind.value,)):
            return kind
    if about.rows(*_IMAGING) or about.is_named("imaging-report"):
        return ReportKind.IMAGING
    return ReportKind.PATHOLOGY if about.is_named("pathology-report") else ReportKind.OTHER


_LONGEST_TITLE = 80  # characters; what is longer is a sentence


def title_in_text(report: Report, patient: Patient) -> str:
    """The examination that a report names in its own text, where its code says no more than "imaging report".

    After a label ("EXAM: CT ABDOMEN"), else in its first line.
    """
    lines = [line for one in report.text.splitlines() if (line := one.strip())]
    labelled = (line.partition(":") for line in lines)
    titles = (after for before, _colon, after in labelled if _is_label(before, patient))
    title = next(filter(None, titles), "") or _heading(lines)
    return title if len(title) <= _LONGEST_TITLE else ""


def _heading(lines: Sequence[str]) -> str:
    """The first line up to its colon, or all of it above a text; a sentence is none ("MRI liver advised")."""
    first, colon, _rest = lines[0].partition(":") if lines else ("", "", "")
    is_heading = bool(colon) or len(lines) > 1
    return first if is_heading and ". " not in f"{first} " else ""


def _is_label(words: str, patient: Patient) -> bool:
    return len(words) <= _LONGEST_LABEL and patient.terminology.says("examination-label", words)


_LONGEST_LABEL = 25  # characters
