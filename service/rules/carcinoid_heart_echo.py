"""X-2: the heart before an operation in carcinoid syndrome. Words: ``cards/carcinoid-heart-echo.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.plan import Kind, PlannedAct
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence, is_for_this_admission, settled


def decide(facts: Facts) -> Answer:
    """Ask for an echocardiogram or NT-proBNP where surgery is planned in confirmed syndrome."""
    if not facts.function.is_confirmed:
        return Silent(f"carcinoid syndrome is not confirmed ({facts.function.why})")
    act = _operation(facts)
    if act is None:
        return Silent("no operation is planned in this context")
    if silent := settled(facts.workup.echocardiography):
        return silent
    values = {"procedure": act.name, "when": act.when}
    return Fires(_wording(facts), values, all_evidence(act.evidence, facts.function.evidence))


def _operation(facts: Facts) -> PlannedAct | None:
    acts = facts.plan.of(Kind.ABDOMINAL_SURGERY, Kind.OTHER_SURGERY)
    is_admission = facts.context.hook == "encounter-start"
    return next((act for act in acts if not is_admission or is_for_this_admission(act, facts)), None)


def _wording(facts: Facts) -> str:
    if not facts.record.is_known("imaging", "observations", "procedures"):
        return "unverified"
    return "missing" if facts.record.is_known("orders", "appointments") else "orders-unknown"


RULE = Rule(
    id="carcinoid-heart-echo",
    hooks=frozenset({"patient-view", "encounter-start"}),
    scope=Scope.SAFETY,
    decide=decide,
    holes=frozenset({"procedure", "when"}),
    waits_in_emergency=True,
)
