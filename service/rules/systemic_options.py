"""N-9: from a Ki-67 of 10 % on the choice of a drug is the board's. Words: ``cards/systemic-options.md``."""

from __future__ import annotations

from service.facts.board import tumour_board
from service.facts.decision import TreatmentKind
from service.facts.drugs import Drug, treatment
from service.facts.grade import proliferation
from service.facts.imaging import SstrResult, sstr_imaging, sstr_result
from service.facts.operability import operability
from service.facts.patient import Patient
from service.facts.progression import progression
from service.facts.spread import spread
from service.facts.tumour import Differentiation, differentiation_in_words, tumour
from service.hook_names import ORDER_SELECT, PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence, not_advanced, treatment_before

_SYSTEMIC = (
    *(TreatmentKind.ANALOGUE, TreatmentKind.CHEMOTHERAPY),
    *(TreatmentKind.TARGETED, TreatmentKind.RADIONUCLIDE),
)


def decide(patient: Patient) -> Answer:
    """No drug is named as the right one; a trial is, where it enrolled such patients."""
    if patient.hook == ORDER_SELECT and not treatment_before(patient, *_SYSTEMIC):
        return Silent("no-systemic-treatment")
    return not_advanced(patient) or _tumour_does_not_fit(patient) or _treated(patient) or _fires(patient)


def _tumour_does_not_fit(patient: Patient) -> Silent | None:
    """The upper end of a range decides."""
    found, limits, kind = proliferation(patient), patient.defaults, tumour(patient).differentiation
    if kind in (Differentiation.POOR, Differentiation.MIXED):
        return Silent("not-well-differentiated", {"differentiation": differentiation_in_words(patient)})
    highest = found.highest_ki67_percent
    if highest is None or found.is_open_ended:
        return Silent("no-upper-end")
    if highest < limits.board_ki67_from_percent:
        return Silent("ki67-lower")
    return Silent("ki67-higher") if highest > limits.board_ki67_to_percent else None


def _treated(patient: Patient) -> Silent | None:
    """A treatment in force is a choice that was made, unless the tumour has grown since."""
    for drug in _in_force(patient):
        begun = drug.starts or drug.authored
        if not (begun and progression(patient).after(begun)):
            return Silent("treated", {"drug": drug.name})
    return None


def _in_force(patient: Patient) -> tuple[Drug, ...]:
    drugs = treatment(patient)
    others = (
        *drugs.of("systemic-antitumour", roles=("cytotoxic", "targeted")),
        *drugs.of("prrt-procedures", roles=("drug",)),
    )
    return tuple([one for one in (*drugs.long_acting_analogues, *others) if not one.is_draft])


def _fires(patient: Patient) -> Fires:
    unresectable, board = operability(patient).unresectable, tumour_board(patient)
    return Fires(
        _wording(patient),
        {
            "value": "; ".join([count.says for count in proliferation(patient).ki67]),
            "later_trials": _later_trials(patient),
        },
        all_evidence(
            proliferation(patient).evidence,
            spread(patient).evidence,
            (unresectable,) if unresectable else (),
            sstr_imaging(patient).evidence,
        ),
        omit=frozenset({"tumour-board"}) if board.is_settled else frozenset(),
    )


def _later_trials(patient: Patient) -> str:
    """What trials of progressive or treated disease say, each only of patients like this one."""
    highest, limit = proliferation(patient).highest_ki67_percent, patient.defaults.compete_ki67_to_percent
    if tumour(patient).differentiation is Differentiation.UNKNOWN:
        return ""
    is_low = highest is not None and highest <= limit
    is_compete = is_low and bool(progression(patient).found) and sstr_result(patient) is SstrResult.POSITIVE
    is_cabinet = any(drug.is_in("systemic-antitumour") for drug in _in_force(patient))
    told = {"systemic.compete": is_compete, "systemic.cabinet": is_cabinet}
    return " ".join([patient.phrases(key) for key, is_told in told.items() if is_told])


def _wording(patient: Patient) -> str:
    """The trial enrolled tumours that are well differentiated and show receptors."""
    if tumour(patient).differentiation is not Differentiation.WELL:
        return "differentiation-not-stated"
    result = sstr_result(patient)
    if result is SstrResult.NEGATIVE:
        return "no-receptors"
    return "receptors" if result is SstrResult.POSITIVE else "receptors-not-shown"


RULE = Rule(
    id="systemic-options",
    hooks=frozenset({PATIENT_VIEW, ORDER_SELECT}),
    scope=Scope.TREATMENT,
    care=Care.SYSTEMIC,
    decide=decide,
    group="pathway",
    holes=frozenset({"later_trials", "value", "says", "differentiation", "drug"}),
)
