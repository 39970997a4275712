from __future__ import annotations

from dataclasses import fields

import pytest

from service.facts.defaults import Defaults
from service.rules import RULES
from service.rules.base import Rule
from service.rules.key_facts import _KEY_FACTS
from tests.asking import knowledge


def test_the_table_names_rules_only() -> None:
    assert set(_KEY_FACTS) <= {rule.id for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_an_override_needs_of_a_rule_is_there(rule: Rule) -> None:
    wordings = knowledge().cards[rule.id].wordings
    assert rule.done_elsewhere_for in {field.name for field in fields(Defaults)}
    assert {*rule.when_declined, *rule.when_declined.values()} <= set(wordings)
