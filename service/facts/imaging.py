"""Which imaging was done, and what receptor imaging showed. (F-7, F-10)

Imaging is shown by studies, reports, procedures, tracers that were given, and results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

from service.facts.decision import TreatmentKind, treatment_orders
from service.facts.item import Dated, Item, Limits, item, newest_first, not_done, since_diagnosis
from service.facts.operations import primary_resection
from service.facts.orders import find_order
from service.facts.patient import Patient, fact
from service.facts.progression import since_progression
from service.facts.reports import reports
from service.facts.scans import is_cross_sectional, is_echocardiography, is_sstr_imaging
from service.facts.spread import spread
from service.fhir import dates
from service.fhir.about import About
from service.fhir.context import Assertion
from service.fhir.dates import Moment
from service.fhir.r4 import (
    CodeableConcept,
    DiagnosticReport,
    ImagingStudy,
    MedicationAdministration,
    Observation,
    Procedure,
    Resource,
    concepts,
)


class SstrResult(Enum):
    """What somatostatin-receptor imaging showed."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    NO_LESION = "no-lesion"
    NOT_CODED = "not-coded"
    NONE = "not-done"


@fact
def sstr_imaging(patient: Patient) -> Item:
    """N-16: somatostatin-receptor imaging."""
    limits = since_progression(patient.defaults.sstr_fresh_days, patient)
    return _study(lambda one: is_sstr_imaging(one, patient), patient, limits)


@fact
def cross_sectional(patient: Patient) -> Item:
    """N-13: CT or MRI of the abdomen."""
    limits = since_progression(_cross_sectional_days(patient), patient)
    return _study(lambda one: is_cross_sectional(one, patient), patient, limits)


def _cross_sectional_days(patient: Patient) -> float:
    """Before an operation or a liver-directed treatment the anatomy has to be newer."""
    kinds, defaults = {one.kind for one in treatment_orders(patient)}, patient.defaults
    if kinds.isdisjoint((TreatmentKind.SURGERY, TreatmentKind.LOCOREGIONAL)):
        return defaults.cross_sectional_fresh_days
    return defaults.cross_sectional_before_treatment_days


@fact
def echocardiography(patient: Patient) -> Item:
    """X-2: an echocardiogram or NT-proBNP."""
    days = patient.defaults.echocardiography_days
    return _study(is_echocardiography, patient, since_diagnosis(days, patient))


def _study(matches: Callable[[Resource], bool], patient: Patient, limits: Limits) -> Item:
    order = find_order(patient, matches)
    if not _studies(patient):
        return not_done(order)
    done = (dated for dated in _done_studies(patient) if matches(dated[1]))
    under_way = [one for one in _studies(patient) if one.is_under_way and matches(one)]
    return item(done, patient, under_way=under_way, order=order, limits=limits)


_LISTS = (
    *("sstr-imaging", "ct-mri", "echocardiography"),
    *("sstr-imaging-words", "cross-sectional-imaging", "ct-mri-words", "imaging-abdomen", "fdg-pet"),
    *("echocardiography-words", "nt-probnp"),
)


@fact
def _studies(patient: Patient) -> tuple[Resource, ...]:
    """Everything that can show that imaging was done."""
    record = patient.record
    written = [one.resource for one in reports(patient) if one.is_imaging]
    told = {id(one): one for one in (*record.about(DiagnosticReport, *_LISTS), *written)}
    return (
        *record.of(ImagingStudy),
        *told.values(),
        *record.about(Procedure, *_LISTS),
        *record.about(MedicationAdministration, *_LISTS),
        *record.about(Observation, *_LISTS),
    )


@fact
def _done_studies(patient: Patient) -> list[Dated[Resource]]:
    """Newest first; of two at the same time the later in the record comes first."""
    return newest_first([one for one in reversed(_studies(patient)) if one.is_done], patient)


@fact
def newest_imaging(patient: Patient) -> Moment | None:
    """When receptor imaging, or a CT or MRI of the abdomen, was last done."""
    shown = (
        moment
        for moment, one in _done_studies(patient)
        if is_sstr_imaging(one, patient) or is_cross_sectional(one, patient)
    )
    return next(shown, None)


