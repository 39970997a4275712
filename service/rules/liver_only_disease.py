"""N-5: metastases of the liver alone. Words: ``cards/liver-only-disease.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.proliferation import Grade
from service.facts.workup import Availability
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import lesions_in_words, without_liver_only_disease


def decide(facts: Facts) -> Answer:
    """Ask the board for surgical and locoregional options; first complete what shows the extent."""
    if silent := without_liver_only_disease(facts) or _discussed(facts):
        return silent
    if facts.operability.unfit:
        return Silent(f"on record: {facts.operability.unfit.says}")
    values, evidence = {"lesions": lesions_in_words(facts)}, facts.spread.evidence
    if facts.proliferation.alert_grade is Grade.G3:
        return Fires("high-grade", values, (*evidence, *facts.proliferation.evidence))
    return Fires(_how_sure(facts), values, evidence)


def _discussed(facts: Facts) -> Silent | None:
    """Section 8: any board note later than the liver finding; an undated note counts."""
    board, finding = facts.workup.tumour_board, facts.spread.newest
    if board.availability in (Availability.ORDERED, Availability.DECLINED):
        return Silent(f"a tumour-board review is {board.because}")
    if board.is_done and (
        board.moment is None or finding is None or board.moment.instant.date() >= finding.instant.date()
    ):
        return Silent("a tumour-board note is later than the liver finding")
    return None


def _how_sure(facts: Facts) -> str:
    """F-5: confirmed only by cross-sectional and SSTR imaging together."""
    has_sections, has_receptors = facts.workup.cross_sectional.is_done, facts.workup.sstr_imaging.is_done
    if has_sections and has_receptors:
        return "confirmed"
    if not facts.record.is_known("imaging"):
        return "unverified"
    return "apparent-without-sections" if has_receptors else "apparent"


RULE = Rule(
    id="liver-only-disease",
    hooks=frozenset({"patient-view"}),
    scope=Scope.TREATMENT,
    decide=decide,
    group="pathway",
    holes=frozenset({"lesions"}),
)
