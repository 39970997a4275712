"""N-32: PRRT before surgery in selected cases. Words: ``cards/neoadjuvant-prrt.md``."""

from __future__ import annotations

from service.facts.imaging import SstrResult, sstr_imaging, sstr_result
from service.facts.operability import operability
from service.facts.operations import operations, primary_resection
from service.facts.patient import Patient
from service.facts.precautions import precautions
from service.facts.spread import Extent, extent_in_words, spread
from service.facts.tumour import Differentiation, differentiation_in_words, tumour
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.liver import is_multifocal


def decide(patient: Patient) -> Answer:
    """Speak only where somebody wrote that resection could become possible."""
    borderline = operability(patient).borderline
    if borderline is None:
        return Silent("not-borderline")
    if silent := _not_suited(patient) or _beyond_surgery(patient) or _speaks_against(patient):
        return silent
    return Fires("mention", evidence=(borderline, *sstr_imaging(patient).evidence))


def _not_suited(patient: Patient) -> Silent | None:
    if tumour(patient).differentiation is not Differentiation.WELL:
        return Silent("not-well-differentiated", {"differentiation": differentiation_in_words(patient)})
    result = sstr_result(patient)
    if result is not SstrResult.POSITIVE:
        return Silent("receptors", {"result": patient.phrases(f"sstr.{result.value}")})
    return None


_WITHIN_SURGERY = (Extent.LOCALISED, Extent.REGIONAL, Extent.LIVER_ONLY, Extent.UNKNOWN)


def _beyond_surgery(patient: Patient) -> Silent | None:
    if spread(patient).extent not in _WITHIN_SURGERY or is_multifocal(patient):
        return Silent("beyond-surgery", {"extent": extent_in_words(patient)})
    return Silent("primary-resected") if primary_resection(patient) else None


def _speaks_against(patient: Patient) -> Silent | None:
    found = precautions(patient)
    if against := operations(patient).radionuclide or found.marrow_failure or found.pregnancy:
        return Silent("on-record", {"what": against.says})
    if found.egfr is not None and found.egfr < patient.defaults.egfr_no_prrt:
        return Silent("kidneys", {"egfr": f"{found.egfr:g}"})
    return None


RULE = Rule(
    id="neoadjuvant-prrt",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    care=Care.PATHWAY,
    decide=decide,
    group="pathway",
    holes=frozenset({"result", "extent", "egfr"}),
)
