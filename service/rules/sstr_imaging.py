"""N-16 and N-28: somatostatin-receptor imaging that was never done. Words: ``cards/sstr-imaging.md``."""

from __future__ import annotations

from service.facts import Facts
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import (
    all_evidence,
    is_low_yield,
    nothing_to_decide,
    settled,
    to_repeat,
    treatment_before,
)


def decide(facts: Facts) -> Answer:
    """Ask for SSTR imaging; a plain or FDG PET is not SSTR imaging."""
    item = facts.workup.sstr_imaging
    if silent := nothing_to_decide(facts) or settled(item) or _not_meant(facts):
        return silent
    if facts.tumour.is_poorly_differentiated:
        return _carcinoma(facts)
    if repeat := to_repeat(item):
        return repeat
    if not facts.record.is_known("imaging"):
        return Fires("unverified")
    if not facts.record.is_known("orders"):
        return Fires("orders-unknown", evidence=facts.workup.cross_sectional.evidence)
    return _missing(facts)


def _not_meant(facts: Facts) -> Silent | None:
    if is_low_yield(facts):
        return Silent("SSTR imaging has a low yield in this tumour")
    if pregnancy := facts.precautions.current_pregnancy:
        return Silent(f"SSTR imaging is not meant for pregnant patients; on record: {pregnancy.says}")
    return None


def _carcinoma(facts: Facts) -> Answer:
    """FDG PET is preferred in poorly differentiated disease."""
    if facts.workup.fdg_done:
        return Silent("poorly differentiated, and FDG PET is done")
    return Fires("carcinoma") if facts.record.is_known("imaging") else Fires("unverified")


def _missing(facts: Facts) -> Answer:
    """N-28 replaces N-16 where conventional imaging alone was done."""
    sections = facts.workup.cross_sectional
    conventional_only = sections.is_done and not facts.workup.sstr_imaging.was_ever_done
    treatment = treatment_before(facts) if facts.tumour.is_confirmed else None
    if treatment is not None:
        wording = "conventional-only-before-treatment" if conventional_only else "before-treatment"
        evidence = all_evidence(treatment.evidence, sections.evidence)
        return Fires(wording, {"treatment": treatment.name}, evidence)
    return Fires("conventional-only" if conventional_only else "missing", evidence=sections.evidence)


RULE = Rule(
    id="sstr-imaging",
    hooks=frozenset({"patient-view", "order-select", "order-sign"}),
    scope=Scope.WORKUP,
    decide=decide,
    holes=frozenset({"date", "treatment"}),
    waits_in_emergency=True,
    with_several_primaries=True,
)
