"""The rules around an operation, as whole answers."""

from __future__ import annotations

import pytest

from service.engine import HookResult, ask_rules
from service.hooks.card import Card, NotAssessed
from tests.asking import knowledge, result, with_drafts

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

    assert "morphine releases histamine. An alternative named by" in found.detail
    assert found.suggestions == ()


def test_a_warning_does_not_name_the_drug_held_ready_for_rescue() -> None:
    record = f"{OPERATION}; ephedrine IV (draft); norepinephrine rescue (draft)"

    found = card(result(record, "order-sign"), "sympathetic-activation")

    assert "ephedrine" in found.summary
    assert "norepinephrine" not in found.summary + found.detail


@pytest.mark.parametrize(
    "rule_id", ["histamine-release", "sympathetic-activation", "chemotherapy-check", "cholecystectomy"]
)
def test_a_draft_that_could_not_be_read_may_be_the_one_that_matters(rule_id: str) -> None:
    nameless = {"resourceType": "MedicationRequest", "id": "m0", "status": "draft"}
    verdicts = ask_rules(with_drafts(OPERATION, nameless), knowledge())

    (said,) = [verdict.said for verdict in verdicts if verdict.rule.id == rule_id]

    assert [one.section for one in said if isinstance(one, NotAssessed)] == ["drafts"]


def test_octreotide_is_not_offered_where_the_allergies_could_not_be_read() -> None:
    found = card(result(f"{OPERATION}; allergies unknown"), "octreotide-prophylaxis")

    assert "octreotide" not in " ".join(one.label for one in found.suggestions)
    assert found.suggestions != ()


def test_an_insulinoma_alone_reaches_the_rules() -> None:
    assert "insulinoma-ssa" in rules(result("insulinoma 60 days ago"))


def test_insulinoma_stands_in_for_octreotide_cover() -> None:
    found = rules(result("insulinoma; pancreatic enucleation planned in 2 days (draft)", "order-sign"))

    assert "insulinoma-ssa" in found
    assert "octreotide-prophylaxis" not in found


@pytest.mark.parametrize(
    "record",
    [
        "insulinoma; carcinoid syndrome; small-bowel resection planned in 2 days",
        f"{OPERATION}; allergy to octreotide",
        f"{OPERATION}; octreotide infusion (do not perform) 2 days ago",
    ],
)
def test_where_octreotide_cannot_be_given_none_is_suggested(record: str) -> None:
    found = card(result(record), "octreotide-prophylaxis")

    assert [one.label.split()[0] for one in found.suggestions] == ["Refer", "Set"]


@pytest.mark.parametrize(
    ("drug", "sentence"),
    [
        (
            "octreotide PRN taking",
            "octreotide (as needed) for home use is on record. It is not peri-operative",
        ),
        ("octreotide PRN", "octreotide (as needed) is on record to be taken as needed. It is not peri-op"),
        ("octreotide LAR given 2 days ago", "a long-acting analogue, is on record. It is not peri-operative"),
        ("octreotide LAR (do not perform) 3 years ago", "octreotide LAR"),
        ("allergy to lanreotide", "An allergy to lanreotide is on record."),
        ("allergy to octreotide (intolerance)", "An intolerance of octreotide is on record."),
    ],
)
def test_octreotide_that_is_no_cover_is_named(drug: str, sentence: str) -> None:
    found = card(result(f"{OPERATION}; {drug}"), "octreotide-prophylaxis")

    assert sentence in found.detail.replace("\\", "")


def test_nothing_is_named_where_nothing_else_is_on_record() -> None:
    found = card(result(OPERATION), "octreotide-prophylaxis")

    assert "does not bear the word.\n\n**Current guidance differs" in found.detail


def test_the_syndrome_is_suggested_as_a_whole_condition() -> None:
    found = card(result("ileal NET; 5-HIAA 60 mg/24h; flushing"), "carcinoid-syndrome-record")
    created = [action.resource or {} for one in found.suggestions for action in one.actions]
    (resource,) = [one for one in created if one.get("resourceType") == "Condition"]

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
    record = "benign rectal NET 40 days ago; liver metastases 20 days ago; carcinoid syndrome; flushing"
    record += "; lanreotide depot"

    found = rules(result(record))

    assert "discordant-grade" in found
    assert rule_id not in found
