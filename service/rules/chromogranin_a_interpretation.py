"""X-5: a raised chromogranin A beside its confounders. Words: ``cards/chromogranin-a-interpretation.md``."""

from __future__ import annotations

from service.facts import Facts
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence, unread


def decide(facts: Facts) -> Answer:
    """Name what else could have raised the newest result."""
    marker = facts.function.current_chromogranin_a
    if marker is None or not marker.is_high:
        return Silent("no current chromogranin A above its own range is on record")
    confounders = facts.confounders
    inhibitors = ", ".join(dict.fromkeys(drug.name for drug in confounders.inhibitors))
    reasons = [*([inhibitors] if inhibitors else []), *confounders.others]
    if not reasons:
        return _nothing_else(facts)
    evidence = all_evidence(
        (marker.evidence,), (drug.evidence for drug in confounders.inhibitors), confounders.other_evidence
    )
    values = {"result": marker.says, "reasons": ", ".join(dict.fromkeys(reasons))}
    return Fires("proton-pump-inhibitor" if inhibitors else "other-confounder", values, evidence)


def _nothing_else(facts: Facts) -> Answer:
    return unread(facts, "medications", "conditions") or Silent(
        "nothing on record besides the tumour explains the raised chromogranin A"
    )


RULE = Rule(
    id="chromogranin-a-interpretation",
    hooks=frozenset({"patient-view"}),
    scope=Scope.WORKUP,
    decide=decide,
    holes=frozenset({"result", "reasons"}),
)
