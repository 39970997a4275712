"""N-9: an analogue for disease that cannot be resected. Words: ``cards/somatostatin-analogue.md``."""

from __future__ import annotations

from service.facts.decision import TreatmentKind
from service.facts.drugs import treatment
from service.facts.grade import Grade, proliferation
from service.facts.imaging import SstrResult, sstr_result
from service.facts.objections import has_allergy_to_analogue, has_refused_analogue
from service.facts.operability import operability
from service.facts.operations import has_prrt_now
from service.facts.patient import Patient
from service.facts.spread import spread
from service.facts.syndrome import function
from service.facts.tumour import Differentiation, differentiation_in_words, tumour
from service.hook_names import ORDER_HOOKS, ORDER_SELECT, PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence, not_advanced, treatment_before

_OTHER_SYSTEMIC = (TreatmentKind.CHEMOTHERAPY, TreatmentKind.TARGETED)


def decide(patient: Patient) -> Answer:
    """Progression is not required; grade, differentiation and extent are."""
    if patient.hook in ORDER_HOOKS and not treatment_before(patient, *_OTHER_SYSTEMIC):
        return Silent("no-systemic-treatment")
    silent = not_advanced(patient) or _tumour_does_not_fit(patient) or _not_for_this_patient(patient)
    if silent:
        return silent
    found = function(patient)
    if found.is_confirmed and (found.has_flushing or found.has_diarrhoea):
        return _fires("functioning", patient)
    return _fires("unresectable" if operability(patient).unresectable else "metastatic", patient)


def _tumour_does_not_fit(patient: Patient) -> Silent | None:
    """Section 8: no grade, no analogue; the upper end of a range decides the limit of Ki-67."""
    differentiation = tumour(patient).differentiation
    if differentiation is not Differentiation.WELL:
        is_stated = differentiation is not Differentiation.UNKNOWN
        key = "not-well-differentiated" if is_stated else "differentiation-unknown"
        return Silent(key, {"differentiation": differentiation_in_words(patient)})
    if silent := _proliferation_does_not_fit(patient):
        return silent
    return Silent("no-receptors") if sstr_result(patient) is SstrResult.NEGATIVE else None


def _proliferation_does_not_fit(patient: Patient) -> Silent | None:
    found, limit = proliferation(patient), patient.defaults.analogue_ki67_limit_percent
    if found.alert_grade is Grade.G3:
        return Silent("grade-too-high")
    if found.grade is None:
        return Silent("no-grade")
    highest = found.highest_ki67_percent
    if highest is None or found.is_open_ended:
        return Silent("no-upper-end")
    return Silent("ki67-too-high") if highest >= limit else None


def _not_for_this_patient(patient: Patient) -> Silent | None:
    if analogues := treatment(patient).long_acting_analogues:
        return Silent("analogue-in-place", {"drug": analogues[0].name})
    if has_prrt_now(patient):
        return Silent("prrt")
    if function(patient).has_insulinoma:
        return Silent("insulinoma")
    if has_allergy_to_analogue(patient):
        return Silent("allergy")
    return Silent("declined") if has_refused_analogue(patient) else None


def _fires(wording: str, patient: Patient) -> Fires:
    """Octreotide LAR was tried in midgut tumours, so it is offered only there."""
    short, unresectable = treatment(patient).octreotide_short_acting, operability(patient).unresectable
    names = ", ".join(dict.fromkeys([drug.name for drug in short]))
    values = {
        "value": "; ".join([count.says for count in proliferation(patient).ki67]),
        "receptors": patient.phrases(f"sstr.{sstr_result(patient).value}"),
        "short_acting": names or patient.phrases("drug.none"),
        "label": patient.phrases("analogue.hindgut") if tumour(patient).region == "hindgut" else "",
    }
    evidence = all_evidence(
        proliferation(patient).evidence,
        spread(patient).evidence,
        (unresectable,) if unresectable else (),
        function(patient).evidence if wording == "functioning" else (),
        [drug.evidence for drug in short],
    )
    return Fires(wording, values, evidence, _not_offered(patient))


def _not_offered(patient: Patient) -> frozenset[str]:
    """No drug where only the words of a report grade the tumour; octreotide only for the midgut."""
    if proliferation(patient).is_only_in_words:
        return frozenset({"lanreotide", "octreotide-lar"})
    is_midgut = tumour(patient).region.startswith("midgut")
    return frozenset() if is_midgut else frozenset({"octreotide-lar"})


RULE = Rule(
    id="somatostatin-analogue",
    hooks=frozenset({PATIENT_VIEW, ORDER_SELECT}),
    scope=Scope.TREATMENT,
    care=Care.PATHWAY,
    decide=decide,
    group="pathway",
    holes=frozenset({"value", "receptors", "short_acting", "label", "says", "differentiation", "drug"}),
)
