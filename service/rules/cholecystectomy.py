"""N-30: the gallbladder at an abdominal operation under an analogue. Words: ``cards/cholecystectomy.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.gallbladder import Gallbladder
from service.facts.plan import Kind, PlannedAct
from service.fhir.evidence import Evidence
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence, unread


def decide(facts: Facts) -> Answer:
    """Suggest to think of the gallbladder when the abdomen is opened anyway."""
    act = _operation(facts)
    if act is None:
        return Silent("no abdominal operation is being ordered or booked, and no analogue for one")
    if silent := _pointless(facts, act):
        return silent
    if not facts.treatment.has_analogue:
        return _no_analogue(facts)
    biliary = facts.biliary
    if biliary.gallbladder is not Gallbladder.PRESENT:
        return Silent(biliary.why)
    return Fires(_wording(facts), {"procedure": act.name, "when": act.when}, _evidence(facts, act))


def _operation(facts: Facts) -> PlannedAct | None:
    """One in the hook's context; one on record where the analogue is what is being ordered."""
    analogue_is_drafted = any(drug.is_draft for drug in facts.treatment.long_acting_analogues)
    acts = facts.plan.of(Kind.ABDOMINAL_SURGERY)
    return next((act for act in acts if act.is_current or analogue_is_drafted), None)


def _pointless(facts: Facts, act: PlannedAct) -> Silent | None:
    if facts.tumour.is_benign or not facts.spread.has_liver_metastases:
        return Silent("no liver metastases of a malignant tumour are on record")
    if facts.tumour.is_poorly_differentiated:
        return Silent("a long-term analogue is not expected in poorly differentiated disease")
    if act.is_emergency:
        return Silent("the operation is an emergency")
    if facts.operability.unfit:
        return Silent("the patient is described as unfit or frail")
    return None


def _no_analogue(facts: Facts) -> Answer:
    return unread(facts, "medications") or Silent("no somatostatin analogue is active or drafted")


def _wording(facts: Facts) -> str:
    if facts.biliary.stones:
        return "gallstones"
    return "consider" if facts.record.is_known("procedures", "conditions") else "unverified"


def _evidence(facts: Facts, act: PlannedAct) -> tuple[Evidence, ...]:
    analogues = (drug.evidence for drug in facts.treatment.long_acting_analogues)
    return all_evidence(act.evidence, analogues, facts.spread.evidence, facts.biliary.stones)


RULE = Rule(
    id="cholecystectomy",
    hooks=frozenset({"order-select", "order-sign", "appointment-book"}),
    scope=Scope.TREATMENT,
    decide=decide,
    holes=frozenset({"procedure", "when"}),
)
