"""Which examination a study, order or booking is: by its codes, its modality and its words."""

from __future__ import annotations

from service.facts.patient import Patient
from service.fhir.r4 import ImagingStudy, Resource


def is_sstr_imaging(resource: Resource) -> bool:
    """Whether a study, order or booking is somatostatin-receptor imaging (a plain or FDG PET is not)."""
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
