"""Which examination a study, order or booking is: by its codes, its modality and its words."""

from __future__ import annotations

from collections.abc import Mapping

from service.facts.patient import Patient, fact
from service.facts.reports import reports, title_in_text
from service.fhir.about import NOTHING, About
from service.fhir.context import Assertion
from service.fhir.r4 import ImagingStudy, Resource


def is_sstr_imaging(resource: Resource, patient: Patient) -> bool:
    """Whether a study, report, order or booking is somatostatin-receptor imaging (no plain or FDG PET)."""
    return _is_sstr_imaging(resource) or _is_titled(resource, "sstr-imaging-words", patient)


@fact
def _titles(patient: Patient) -> Mapping[int, About]:
    """What the titles in the text of imaging reports are about, by the id of the resource."""
    about = patient.terminology.about
    images = [one for one in reports(patient) if one.is_imaging]
    return {id(one.resource): about((), name=title_in_text(one, patient)) for one in images}


def _is_titled(resource: Resource, word_list: str, patient: Patient) -> bool:
    """Whether the text of an imaging report is headed so, asserted: not "no change since DOTATATE PET"."""
    return _titles(patient).get(id(resource), NOTHING).says_of(word_list) is Assertion.ASSERTED


def _is_sstr_imaging(resource: Resource) -> bool:
    about = resource.about
    if about.has_row("sstr-imaging", roles=("fdg", "not-sstr")):
        return False
    if about.has_row("sstr-imaging", roles=("sstr", "tracer")) or about.is_named("sstr-imaging-words"):
        return True
    if not about.finds("sstr-imaging-words"):
        return False
    # What any image may be has to say what its tracer showed: a CT report may only mention one.
    tells_result = about.finds("sstr-positive", "sstr-negative")
    is_any_image = about.has_row("sstr-imaging", roles=("generic-imaging",)) and tells_result
    return is_any_image or about.has_row("sstr-imaging", roles=("generic-pet", "generic-scintigraphy"))


def is_cross_sectional(resource: Resource, patient: Patient) -> bool:
    """Whether a study, report, order or booking is CT or MRI of the abdomen (a PET/CT or chest CT is not)."""
    about = resource.about
    if about.has_row("sstr-imaging", roles=_OTHER_SCANS):
        return False
    regions = {row.get("region") for row in about.rows("ct-mri")}
    if not regions.isdisjoint(("abdomen", "whole-body")) or about.is_named("cross-sectional-imaging"):
        return True
    is_of_some_region = "unspecified" in regions or _is_ct_or_mri(resource)
    return (is_of_some_region and _names_the_abdomen(resource, patient)) or _is_titled_ct_or_mri(
        resource, patient
    )


_OTHER_SCANS = ("fdg", "not-sstr", "sstr", "tracer", "generic-pet", "generic-scintigraphy")
"""The roles of nuclear medicine; ``generic-imaging`` may be any image."""


def _is_ct_or_mri(resource: Resource) -> bool:
    """By its name or its modalities; a PET/CT is no cross-sectional study of its own."""
    modalities = resource.modalities if isinstance(resource, ImagingStudy) else set()
    if "PT" in modalities:
        return False
    return not modalities.isdisjoint(("CT", "MR")) or resource.about.is_named("ct-mri-words")


def _is_titled_ct_or_mri(resource: Resource, patient: Patient) -> bool:
    words = ("ct-mri-words", "imaging-abdomen")
    is_named = all(_is_titled(resource, one, patient) for one in words)
    return is_named or _is_titled(resource, "cross-sectional-imaging", patient)


def _names_the_abdomen(resource: Resource, patient: Patient) -> bool:
    sites = resource.body_sites if isinstance(resource, ImagingStudy) else ""
    return resource.about.is_named("imaging-abdomen") or patient.terminology.says("imaging-abdomen", sites)


def is_echocardiography(resource: Resource) -> bool:
    """Whether a study, result or order is an echocardiogram or NT-proBNP."""
    about = resource.about
    return about.has_row("echocardiography") or about.is_named("echocardiography-words", "nt-probnp")
