"""N-1 and N-2: ask whether the tumour can be removed for cure. Words: ``cards/curative-surgery.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.extent import Extent
from service.facts.operations import REMOVAL
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import is_low_yield, unread


def decide(facts: Facts) -> Answer:
    """A prompt to refer; it orders no operation."""
    spread = facts.spread
    if spread.extent not in (Extent.LOCALISED, Extent.REGIONAL):
        return Silent(f"the extent on record is: {spread.extent.value}")
    if silent := _decided_otherwise(facts) or _no_standard(facts):
        return silent
    if unknown := unread(facts, "procedures"):
        return unknown
    if not (spread.m_category == "0" or _imaging_is_done(facts)):
        return unread(facts, "imaging") or Silent(
            "cross-sectional and SSTR imaging come first, and no M0 is on record"
        )
    wording = "regional" if spread.extent is Extent.REGIONAL else "localised"
    return Fires(wording, {"site": facts.tumour.site}, spread.evidence)


def _imaging_is_done(facts: Facts) -> bool:
    return facts.workup.cross_sectional.is_done and facts.workup.sstr_imaging.is_done


def _decided_otherwise(facts: Facts) -> Silent | None:
    if facts.treatment.primary_resected:
        return Silent("the primary has been resected")
    if facts.operations.planned_of(REMOVAL):
        return Silent("resection of the primary is planned")
    if facts.surgical_referral:
        return Silent(f"a surgical opinion is {facts.surgical_referral.says}")
    said = facts.operability
    if stated := said.unresectable or said.unfit or said.surveillance:
        return Silent(f"on record: {stated.says}")
    return None


def _no_standard(facts: Facts) -> Silent | None:
    """Where resection is not the standard: surveillance is accepted, or the tumour is another disease."""
    if facts.tumour.is_poorly_differentiated:
        return Silent("the tumour is poorly differentiated")
    if _is_small_and_silent(facts):
        return Silent("a small pancreatic tumour that does not function may be watched")
    # A small appendiceal tumour is done with only once it is removed, which is asked above.
    if facts.tumour.site != "appendix" and is_low_yield(facts):
        return Silent("a small rectal tumour or a gastric tumour of type 1")
    return None


def _is_small_and_silent(facts: Facts) -> bool:
    """The measured size decides; without one T1, which is below the limit (AJCC 8, from memory)."""
    if facts.tumour.site != "pancreas" or facts.function.is_likely or facts.function.other_syndromes:
        return False
    size = facts.workup.size_mm
    if size is None:
        return facts.spread.t_category == "1"
    return size <= facts.defaults.small_pancreatic_tumour_mm


RULE = Rule(
    id="curative-surgery",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    decide=decide,
    group="pathway",
    holes=frozenset({"site"}),
)
