"""N-15: 5-HIAA, the marker of function, before anaesthesia above all. Words: ``cards/hiaa.md``."""

from __future__ import annotations

from service.facts.decision import TreatmentKind, TreatmentOrder
from service.facts.markers import hiaa
from service.facts.patient import Patient
from service.facts.signals import Function
from service.facts.spread import spread
from service.facts.syndrome import function
from service.facts.tumour import tumour
from service.hook_names import APPOINTMENT_BOOK, ORDER_SIGN, PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import is_low_yield, old, settled, treatment_before

_ASKED_AT = ("midgut", "midgut-or-duodenum", "midgut-or-hindgut", "unknown")
_PROCEDURES = (TreatmentKind.SURGERY, TreatmentKind.LOCOREGIONAL)


def decide(patient: Patient) -> Answer:
    """Ask for 5-HIAA in midgut and unknown primaries, with symptoms, or with liver metastases."""
    item = hiaa(patient)
    if silent := _pointless_here(patient) or settled(item):
        return silent
    procedure = treatment_before(patient, *_PROCEDURES) if _function_matters(patient) else None
    return old(item, procedure) or _missing(procedure)


def _missing(procedure: TreatmentOrder | None) -> Answer:
    if procedure is not None:
        return Fires("before-procedure", {"procedure": procedure.name}, procedure.evidence)
    return Fires("missing")


def _pointless_here(patient: Patient) -> Silent | None:
    if patient.hook != PATIENT_VIEW and not treatment_before(patient, *_PROCEDURES):
        return Silent("no-procedure-ordered")
    symptoms = function(patient)
    if spread(patient).has_reported_liver_metastases or symptoms.has_flushing or symptoms.has_diarrhoea:
        return None
    if is_low_yield(patient) or tumour(patient).region not in _ASKED_AT:
        return Silent("low-yield")
    return None


def _function_matters(patient: Patient) -> bool:
    """Midgut tumour with liver metastases whose function is unknown, just before anaesthesia."""
    found = tumour(patient)
    is_at_risk = (
        found.is_confirmed
        and found.region.startswith("midgut")
        and spread(patient).has_reported_liver_metastases
    )
    return is_at_risk and function(patient).level <= Function.POSSIBLE


RULE = Rule(
    id="hiaa",
    hooks=frozenset({PATIENT_VIEW, ORDER_SIGN, APPOINTMENT_BOOK}),
    scope=Scope.WORKUP,
    care=Care.WORKUP,
    decide=decide,
    group="workup",
    holes=frozenset({"date", "older", "result", "treatment", "procedure"}),
    waits_in_emergency=True,
    done_elsewhere_for="marker_fresh_days",
)
