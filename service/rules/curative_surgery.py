"""N-1 and N-2: ask whether the tumour can be removed for cure. Words: ``cards/curative-surgery.md``."""

from __future__ import annotations

from service.facts.imaging import cross_sectional, sstr_imaging
from service.facts.operability import operability
from service.facts.operations import planned_removals, primary_resection
from service.facts.orders import surgical_referral
from service.facts.patient import Patient
from service.facts.size import size_mm
from service.facts.spread import Extent, spread
from service.facts.syndrome import function
from service.facts.tumour import site_in_words, tumour
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.liver import spread_too_far
from service.rules.questions import is_low_yield


def decide(patient: Patient) -> Answer:
    """A prompt to refer; it orders no operation."""
    found = spread(patient)
    if not found.may_be_curable:
        return spread_too_far(patient)
    if silent := _decided_otherwise(patient) or _no_standard(patient):
        return silent
    if not found.is_curable:
        return Silent("extent-unknown" if _imaging_is_done(patient) else "imaging-first")
    wording = "regional" if found.extent is Extent.REGIONAL else "localised"
    return Fires(wording, {"site": site_in_words(patient)}, found.evidence)


def _imaging_is_done(patient: Patient) -> bool:
    return cross_sectional(patient).is_done and sstr_imaging(patient).is_done


def _decided_otherwise(patient: Patient) -> Silent | None:
    if primary_resection(patient):
        return Silent("primary-resected")
    if planned_removals(patient):
        return Silent("resection-planned")
    if referral := surgical_referral(patient):
        return Silent("referred", {"order": referral.says})
    said = operability(patient)
    stated = said.unresectable or said.unfit or said.surveillance
    return Silent("on-record", {"what": stated.says}) if stated else None


def _no_standard(patient: Patient) -> Silent | None:
    """Where resection is not the standard: surveillance is accepted, or the tumour is another disease."""
    if tumour(patient).is_poorly_differentiated:
        return Silent("poorly-differentiated")
    if _is_small_and_silent(patient):
        return Silent("small-pancreatic")
    # A small appendiceal tumour is done with only once it is removed, which is asked above.
    is_watched = tumour(patient).site != "appendix" and is_low_yield(patient)
    return Silent("low-yield") if is_watched else None


def _is_small_and_silent(patient: Patient) -> bool:
    """The measured size decides; without one T1, which is below the limit (AJCC 8, from memory)."""
    syndrome, size = function(patient), size_mm(patient)
    if tumour(patient).site != "pancreas" or syndrome.is_likely or syndrome.other_syndromes:
        return False
    if size is None:
        return spread(patient).t_category == "1"
    return size <= patient.defaults.small_pancreatic_tumour_mm


RULE = Rule(
    id="curative-surgery",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    care=Care.CURE,
    decide=decide,
    group="pathway",
    holes=frozenset({"site", "order", "what"}),
)
