"""Which imaging was done, and what receptor imaging showed. (F-7, F-10)

Imaging is shown by studies, reports, procedures, tracers that were given, and results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

from service.facts.item import Dated, Item, Limits, item, newest_first, not_done, start_of_diagnosis
from service.facts.orders import find_order
from service.facts.patient import Patient, fact
from service.facts.progression import last_recurrence
from service.fhir import dates
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
    NOT_CODED = "not-coded"
    NONE = "not-done"


@fact
def sstr_imaging(patient: Patient) -> Item:
    """N-16: somatostatin-receptor imaging."""
    defaults, since = patient.defaults, start_of_diagnosis(patient)
    limits = Limits(defaults.sstr_fresh_days, defaults.sstr_ignored_days, since)
    return _study(is_sstr_imaging, patient, limits)


@fact
def cross_sectional(patient: Patient) -> Item:
    """N-13: CT or MRI of the abdomen; one from before a recurrence does not show it."""
    defaults, since = patient.defaults, last_recurrence(patient) or start_of_diagnosis(patient)
    limits = Limits(defaults.cross_sectional_fresh_days, defaults.cross_sectional_ignored_days, since)
    return _study(lambda one: is_cross_sectional(one, patient), patient, limits)


@fact
def echocardiography(patient: Patient) -> Item:
    """X-2: an echocardiogram or NT-proBNP."""
    days = patient.defaults.echocardiography_days
    return _study(is_echocardiography, patient, Limits(days, days, start_of_diagnosis(patient)))


def _study(matches: Callable[[Resource], bool], patient: Patient, limits: Limits) -> Item:
    order = find_order(patient, matches)
    if not _studies(patient):
        return not_done(order, patient)
    done = (dated for dated in _done_studies(patient) if matches(dated[1]))
    under_way = [one for one in _studies(patient) if one.is_under_way and matches(one)]
    return item(done, patient, under_way=under_way, order=order, limits=limits)


_LISTS = (
    *("sstr-imaging", "ct-mri", "echocardiography"),
    *("sstr-imaging-words", "cross-sectional-imaging", "imaging-abdomen", "fdg-pet"),
    *("echocardiography-words", "nt-probnp"),
)


@fact
def _studies(patient: Patient) -> tuple[Resource, ...]:
    """Everything that can show that imaging was done."""
    record = patient.record
    return (
        *record.of(ImagingStudy),
        *record.about(DiagnosticReport, *_LISTS),
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
        if is_sstr_imaging(one) or is_cross_sectional(one, patient)
    )
    return next(shown, None)


@fact
def fdg_done(patient: Patient) -> bool:
    """Whether an FDG PET was done."""
    done = (one.about for one in _studies(patient) if one.is_done)
    return any(about.has_row("sstr-imaging", roles=("fdg",)) or about.is_named("fdg-pet") for about in done)


@fact
def lacks_contrast(patient: Patient) -> bool:
    """Whether every CT or MRI of the abdomen was done without contrast."""
    sections = [one for one in _studies(patient) if is_cross_sectional(one, patient)]
    return bool(sections) and all(_is_without_contrast(one) for one in sections)


def _is_without_contrast(study: Resource) -> bool:
    rows = study.about.rows("ct-mri")
    return bool(rows) and all(row.get("contrast") == "without" for row in rows)


def is_sstr_imaging(resource: Resource) -> bool:
    """Whether a study, order or booking is somatostatin-receptor imaging (a plain or FDG PET is not)."""
    about = resource.about
    if about.has_row("sstr-imaging", roles=("fdg", "not-sstr")):
        return False
    if about.has_row("sstr-imaging", roles=("sstr", "tracer")) or about.is_named("sstr-imaging-words"):
        return True
    is_generic = about.has_row("sstr-imaging", roles=("generic-pet", "generic-scintigraphy"))
    return is_generic and about.finds("sstr-imaging-words")


def is_cross_sectional(resource: Resource, patient: Patient) -> bool:
    """Whether a study, order or booking is CT or MRI of the abdomen (a PET/CT or chest CT is not)."""
    about = resource.about
    if about.has_row("sstr-imaging"):
        return False
    regions = {row.get("region") for row in about.rows("ct-mri")}
    if not regions.isdisjoint(("abdomen", "whole-body")) or about.is_named("cross-sectional-imaging"):
        return True
    is_of_some_region = "unspecified" in regions or _is_ct_or_mri_study(resource)
    return is_of_some_region and _names_the_abdomen(resource, patient)


def _is_ct_or_mri_study(resource: Resource) -> bool:
    """By its modalities; a PET/CT is no cross-sectional study of its own."""
    modalities = resource.modalities if isinstance(resource, ImagingStudy) else set()
    return not modalities.isdisjoint(("CT", "MR")) and "PT" not in modalities


def _names_the_abdomen(resource: Resource, patient: Patient) -> bool:
    sites = resource.body_sites if isinstance(resource, ImagingStudy) else ""
    return resource.about.is_named("imaging-abdomen") or patient.terminology.says("imaging-abdomen", sites)


def is_echocardiography(resource: Resource) -> bool:
    """Whether a study, result or order is an echocardiogram or NT-proBNP."""
    about = resource.about
    return about.has_row("echocardiography") or about.is_named("echocardiography-words", "nt-probnp")


@fact
def sstr_result(patient: Patient) -> SstrResult:
    """What receptor imaging showed; the newest with a coded or worded result decides."""
    done = [one for _moment, one in _done_studies(patient) if is_sstr_imaging(one)]
    results = [(dates.order(one.happened()), _result_of(one, patient)) for one in done]
    told = [pair for pair in results if pair[1] is not SstrResult.NOT_CODED]
    if told:
        return max(told, key=lambda pair: (pair[0], pair[1].value))[1]
    return SstrResult.NOT_CODED if results else SstrResult.NONE


def _result_of(study: Resource, patient: Patient) -> SstrResult:
    """By code, else by words; words that take the receptors back win."""
    rows = patient.terminology.rows(_coded_results(study))
    coded = {row.get("role") for row in rows if row.list_name == "sstr-result"}
    if SstrResult.POSITIVE.value in coded:
        return SstrResult.POSITIVE
    if SstrResult.NEGATIVE.value in coded or study.about.finds("sstr-negative"):
        return SstrResult.NEGATIVE
    return SstrResult.POSITIVE if study.about.finds("sstr-positive") else SstrResult.NOT_CODED


def _coded_results(study: Resource) -> Iterator[CodeableConcept]:
    if isinstance(study, DiagnosticReport):
        yield from concepts(study.conclusion_code)
    if isinstance(study, Observation):
        yield from concepts(study.value_codeable_concept)
