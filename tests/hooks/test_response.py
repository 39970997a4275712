from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from service.hooks.card import Card, Indicator
from service.hooks.response import response_document
from tests.schemas import fault_of
from tests.web.support import a_card, empties

LOWER_CASE_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""Version 7, as RFC 9562 marks it."""


def wire(card: Card) -> dict[str, Any]:
    document = orjson.loads(orjson.dumps(response_document([card])))
    assert fault_of(document, file="response", name="ServiceResponse") is None
    found: dict[str, Any] = document["cards"][0]
    return found


def test_no_cards_make_an_empty_array() -> None:
    assert response_document([]) == {"cards": []}


def test_a_full_card_keeps_the_schema_and_has_every_part() -> None:
    card = wire(a_card())
    assert set(card) == {
        "uuid",
        "summary",
        "detail",
        "indicator",
        "source",
        "suggestions",
        "selectionBehavior",
        "overrideReasons",
        "links",
        "extension",
    }
    assert card["source"]["topic"] == {
        "system": "urn:net-cds:recommendation",
        "code": "workup",
        "display": "Work-up",
    }


def test_the_explanation_names_rules_statements_evidence_and_knowledge() -> None:
    assert wire(a_card())["extension"] == {
        "net-cds.explanation": {
            "recommendations": ["sstr-imaging", "ki67"],
            "statements": ["S15"],
            "evidence": [{"reference": "Condition/net-1", "says": "Neuroendocrine tumour of the ileum"}],
            "notAssessed": [
                {"recommendation": "tnm", "section": "observations", "reason": "the key was not sent"}
            ],
            "knowledge": {"version": "1", "review": "not yet reviewed by a clinician"},
        }
    }


def test_nothing_empty_is_written_for_a_card_of_few_parts() -> None:
    bare = a_card(
        suggestions=(), override_reasons=(), links=(), statements=(), evidence=(), not_assessed=(), detail=""
    )
    card = wire(bare)
    assert not list(empties(card))
    assert not {"suggestions", "selectionBehavior", "overrideReasons", "links", "detail"} & set(card)


def test_every_card_and_suggestion_gets_its_own_lower_case_uuid() -> None:
    cards = response_document([a_card()] * 100)["cards"]
    uuids = [card["uuid"] for card in cards]
    uuids += [suggestion["uuid"] for card in cards for suggestion in card["suggestions"]]
    assert len(set(uuids)) == 300
    assert all(LOWER_CASE_UUID.fullmatch(uuid) for uuid in uuids)


@pytest.mark.parametrize("indicator", list(Indicator))
def test_the_indicator_is_written_in_lower_case(indicator: Indicator) -> None:
    assert wire(a_card(indicator=indicator))["indicator"] == indicator.name.lower()


def test_a_summary_that_is_too_long_or_broken_into_lines_still_fits() -> None:
    summary = wire(a_card(summary="word " * 60 + "\nsecond line"))["summary"]
    assert len(summary) == 139
    assert "\n" not in summary


def test_a_tag_in_the_detail_loses_its_meaning_and_a_comparison_keeps_it() -> None:
    detail = wire(a_card(detail="Ki-67 <3 % <img src=x onerror=alert(1)> </b> <!-- -->"))["detail"]
    assert detail == "Ki-67 <3 % &lt;img src=x onerror=alert(1)> &lt;/b> &lt;!-- -->"


def test_a_card_of_no_rule_stands_for_itself() -> None:
    explanation = wire(a_card(recommendations=()))["extension"]["net-cds.explanation"]
    assert explanation["recommendations"] == ["workup"]
