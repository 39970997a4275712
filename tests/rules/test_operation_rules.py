"""The rules around an operation, as whole answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from service.engine import HookResult
from service.hooks.card import Card
from tests.asking import result

OPERATION = "ileal NET 200 days ago; carcinoid syndrome 180 days ago; small-bowel resection planned in 2 days"


def card(found: HookResult, rule_id: str) -> Card:
    (only,) = [one for one in found.cards if rule_id in one.recommendations]
    return only


def rules(found: HookResult) -> list[str]:
    return [rule_id for one in found.cards for rule_id in one.recommendations]


def test_several_drugs_are_named_on_one_card() -> None:
    drugs = ("morphine IV", "atracurium IV", "mivacurium IV", "meperidine IV", "succinylcholine IV")
    record = f"{OPERATION}; {'; '.join(f'{drug} (draft)' for drug in drugs)}"

    found = card(result(record, "order-sign"), "histamine-release")

    named = "each of morphine, atracurium, mivacurium, meperidine and succinylcholine releases histamine"
    assert named in found.detail
    assert len({one.reference for one in found.evidence if "MedicationRequest" in one.reference}) == len(
        drugs
    )


def test_one_drug_is_named_alone() -> None:
    found = card(result(f"{OPERATION}; morphine IV (draft)", "order-sign"), "histamine-release")

    assert "morphine releases histamine; in carcinoid syndrome prefer e.g." in found.detail
    assert found.suggestions == ()


def test_a_warning_does_not_name_the_drug_held_ready_for_rescue() -> None:
    record = f"{OPERATION}; ephedrine IV (draft); norepinephrine rescue (draft)"

    found = card(result(record, "order-sign"), "sympathetic-activation")

    assert "ephedrine" in found.summary
    assert "norepinephrine" not in found.summary + found.detail


def test_an_insulinoma_alone_reaches_the_rules() -> None:
    assert "insulinoma-ssa" in rules(result("insulinoma 60 days ago"))


@pytest.mark.parametrize(
    ("record", "hook"),
    [
        ("insulinoma; pancreatic enucleation planned in 2 days (draft)", "order-sign"),
        ("insulinoma; carcinoid syndrome; small-bowel resection planned in 2 days", "patient-view"),
    ],
)
def test_insulinoma_stands_in_for_octreotide_cover(record: str, hook: str) -> None:
    found = rules(result(record, hook))

    assert "insulinoma-ssa" in found
    assert "octreotide-prophylaxis" not in found


def test_the_syndrome_is_suggested_as_a_whole_condition() -> None:
    found = card(result("ileal NET; 5-HIAA 60 mg/24h; flushing"), "carcinoid-syndrome-record")
    (suggestion,) = found.suggestions
    resource: Mapping[str, Any] = suggestion.actions[0].resource or {}

    assert resource["resourceType"] == "Condition"
    assert resource["subject"] == {"reference": "Patient/patient-1"}
    assert {coding["code"] for coding in resource["code"]["coding"]} == {"E34.00", "35868009"}
    assert resource["verificationStatus"]["coding"][0]["code"] == "provisional"


def test_both_values_stand_on_the_card_of_a_discordant_grade() -> None:
    record = "ileal NET 200 days ago; Ki-67 2 % specimen primary 190 days ago; Ki-67 12 % specimen liver"

    found = card(result(record), "discordant-grade")

    assert "Ki-67 2 % (primary tumour" in found.detail
    assert "Ki-67 12 % (metastasis" in found.detail


@pytest.mark.parametrize(
    "rule_id",
    ["liver-only-disease", "somatostatin-analogue", "symptom-debulking", "primary-despite-metastases"],
)
def test_a_benign_code_with_a_metastasis_gets_no_metastatic_rule(rule_id: str) -> None:
    record = "benign rectal NET 40 days ago; liver metastases; carcinoid syndrome; flushing; lanreotide depot"

    found = rules(result(record))

    assert "discordant-grade" in found
    assert rule_id not in found
