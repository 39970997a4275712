"""N-32: PRRT before surgery in selected cases. Words: ``cards/neoadjuvant-prrt.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.extent import Extent
from service.facts.tumour import Differentiation
from service.facts.workup import SstrResult
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import is_multifocal


def decide(facts: Facts) -> Answer:
    """Speak only where somebody wrote that resection could become possible."""
    borderline = facts.operability.borderline
    if borderline is None:
        return Silent("nobody calls the disease borderline or otherwise resectable")
    if facts.tumour.differentiation is not Differentiation.WELL:
        return Silent(f"the differentiation is {facts.tumour.differentiation.value}")
    if facts.workup.sstr_result is not SstrResult.POSITIVE:
        return Silent(f"receptor imaging: {facts.workup.sstr_result.value}")
    if silent := _beyond_surgery(facts) or _speaks_against(facts):
        return silent
    return Fires("mention", evidence=(borderline, *facts.workup.sstr_imaging.evidence))


def _beyond_surgery(facts: Facts) -> Silent | None:
    is_beyond = facts.spread.extent in (Extent.LIVER_AND_BEYOND, Extent.BEYOND_LIVER, Extent.UNCLEAR_ORIGIN)
    if is_beyond or is_multifocal(facts):
        return Silent(f"metastatic beyond surgery: {facts.spread.extent.value}")
    return Silent("the primary has been resected") if facts.treatment.primary_resected else None


def _speaks_against(facts: Facts) -> Silent | None:
    if facts.operations.radionuclide:
        return Silent(f"on record: {facts.operations.radionuclide.says}")
    found = facts.precautions
    if against := found.marrow_failure or found.pregnancy:
        return Silent(f"on record: {against.says}")
    if found.egfr is not None and found.egfr < facts.defaults.egfr_no_prrt:
        return Silent(f"the eGFR is {found.egfr:g}")
    return None


RULE = Rule(
    id="neoadjuvant-prrt",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    decide=decide,
    group="pathway",
)
