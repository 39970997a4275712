"""N-30: the gallbladder at an abdominal operation under an analogue. Words: ``cards/cholecystectomy.md``."""

from __future__ import annotations

from service.facts.drugs import treatment
from service.facts.gallbladder import Gallbladder, biliary
from service.facts.grade import Grade, proliferation
from service.facts.operability import operability
from service.facts.patient import Patient
from service.facts.plan import Kind, PlannedAct, plan
from service.facts.spread import spread
from service.facts.syndrome import function
from service.facts.tumour import tumour
from service.fhir.evidence import Evidence
from service.hook_names import APPOINTMENT_BOOK, ORDER_SELECT, ORDER_SIGN
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence


def decide(patient: Patient) -> Answer:
    """Suggest to think of the gallbladder when the abdomen is opened anyway."""
    act = _operation(patient)
    if act is None:
        return Silent("no-operation-for-analogue" if _is_analogue_drafted(patient) else "no-operation")
    if silent := _pointless(act, patient):
        return silent
    if not _is_analogue_likely(patient):
        return Silent("no-analogue")
    found = biliary(patient)
    if found.gallbladder is not Gallbladder.PRESENT:
        return Silent(found.gallbladder.value, {"says": found.says})
    values = {"procedure": act.name, "when": act.when}
    return Fires(
        "gallstones" if found.stones else "consider",
        values,
        _evidence(act, patient),
        also_rests_on=_rests_on(patient),
    )


def _operation(patient: Patient) -> PlannedAct | None:
    """One in the hook's context; one on record where the analogue is what is being ordered."""
    acts, is_analogue_drafted = plan(patient).of(Kind.ABDOMINAL_SURGERY), _is_analogue_drafted(patient)
    return next((act for act in acts if act.is_current or is_analogue_drafted), None)


def _is_analogue_drafted(patient: Patient) -> bool:
    return any(drug.is_draft for drug in treatment(patient).long_acting_analogues)


def _pointless(act: PlannedAct, patient: Patient) -> Silent | None:
    if tumour(patient).is_benign:
        return Silent("benign")
    if not spread(patient).has_reported_liver_metastases:
        return Silent("no-liver-metastases")
    if tumour(patient).is_poorly_differentiated:
        return Silent("no-long-term-analogue")
    if act.is_emergency:
        return Silent("emergency-operation")
    return Silent("unfit") if operability(patient).unfit else None


def _is_analogue_likely(patient: Patient) -> bool:
    """One in force or drafted; else the syndrome, or G1 or G2, with liver metastases (Y-13)."""
    if treatment(patient).has_analogue or function(patient).is_confirmed:
        return True
    is_low_grade = proliferation(patient).grade in (Grade.G1, Grade.G2)
    is_recorded = spread(patient).has_liver_metastases
    return is_recorded and is_low_grade and operability(patient).resectable is None


def _rests_on(patient: Patient) -> tuple[str, ...]:
    """Without an analogue and the syndrome it rests on nobody calling the metastases resectable."""
    is_plain = treatment(patient).has_analogue or function(patient).is_confirmed
    return () if is_plain else ("imaging", "documents", "observations", "procedures", "orders")


def _evidence(act: PlannedAct, patient: Patient) -> tuple[Evidence, ...]:
    analogues = [drug.evidence for drug in treatment(patient).long_acting_analogues]
    return all_evidence(act.evidence, analogues, spread(patient).evidence, biliary(patient).stones)


RULE = Rule(
    id="cholecystectomy",
    hooks=frozenset({ORDER_SELECT, ORDER_SIGN, APPOINTMENT_BOOK}),
    scope=Scope.TREATMENT,
    care=Care.ALWAYS,
    decide=decide,
    holes=frozenset({"procedure", "when", "says"}),
)
