"""N-5: metastases of the liver alone. Words: ``cards/liver-only-disease.md``."""

from __future__ import annotations

from service.facts.board import tumour_board
from service.facts.grade import Grade, proliferation
from service.facts.imaging import cross_sectional, sstr_imaging
from service.facts.item import Availability
from service.facts.operability import operability
from service.facts.patient import Patient
from service.facts.spread import spread
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.liver import lesions_in_words, treated_lately, without_liver_only_disease


def decide(patient: Patient) -> Answer:
    """Ask the board for surgical and locoregional options; first complete what shows the extent."""
    if silent := without_liver_only_disease(patient) or treated_lately(patient) or _discussed(patient):
        return silent
    if unfit := operability(patient).unfit:
        return Silent("on-record", {"what": unfit.says})
    values, evidence = {"lesions": lesions_in_words(patient)}, spread(patient).evidence
    if proliferation(patient).alert_grade is Grade.G3:
        return Fires("high-grade", values, (*evidence, *proliferation(patient).evidence))
    return Fires(_how_sure(patient), values, evidence)


def _discussed(patient: Patient) -> Silent | None:
    """Section 8: any board note later than the liver finding; an undated note counts."""
    board = tumour_board(patient)
    if board.availability in (Availability.ORDERED, Availability.DECLINED):
        return Silent("board-asked", {"board": board.because})
    return Silent("discussed") if board.is_done and _is_later(patient) else None


def _is_later(patient: Patient) -> bool:
    note, finding = tumour_board(patient).moment, spread(patient).newest
    return note is None or finding is None or not note.precedes(finding)


def _how_sure(patient: Patient) -> str:
    """F-5: confirmed only by cross-sectional and SSTR imaging together."""
    if not sstr_imaging(patient).is_current:
        return "apparent"
    return "confirmed" if cross_sectional(patient).is_current else "apparent-without-sections"


RULE = Rule(
    id="liver-only-disease",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    care=Care.PATHWAY,
    decide=decide,
    group="pathway",
    holes=frozenset({"lesions", "board"}),
)
