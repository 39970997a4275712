"""N-12: everything through a NET tumour board before treatment. Words: ``cards/tumour-board.md``."""

from __future__ import annotations

from dataclasses import replace

from service.facts.board import tumour_board
from service.facts.decision import TreatmentKind
from service.facts.operations import primary_resection
from service.facts.patient import Patient
from service.facts.spread import Extent, spread
from service.facts.syndrome import function
from service.facts.tumour import tumour
from service.hook_names import ENCOUNTER_START, ORDER_SIGN, PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import (
    irreversible_treatment,
    is_low_yield,
    nothing_to_decide,
    old,
    settled,
    treatment_before,
    where_size_stands,
)


def decide(patient: Patient) -> Answer:
    """Ask for a tumour-board review; notes are recognised by words, so absence is weak evidence."""
    item = tumour_board(patient)
    if silent := nothing_to_decide(patient) or settled(item) or _must_not_wait(patient):
        return silent
    return _unless_tiny(old(item, irreversible_treatment(patient)) or _missing(patient), patient)


def _unless_tiny(fires: Fires, patient: Patient) -> Fires:
    """After a resection the size that would silence the card may stand in what was not read."""
    is_open = where_size_stands(patient) if primary_resection(patient) else ()
    return replace(fires, also_rests_on=is_open)


def _must_not_wait(patient: Patient) -> Silent | None:
    if is_low_yield(patient) and primary_resection(patient):
        return Silent("small-and-removed")
    treatment = treatment_before(patient)
    is_analogue = treatment is not None and treatment.kind is TreatmentKind.ANALOGUE
    return Silent("analogue-against-symptoms") if is_analogue and function(patient).is_likely else None


def _missing(patient: Patient) -> Fires:
    treatment = treatment_before(patient) if tumour(patient).is_confirmed else None
    if treatment is not None:
        wording = "before-irreversible-treatment" if treatment.is_irreversible else "before-treatment"
        return Fires(wording, {"treatment": treatment.name}, treatment.evidence)
    if spread(patient).extent is Extent.UNCLEAR_ORIGIN:
        return Fires("origin-unclear", evidence=spread(patient).evidence)
    return Fires("missing")


RULE = Rule(
    id="tumour-board",
    hooks=frozenset({PATIENT_VIEW, ENCOUNTER_START, ORDER_SIGN}),
    scope=Scope.WORKUP,
    care=Care.WORKUP,
    decide=decide,
    group="workup",
    holes=frozenset({"date", "older", "treatment", "because"}),
    waits_in_emergency=True,
    with_several_primaries=True,
    with_mixed_tumour=True,
    done_elsewhere_for="board_fresh_days",
)
