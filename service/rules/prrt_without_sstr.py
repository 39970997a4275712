"""N-32, guard: PRRT for a tumour not shown to have receptors, or in pregnancy.

Words: ``cards/prrt-without-sstr.md``.
"""

from __future__ import annotations

from service.facts.decision import TreatmentKind, TreatmentOrder
from service.facts.imaging import SstrResult, is_uptake_low, sstr_imaging, sstr_result, told_result
from service.facts.patient import Patient
from service.facts.precautions import precautions
from service.facts.spread import spread
from service.hook_names import ORDER_SIGN
from service.rules.base import Answer, Answers, Care, Fires, Rule, Scope, Silent, Situation
from service.rules.questions import all_evidence, treatment_before

_WORDINGS = {
    SstrResult.NEGATIVE: "negative",
    SstrResult.NO_LESION: "no-lesion",
    SstrResult.NOT_CODED: "not-coded",
    SstrResult.NONE: "missing",
}


def decide(patient: Patient) -> Answers:
    """Receptors and pregnancy are two questions: each is answered by itself."""
    order = treatment_before(patient, TreatmentKind.RADIONUCLIDE)
    if order is None:
        return Silent("no-prrt")
    answers = (_of_pregnancy(order, patient), _of_receptors(order, patient))
    return tuple([one for one in answers if isinstance(one, Fires)]) or Silent("positive")


def _of_pregnancy(order: TreatmentOrder, patient: Patient) -> Fires | None:
    pregnancy = precautions(patient).current_pregnancy
    if pregnancy is None:
        return None
    evidence = all_evidence((pregnancy,), order.evidence)
    return Fires("pregnant", {"treatment": order.name, "pregnancy": pregnancy.says}, evidence)


def _of_receptors(order: TreatmentOrder, patient: Patient) -> Answer:
    """Critical without a positive scan; a warning where a scan was done that shows neither."""
    result = sstr_result(patient)
    evidence = all_evidence(order.evidence, sstr_imaging(patient).evidence)
    if result is SstrResult.POSITIVE:
        is_low = is_uptake_low(patient)
        return Fires("low-uptake", {"treatment": order.name}, evidence) if is_low else Silent("positive")
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
    holes=frozenset({"treatment", "pregnancy"}),
    with_several_primaries=True,
    also_in=frozenset({Situation.COMFORT_CARE}),
    is_overridden_for_user_only=True,
)
