"""N-32, guard: PRRT for a tumour not shown to have receptors. Words: ``cards/prrt-without-sstr.md``."""

from __future__ import annotations

from service.facts.decision import TreatmentKind
from service.facts.imaging import SstrResult, sstr_imaging, sstr_result, told_result
from service.facts.patient import Patient
from service.facts.spread import spread
from service.hook_names import ORDER_SIGN
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence, treatment_before

_WORDINGS = {
    SstrResult.NEGATIVE: "negative",
    SstrResult.NO_LESION: "no-lesion",
    SstrResult.NOT_CODED: "not-coded",
    SstrResult.NONE: "missing",
}


def decide(patient: Patient) -> Answer:
    """Critical without a positive scan; a warning where a scan was done that shows neither."""
    order, result = treatment_before(patient, TreatmentKind.RADIONUCLIDE), sstr_result(patient)
    if order is None:
        return Silent("no-prrt")
    if result is SstrResult.POSITIVE:
        return Silent("positive")
    evidence = all_evidence(order.evidence, sstr_imaging(patient).evidence)
    shows_nothing = result is SstrResult.NEGATIVE and told_result(patient) is SstrResult.NO_LESION
    # Whether the primary is still there to be shown stands among the procedures; metastases do not.
    is_by_primary = shows_nothing and not spread(patient).is_metastatic
    wording = "nothing-shown" if is_by_primary else _WORDINGS[result]
    return Fires(wording, {"treatment": order.name}, evidence)


RULE = Rule(
    id="prrt-without-sstr",
    hooks=frozenset({ORDER_SIGN}),
    scope=Scope.SAFETY,
    care=Care.ALWAYS,
    decide=decide,
    holes=frozenset({"treatment"}),
    with_several_primaries=True,
    is_overridden_for_user_only=True,
)