@fact
def newest_cross_sectional(patient: Patient) -> Dated[Resource] | None:
    """The last CT or MRI of the abdomen, of any age."""
    done = (one for one in _done_studies(patient) if is_cross_sectional(one[1], patient))
    return next(done, None)


@fact
def fdg_done(patient: Patient) -> bool:
    """Whether an FDG PET was done."""
    done = (one.about for one in _studies(patient) if one.is_done)
    return any(about.has_row("sstr-imaging", roles=("fdg",)) or about.is_named("fdg-pet") for about in done)


@fact
def sstr_result(patient: Patient) -> SstrResult:
    """What receptor imaging showed; the newest with a coded or worded result decides.

    A scan that shows nothing speaks against receptors only while there is a lesion that it could show.
    """
    result = told_result(patient)
    return SstrResult.NEGATIVE if result is SstrResult.NO_LESION and _has_lesion(patient) else result


def _has_lesion(patient: Patient) -> bool:
    return primary_resection(patient) is None or spread(patient).is_metastatic


@fact
def told_result(patient: Patient) -> SstrResult:
    """What the newest scan with a result says of itself."""
    done = [one for _moment, one in _done_studies(patient) if is_sstr_imaging(one, patient)]
    results = [(dates.order(one.happened()), _result_of(one, patient)) for one in done]
    told = [pair for pair in results if pair[1] is not SstrResult.NOT_CODED]
    if told:
        return max(told, key=lambda pair: (pair[0], pair[1].value))[1]
    return SstrResult.NOT_CODED if results else SstrResult.NONE


def is_uptake_low(patient: Patient) -> bool:
    """Whether the newest positive scan tells of no uptake higher than that of the liver."""
    done = (one for _moment, one in _done_studies(patient) if is_sstr_imaging(one, patient))
    newest = next((one for one in done if _result_of(one, patient) is SstrResult.POSITIVE), None)
    return newest is not None and _tells_only_of_low_uptake(newest, patient)


def _tells_only_of_low_uptake(study: Resource, patient: Patient) -> bool:
    lists = ("sstr-positive", "sstr-low-uptake")
    said = patient.terminology.word_lists.mentions(study.findings, *lists, is_report=True)
    asserted = [one for one in said if one.assertion is Assertion.ASSERTED]
    low = {one.sentence for one in asserted if one.word_list == "sstr-low-uptake"}
    return bool(low) and all(one.sentence in low for one in asserted)


def last_sstr_result(patient: Patient) -> SstrResult:
    """What the newest receptor imaging showed, also where an older one says more."""
    done = (one for _moment, one in _done_studies(patient) if is_sstr_imaging(one, patient))
    return next((_result_of(one, patient) for one in done), SstrResult.NONE)


def _result_of(study: Resource, patient: Patient) -> SstrResult:
    """By code, else by words."""
    rows = patient.terminology.rows(_coded_results(study))
    coded = {row.get("role") for row in rows if row.list_name == "sstr-result"}
    told = (one for one in (SstrResult.POSITIVE, SstrResult.NEGATIVE) if one.value in coded)
    return next(told, None) or _result_in_words(study.about)


def _result_in_words(about: About) -> SstrResult:
    """Any lesion that is shown counts, then one without receptors; a denied uptake is none of a lesion."""
    if about.finds("sstr-positive"):
        return SstrResult.POSITIVE
    if about.finds("sstr-negative"):
        return SstrResult.NEGATIVE
    is_denied = about.finds_of("sstr-positive") is Assertion.NEGATED
    return SstrResult.NO_LESION if is_denied or about.finds("sstr-no-lesion") else SstrResult.NOT_CODED


def _coded_results(study: Resource) -> Iterator[CodeableConcept]:
    if isinstance(study, DiagnosticReport):
        yield from concepts(study.conclusion_code)
    if isinstance(study, Observation):
        yield from concepts(study.value_codeable_concept)
