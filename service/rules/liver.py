"""Questions that several rules ask of the extent and of the liver metastases."""

from __future__ import annotations

from service.facts.operations import operations
from service.facts.patient import Patient
from service.facts.spread import extent_in_words, spread
from service.facts.tumour import tumour
from service.rules.base import Silent


def spread_too_far(patient: Patient) -> Silent:
    """The extent on record is beyond what the rule is about."""
    return Silent("spread-too-far", {"extent": extent_in_words(patient)})


def without_liver_only_disease(patient: Patient) -> Silent | None:
    """Why the rules on liver metastases do not apply: other extent or other disease."""
    if tumour(patient).is_benign:
        return Silent("benign")
    if spread(patient).may_be_curable:
        return Silent("not-in-the-liver", {"extent": extent_in_words(patient)})
    if not spread(patient).is_liver_only:
        return spread_too_far(patient)
    return Silent("poorly-differentiated") if tumour(patient).is_poorly_differentiated else None


def treated_lately(patient: Patient) -> Silent | None:
    """Liver-directed treatment is planned, or was done a short time ago."""
    treated = operations(patient).liver_directed_lately
    return Silent("liver-treated", {"treatment": treated.name}) if treated else None


def is_multifocal(patient: Patient) -> bool:
    """Many liver lesions by their number; by words only where no number is on record."""
    found = spread(patient)
    if found.lesions is not None:
        return found.lesions >= patient.defaults.many_liver_lesions
    return found.is_multifocal and not found.is_solitary


def is_solitary(patient: Patient) -> bool:
    """One liver lesion by number; by words only where no number is on record."""
    found = spread(patient)
    if found.lesions is not None:
        return found.lesions == 1
    return found.is_solitary and not found.is_multifocal


def not_multifocal(patient: Patient) -> Silent:
    """A number that is too small, or no number and no words."""
    is_counted = spread(patient).lesions is not None
    return Silent("few-lesions" if is_counted else "not-multifocal", {"lesions": lesions_in_words(patient)})


def lesions_in_words(patient: Patient) -> str:
    """What is on record of the number of liver lesions."""
    lesions = spread(patient).lesions
    if lesions is not None:
        return patient.phrases("lesions.counted", count=f"{lesions:g}")
    if is_multifocal(patient):
        return patient.phrases("lesions.multifocal")
    return patient.phrases("lesions.solitary" if is_solitary(patient) else "lesions.not-read")
