"""N-9: an analogue for disease that cannot be resected. Words: ``cards/somatostatin-analogue.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.decision import TreatmentKind
from service.facts.operations import REMOVAL, Role
from service.facts.proliferation import Grade
from service.facts.tumour import Differentiation
from service.facts.workup import SstrResult
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import ORDER_HOOKS, all_evidence, treatment_before, unread

_RESECTION = frozenset({*REMOVAL, Role.LIVER_RESECTION})
_OTHER_SYSTEMIC = (TreatmentKind.CHEMOTHERAPY, TreatmentKind.TARGETED, TreatmentKind.RADIONUCLIDE)


def decide(facts: Facts) -> Answer:
    """Progression is not required; grade, differentiation and extent are."""
    if facts.context.hook in ORDER_HOOKS and not treatment_before(facts, *_OTHER_SYSTEMIC):
        return Silent("no other systemic treatment is being ordered")
    if silent := _extent_does_not_fit(facts) or _tumour_does_not_fit(facts) or _not_for_this_patient(facts):
        return silent
    if unknown := unread(facts, "medications"):
        return unknown
    symptoms = facts.function.has_flushing or facts.function.has_diarrhoea
    if facts.function.is_confirmed and symptoms:
        return _fires("functioning", facts)
    return _fires("unresectable" if facts.operability.unresectable else "metastatic", facts)


def _extent_does_not_fit(facts: Facts) -> Silent | None:
    if facts.tumour.is_benign:
        return Silent("the tumour is coded as benign")
    if not facts.spread.is_metastatic and facts.operability.unresectable is None:
        return Silent("neither metastases nor unresectable disease are on record")
    if not facts.spread.is_metastatic and facts.treatment.primary_resected:
        return Silent("the primary has been resected and no metastasis is on record")
    if facts.operations.planned_of(_RESECTION):
        return Silent("a resection is planned")
    if facts.operability.resectable:
        return Silent(f"on record: {facts.operability.resectable.says}")
    return None


def _tumour_does_not_fit(facts: Facts) -> Silent | None:
    """Section 8: no grade, no analogue; the upper end of a range decides the limit of Ki-67."""
    found = facts.proliferation
    if facts.tumour.differentiation is not Differentiation.WELL:
        return Silent(f"the differentiation is {facts.tumour.differentiation.value}")
    if found.grade is None or found.alert_grade is Grade.G3:
        return Silent("no grade 1 or 2 is on record")
    highest = found.highest_ki67_percent
    if highest is None or found.is_open_ended:
        return Silent("no Ki-67 with an upper end is on record")
    if highest >= facts.defaults.analogue_ki67_limit_percent:
        return Silent("the Ki-67 is above what the trial enrolled: a matter for the tumour board")
    if facts.workup.sstr_result is SstrResult.NEGATIVE:
        return Silent("the tumour shows no somatostatin receptors")
    return None


def _not_for_this_patient(facts: Facts) -> Silent | None:
    if facts.treatment.has_analogue:
        return Silent(f"on record: {facts.treatment.long_acting_analogues[0].name}")
    if facts.function.has_insulinoma:
        return Silent("insulinoma is on record: an analogue can worsen hypoglycaemia")
    if facts.treatment.has_analogue_allergy:
        return Silent("an allergy to a somatostatin analogue is on record")
    if facts.treatment.analogue_refused:
        return Silent("a somatostatin analogue was declined")
    return None


def _fires(wording: str, facts: Facts) -> Fires:
    """Octreotide LAR was tried in midgut tumours, so it is offered only there."""
    short = facts.treatment.octreotide_short_acting
    values = {
        "value": "; ".join(count.says for count in facts.proliferation.ki67),
        "receptors": _receptors(facts),
        "short_acting": ", ".join(dict.fromkeys(drug.name for drug in short)) or "none",
    }
    evidence = all_evidence(
        facts.proliferation.evidence,
        facts.spread.evidence,
        (one for one in (facts.operability.unresectable,) if one),
        facts.function.evidence if wording == "functioning" else (),
        (drug.evidence for drug in short),
    )
    is_midgut = facts.tumour.region.startswith("midgut")
    return Fires(wording, values, evidence, frozenset() if is_midgut else frozenset({"octreotide-lar"}))


def _receptors(facts: Facts) -> str:
    """The words "not done" are said only where the imaging records were read completely."""
    result = facts.workup.sstr_result
    is_open = result is SstrResult.NONE and not facts.record.is_known("imaging")
    return "could not be read" if is_open else result.value


RULE = Rule(
    id="somatostatin-analogue",
    hooks=frozenset({"patient-view", "order-select"}),
    scope=Scope.TREATMENT,
    decide=decide,
    group="pathway",
    holes=frozenset({"value", "receptors", "short_acting"}),
)
