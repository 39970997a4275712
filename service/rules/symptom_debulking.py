"""N-25: less tumour mass where symptoms go on despite an analogue. Words: ``cards/symptom-debulking.md``."""

from __future__ import annotations

from service.facts.board import tumour_board
from service.facts.drugs import treatment
from service.facts.objections import has_allergy_to_analogue
from service.facts.operations import operations
from service.facts.orders import radiology_referral
from service.facts.patient import Patient
from service.facts.spread import spread
from service.facts.syndrome import function
from service.facts.tumour import tumour
from service.hook_names import PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence


def decide(patient: Patient) -> Answer:
    """Name the option where symptoms are active, the liver is involved and an analogue is not enough."""
    if silent := _pointless(patient):
        return silent
    # A drug that nobody has given yet cannot have failed.
    found = treatment(patient)
    given = [one for one in found.long_acting_analogues if not (one.is_draft or one.resource.is_only_meant)]
    values, shown = {"symptoms": _symptoms(patient)}, function(patient).evidence
    if given:
        values["analogue"] = ", ".join(dict.fromkeys([drug.name for drug in given]))
        evidence = all_evidence(shown, [drug.evidence for drug in given])
        return Fires("despite-analogue", values, evidence, _omitted(patient))
    if found.stopped_analogues or has_allergy_to_analogue(patient):
        evidence = all_evidence(shown, [drug.evidence for drug in found.stopped_analogues])
        return Fires("without-analogue", values, evidence, _omitted(patient))
    return Silent("not-tried")


def _pointless(patient: Patient) -> Silent | None:
    if not function(patient).is_confirmed:
        return Silent("not-confirmed", {"why": function(patient).why})
    if not _symptoms(patient):
        return Silent("no-symptoms")
    if tumour(patient).is_benign:
        return Silent("benign")
    if not spread(patient).has_liver_metastases:
        return Silent("no-liver-metastases")
    return _asked_for_already(patient)


def _asked_for_already(patient: Patient) -> Silent | None:
    if treated := operations(patient).liver_directed_lately:
        return Silent("liver-treated", {"treatment": treated.name})
    referral = radiology_referral(patient)
    return Silent("referred", {"says": referral.says}) if referral else None


def _symptoms(patient: Patient) -> str:
    found = function(patient)
    present = {"flushing": found.has_flushing, "diarrhoea": found.has_diarrhoea}
    names = [patient.phrases(f"symptom.{name}") for name, is_active in present.items() if is_active]
    return patient.phrases("list.and").join(names)


def _omitted(patient: Patient) -> frozenset[str]:
    """No second request for the tumour board."""
    return frozenset({"tumour-board"}) if tumour_board(patient).order else frozenset()


RULE = Rule(
    id="symptom-debulking",
    hooks=frozenset({PATIENT_VIEW}),
    scope=Scope.TREATMENT,
    care=Care.SYMPTOMS,
    decide=decide,
    group="pathway",
    holes=frozenset({"symptoms", "analogue", "why", "treatment", "says"}),
)
