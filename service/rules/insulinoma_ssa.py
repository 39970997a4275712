"""X-1: insulinoma, where an analogue can worsen hypoglycaemia. Words: ``cards/insulinoma-ssa.md``."""

from __future__ import annotations

from service.facts import Facts
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence


def decide(facts: Facts) -> Answer:
    """Information on opening the chart; a warning when an analogue or an operation is being ordered."""
    if not facts.function.has_insulinoma:
        return Silent("no insulinoma is on record")
    if facts.context.hook == "patient-view":
        return Fires("on-record", evidence=facts.function.other_syndrome_evidence)
    analogues = facts.treatment.of("somatostatin-analogues", drafts_only=True)
    if analogues:
        names = ", ".join(dict.fromkeys(drug.name for drug in analogues))
        evidence = all_evidence(facts.function.other_syndrome_evidence, (drug.evidence for drug in analogues))
        return Fires("analogue", {"drug": names}, evidence)
    act = next((act for act in facts.plan.needs_anaesthesia if act.is_current), None)
    if act is None:
        return Silent("neither a somatostatin analogue nor an operation is being ordered or booked")
    evidence = all_evidence(facts.function.other_syndrome_evidence, act.evidence)
    return Fires("operation", {"procedure": act.name, "when": act.when}, evidence)


RULE = Rule(
    id="insulinoma-ssa",
    hooks=frozenset({"patient-view", "order-select", "order-sign", "appointment-book"}),
    scope=Scope.SAFETY,
    decide=decide,
    holes=frozenset({"drug", "procedure", "when"}),
)
