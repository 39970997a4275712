"""For whom a rule is meant is asked before the rule is."""

from __future__ import annotations

import pytest

from service.engine import ask_rules
from service.hook_names import ALL_HOOKS
from service.rules import RULES, RULES_OF_HOOK
from service.rules.base import Fires, Silent, out_of_scope
from tests.asking import knowledge, patient

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
def test_a_rule_is_asked_exactly_where_it_is_in_scope(situation: str) -> None:
    found = patient(PATIENTS[situation])
    for verdict in ask_rules(found, knowledge()):
        answer = out_of_scope(verdict.rule, found) or verdict.rule.decide(found)
        assert verdict.said == (answer if isinstance(answer, tuple) else (answer,))


def test_the_situations_tell_scopes_apart() -> None:
    found = [patient(record) for record in PATIENTS.values()]
    asked = {
        tuple(out_of_scope(rule, one) is None for one in found) for rule in RULES_OF_HOOK["patient-view"]
    }
    assert len(asked) > 5


def test_every_hook_has_its_rules_in_the_order_of_all() -> None:
    for hook in ALL_HOOKS:
        assert RULES_OF_HOOK[hook] == tuple(rule for rule in RULES if hook in rule.hooks)


def test_a_patient_in_no_scope_hears_nothing() -> None:
    verdicts = ask_rules(patient(PATIENTS["healthy"]), knowledge())
    assert not [verdict for verdict in verdicts for one in verdict.said if isinstance(one, Fires)]


@pytest.mark.parametrize(("record", "because"), [("deceased", "deceased"), ("age 12", "minor")])
def test_a_person_whom_the_algorithm_does_not_mean_is_refused_for_every_rule(
    record: str, because: str
) -> None:
    for verdict in ask_rules(patient(f"ileal NET 60 days ago; {record}"), knowledge()):
        (said,) = verdict.said
        assert isinstance(said, Silent)
        assert said.because == because
