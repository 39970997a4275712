"""Rules of one audience are refused alike, which the engine asks only once for all of them."""

from __future__ import annotations

import pytest

from service.engine import ask_rules
from service.rules import RULES, RULES_OF_HOOK
from service.rules.base import ALL_HOOKS, Fires, out_of_scope
from tests.asking import facts, knowledge

PATIENTS = {
    "confirmed": "ileal NET 60 days ago",
    "suspected": "ileal NET (suspected) 60 days ago",
    "of the lung": "NET morphology 8240/3 of the lung 60 days ago",
    "mixed": "NET morphology 8244/3 of the ileum 60 days ago",
    "two primaries": "ileal NET 60 days ago; pancreatic NET 50 days ago",
    "emergency": "ileal NET 60 days ago; small-bowel resection planned (stat)",
    "no tumour": "carcinoid syndrome 60 days ago",
    "healthy": "",
}


@pytest.mark.parametrize("situation", PATIENTS)
def test_the_engine_refuses_a_rule_exactly_where_the_rule_is_out_of_scope(situation: str) -> None:
    found = facts(PATIENTS[situation])
    for verdict in ask_rules(found, knowledge()):
        refusal = out_of_scope(verdict.rule, found)
        if refusal is not None:
            assert verdict.answers == (refusal,)
        else:
            answer = verdict.rule.decide(found)
            assert verdict.answers == (answer if isinstance(answer, tuple) else (answer,))


def test_the_situations_tell_audiences_apart() -> None:
    refused = {
        rule.audience: tuple(out_of_scope(rule, facts(record)) is None for record in PATIENTS.values())
        for rule in RULES_OF_HOOK["patient-view"]
    }
    assert len(set(refused.values())) > 5


def test_every_hook_has_its_rules_in_the_order_of_all() -> None:
    for hook in ALL_HOOKS:
        assert RULES_OF_HOOK[hook] == tuple(rule for rule in RULES if hook in rule.hooks)


def test_a_patient_in_no_scope_hears_nothing() -> None:
    verdicts = ask_rules(facts(PATIENTS["healthy"]), knowledge())
    assert not [verdict for verdict in verdicts for answer in verdict.answers if isinstance(answer, Fires)]
