"""X-6: food and drugs that change 5-HIAA. Words: ``cards/hiaa-interference.md``."""

from __future__ import annotations

from service.facts import Facts
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence, unread


def decide(facts: Facts) -> Answer:
    """A raised result beside what raises it, or one within range beside what lowers it."""
    marker = facts.function.current_hiaa
    if marker is None:
        return Silent("no current 5-HIAA that can be judged is on record")
    if facts.function.syndrome_on_problem_list:
        return Silent("carcinoid syndrome is on record and does not rest on the result")
    found = marker.interference if marker.is_high else marker.lowered_by
    if not found:
        return _nothing_found(facts)
    drugs = facts.treatment.of("5hiaa-interference")
    evidence = all_evidence((marker.evidence,), (drug.evidence for drug in drugs if drug.name in found))
    values = {"result": marker.says, "interference": ", ".join(found), "level": facts.function.level.words}
    return Fires("raised" if marker.is_high else "lowered", values, evidence)


def _nothing_found(facts: Facts) -> Answer:
    return unread(facts, "medications") or Silent("nothing on record is known to have changed the 5-HIAA")


RULE = Rule(
    id="hiaa-interference",
    hooks=frozenset({"patient-view"}),
    scope=Scope.WORKUP,
    decide=decide,
    holes=frozenset({"result", "interference", "level"}),
)
