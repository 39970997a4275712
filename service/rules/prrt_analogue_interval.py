"""X-10: a somatostatin analogue too shortly before PRRT. Words: ``cards/prrt-analogue-interval.md``."""

from __future__ import annotations

from service.facts.drugs import Drug
from service.facts.interval import analogues_before, is_analogue_being_ordered, radionuclide
from service.facts.patient import Patient
from service.facts.syndrome import function
from service.hook_names import APPOINTMENT_BOOK, ORDER_SELECT, ORDER_SIGN
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence


def decide(patient: Patient) -> Answer:
    """The loudest of what is known: a dose too late, one whose date is not stated, one that runs."""
    given = radionuclide(patient)
    if given is None:
        return Silent("no-prrt-planned" if is_analogue_being_ordered(patient) else "no-prrt")
    found = analogues_before(given, patient)
    wordings = {
        "long-acting": found.too_late,
        "last-dose-not-stated": found.without_last_dose,
        "short-acting": found.running,
    }
    for wording, drugs in wordings.items():
        if drugs:
            evidence = all_evidence(given.evidence, [one.evidence for one in drugs])
            return Fires(wording, _values(given.name, drugs, patient), evidence)
    return Silent("no-analogue")


def _values(treatment: str, drugs: tuple[Drug, ...], patient: Patient) -> dict[str, str]:
    is_likely = function(patient).is_likely
    return {
        "treatment": treatment,
        "analogue": ", ".join(dict.fromkeys([one.name for one in drugs])),
        "stated": "; ".join(dict.fromkeys([one.evidence.says for one in drugs])),
        "symptoms": patient.phrases("prrt.symptoms") if is_likely else "",
    }


RULE = Rule(
    id="prrt-analogue-interval",
    hooks=frozenset({ORDER_SELECT, ORDER_SIGN, APPOINTMENT_BOOK}),
    scope=Scope.SAFETY,
    care=Care.ALWAYS,
    decide=decide,
    holes=frozenset({"treatment", "analogue", "stated", "symptoms"}),
    with_several_primaries=True,
)
