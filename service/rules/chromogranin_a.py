"""N-14: baseline chromogranin A, optional by local policy. Words: ``cards/chromogranin-a.md``."""

from __future__ import annotations

from service.facts import Facts
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import is_low_yield, settled, to_repeat, unread


def decide(facts: Facts) -> Answer:
    """Ask for a chromogranin A; it marks tumour mass, and never proves function."""
    item = facts.workup.chromogranin_a
    if silent := settled(item):
        return silent
    if facts.tumour.is_poorly_differentiated:
        return Silent("chromogranin A is of little use in poorly differentiated disease")
    if facts.function.other_syndromes:
        return Silent("a hormone panel follows this functioning tumour")
    if is_low_yield(facts):
        return Silent("chromogranin A has a low yield in this tumour")
    if repeat := to_repeat(item):
        return repeat
    if unknown := unread(facts, "observations"):
        return unknown
    return _missing(facts)


def _missing(facts: Facts) -> Answer:
    if _baseline_is_lost(facts):
        return Fires("current", evidence=tuple(one.evidence for one in facts.treatment.long_acting_analogues))
    inhibitors = facts.treatment.of("ppi", roles=("ppi",))
    if inhibitors:
        names = ", ".join(sorted({drug.name for drug in inhibitors}))
        return Fires("proton-pump-inhibitor", {"drug": names}, tuple(drug.evidence for drug in inhibitors))
    return Fires("missing" if facts.record.is_known("orders") else "orders-unknown")


def _baseline_is_lost(facts: Facts) -> bool:
    """After this long on an analogue a value is current, no longer a baseline."""
    starts = [drug.starts or drug.authored for drug in facts.treatment.long_acting_analogues]
    return any(start and start.days_before(facts.now) > facts.defaults.baseline_lost_days for start in starts)


RULE = Rule(
    id="chromogranin-a",
    hooks=frozenset({"patient-view"}),
    scope=Scope.WORKUP,
    decide=decide,
    group="workup",
    holes=frozenset({"date", "drug"}),
    waits_in_emergency=True,
)
