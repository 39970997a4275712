"""N-25: less tumour mass where symptoms go on despite an analogue. Words: ``cards/symptom-debulking.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.treatment import Drug
from service.fhir.reading import string
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence, unread


def decide(facts: Facts) -> Answer:
    """Name the option where symptoms are active, the liver is involved and an analogue is not enough."""
    if silent := _pointless(facts):
        return silent
    if unknown := unread(facts, "procedures"):
        return unknown
    analogues = [drug for drug in facts.treatment.long_acting_analogues if not _is_only_drafted(drug)]
    values = {"symptoms": " and ".join(_symptoms(facts))}
    if analogues:
        values["analogue"] = ", ".join(dict.fromkeys(drug.name for drug in analogues))
        evidence = all_evidence(facts.function.evidence, (drug.evidence for drug in analogues))
        return Fires("despite-analogue", values, evidence, _omitted(facts))
    stopped = facts.treatment.stopped_analogues
    if facts.treatment.has_analogue_allergy or stopped:
        evidence = all_evidence(facts.function.evidence, (drug.evidence for drug in stopped))
        return Fires("without-analogue", values, evidence, _omitted(facts))
    return unread(facts, "medications") or Silent("a somatostatin analogue was not tried yet and comes first")


def _pointless(facts: Facts) -> Silent | None:
    if not facts.function.is_confirmed:
        return Silent(f"carcinoid syndrome is not confirmed ({facts.function.why})")
    if not _symptoms(facts):
        return Silent("no flushing or diarrhoea is active")
    if facts.tumour.is_benign or not facts.spread.has_liver_metastases:
        return Silent("no liver metastases of a malignant tumour are on record")
    if treated := facts.operations.liver_directed_lately:
        return Silent(f"liver-directed treatment is done or planned: {treated.name}")
    if referral := facts.radiology_referral:
        return Silent(f"interventional radiology: {referral.says}")
    return None


def _symptoms(facts: Facts) -> list[str]:
    present = {"flushing": facts.function.has_flushing, "diarrhoea": facts.function.has_diarrhoea}
    return [name for name, is_active in present.items() if is_active]


def _is_only_drafted(drug: Drug) -> bool:
    """A drug that nobody has given yet cannot have failed."""
    return drug.is_draft or string(drug.resource.get("status")) in ("draft", "intended")


def _omitted(facts: Facts) -> frozenset[str]:
    """No second request for the tumour board."""
    return frozenset({"tumour-board"}) if facts.workup.tumour_board.order else frozenset()


RULE = Rule(
    id="symptom-debulking",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    decide=decide,
    group="pathway",
    holes=frozenset({"symptoms", "analogue"}),
)
