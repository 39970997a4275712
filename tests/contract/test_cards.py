"""Cards and what is in them: sections 1.9 to 1.14 of the requirements."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from flask.testing import FlaskClient
from markdown_it import MarkdownIt

from service.hooks.card import Indicator
from service.hooks.response import response_document
from tests.contract.support import REQUESTS, chart, post
from tests.schemas import fault_of
from tests.web.support import a_card

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HL7 = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
CARD_MEMBERS = {
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
Pairs = list[tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture(scope="module")
def issued(service: FlaskClient) -> Pairs:
    """Every card that any chart of fhir_fixtures gets, each with its request."""
    pairs = []
    for path in REQUESTS:
        request = orjson.loads(path.read_bytes())
        pairs += [(request, card) for card in post(service, request).get_json()["cards"]]
    assert len(pairs) > 20
    return pairs


@pytest.fixture(scope="module")
def cards(issued: Pairs) -> list[dict[str, Any]]:
    return [card for _, card in issued]


@pytest.fixture(scope="module")
def suggestions(cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [suggestion for card in cards for suggestion in card.get("suggestions", [])]
    assert found
    return found


@pytest.fixture(scope="module")
def actions(suggestions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [action for suggestion in suggestions for action in suggestion["actions"]]


@pytest.mark.conformance("CARD-1", "SUG-2")
def test_every_card_and_suggestion_has_a_uuid_of_its_own(
    cards: list[dict[str, Any]], suggestions: list[dict[str, Any]]
) -> None:
    uuids = Counter(each["uuid"] for each in [*cards, *suggestions])
    assert set(uuids.values()) == {1}
    assert all(UUID.fullmatch(uuid) for uuid in uuids)


@pytest.mark.conformance("CARD-2")
def test_summaries_are_one_line_of_at_most_139_characters(cards: list[dict[str, Any]]) -> None:
    for card in cards:
        assert 1 <= len(card["summary"]) <= 139
        assert card["summary"].splitlines() == [card["summary"]]


@pytest.mark.conformance("CARD-2")
def test_a_chart_with_long_names_makes_no_summary_too_long(service: FlaskClient) -> None:
    request = chart()
    for entry in request["prefetch"]["serviceRequests"]["entry"]:
        entry["resource"]["code"]["text"] += " and " + "a further resection " * 20
    summaries = [card["summary"] for card in post(service, request).get_json()["cards"]]
    assert summaries
    assert all(len(summary) <= 139 for summary in summaries)


@pytest.mark.conformance("CARD-3")
def test_details_are_markdown_without_html(cards: list[dict[str, Any]]) -> None:
    reader = MarkdownIt("commonmark")
    for card in cards:
        tokens = reader.parse(card["detail"])
        kinds = {token.type for token in tokens}
        kinds |= {child.type for token in tokens for child in token.children or ()}
        assert not kinds & {"html_block", "html_inline"}


@pytest.mark.conformance("CARD-3")
def test_markup_in_the_chart_shows_as_text(service: FlaskClient) -> None:
    request = chart()
    for key in ("conditions", "serviceRequests"):
        for entry in request["prefetch"][key]["entry"]:
            text = entry["resource"]["code"].get("text", "")
            entry["resource"]["code"]["text"] = (
                f"{text} <img src=x onerror=alert(1)> [x](https://evil.example.org)"
            )
    found = post(service, request).get_json()["cards"]
    assert found
    for card in found:
        html = MarkdownIt("commonmark").render(card["detail"])
        assert "<img" not in html
        assert 'evil.example.org"' not in html


@pytest.mark.conformance("CARD-4")
def test_indicators_are_the_three(cards: list[dict[str, Any]]) -> None:
    assert {card["indicator"] for card in cards} <= {"info", "warning", "critical"}
    written = response_document([a_card(indicator=each) for each in Indicator])["cards"]
    assert [card["indicator"] for card in written] == ["info", "warning", "critical"]


@pytest.mark.conformance("CARD-12")
def test_the_most_urgent_card_comes_first_and_there_are_at_most_five(service: FlaskClient) -> None:
    order = ["critical", "warning", "info"]
    for path in REQUESTS:
        found = post(service, orjson.loads(path.read_bytes())).get_json()["cards"]
        ranks = [order.index(card["indicator"]) for card in found]
        assert ranks == sorted(ranks)
        assert len(found) <= 5


@pytest.mark.conformance("CARD-6", "CARD-7", "CARD-8", "SUG-4")
def test_suggestions_and_their_behaviour_come_together(cards: list[dict[str, Any]]) -> None:
    for card in cards:
        assert ("suggestions" in card) == ("selectionBehavior" in card)
        if "suggestions" in card:
            assert card["suggestions"]
            assert card["selectionBehavior"] in ("any", "at-most-one")
            assert all(suggestion["actions"] for suggestion in card["suggestions"])


@pytest.mark.conformance("CARD-5", "CARD-11", "SRC-1", "SRC-2", "SRC-4", "CODING-1")
def test_sources_are_named_and_the_topic_is_the_rule(cards: list[dict[str, Any]]) -> None:
    for card in cards:
        source = card["source"]
        assert source["label"].strip()
        if "url" in source:
            assert urlsplit(source["url"]).scheme in ("http", "https")
            assert urlsplit(source["url"]).hostname
        assert source["topic"]["system"] == "urn:net-cds:recommendation"
        assert re.fullmatch(r"[a-z0-9-]+", source["topic"]["code"])


@pytest.mark.conformance("CARD-9", "OVR-1", "OVR-2", "OVR-3", "CODING-2")
def test_every_card_offers_reasons_for_declining_with_hl7s_codes(cards: list[dict[str, Any]]) -> None:
    for card in cards:
        reasons = card["overrideReasons"]
        assert all(reason["code"] and reason["system"] and reason["display"] for reason in reasons)
        assert any(reason["system"] == HL7 for reason in reasons)
        assert len({(reason["system"], reason["code"]) for reason in reasons}) == len(reasons)


@pytest.mark.conformance("CARD-10", "LNK-1", "LNK-2", "LNK-3", "LNK-4", "LNK-5")
def test_links_are_absolute_and_complete(cards: list[dict[str, Any]]) -> None:
    (made,) = response_document([a_card()])["cards"]
    for card in [*cards, made]:
        assert card.get("links") != []
        for link in card.get("links", []):
            assert set(link) == {"label", "url", "type"}
            assert link["type"] == "absolute"
            assert link["label"].strip()
            assert urlsplit(link["url"]).scheme in ("http", "https")
            assert urlsplit(link["url"]).hostname


@pytest.mark.conformance("LNK-8")
def test_addresses_hold_nothing_of_the_chart(issued: Pairs) -> None:
    for request, card in issued:
        addresses = [card["source"].get("url", ""), *(link["url"] for link in card.get("links", []))]
        for address in addresses:
            assert request["context"]["patientId"] not in address
            assert request["hookInstance"] not in address


@pytest.mark.conformance("SUG-1")
def test_suggestions_are_labelled(suggestions: list[dict[str, Any]]) -> None:
    assert all(suggestion["label"].strip() for suggestion in suggestions)


@pytest.mark.conformance("SUG-3")
def test_only_one_suggestion_is_recommended_where_one_may_be_chosen(cards: list[dict[str, Any]]) -> None:
    for card in cards:
        recommended = [each for each in card.get("suggestions", []) if each.get("isRecommended")]
        assert len(recommended) <= 1 or card["selectionBehavior"] == "any"
    two = [{"label": "a", "isRecommended": True}, {"label": "b", "isRecommended": True}]
    wrong = {"summary": "s", "indicator": "info", "source": {"label": "l"}, "suggestions": two}
    document = {"cards": [wrong | {"selectionBehavior": "at-most-one"}]}
    assert fault_of(document, file="response", name="ServiceResponse") is not None


@pytest.mark.conformance("ACT-1", "ACT-2", "ACT-3", "ACT-6")
def test_actions_create_whole_resources_and_say_so(actions: list[dict[str, Any]]) -> None:
    assert actions
    for action in actions:
        assert set(action) == {"type", "description", "resource"}
        assert action["type"] in ("create", "update")
        assert action["description"].strip()
        assert action["resource"]["resourceType"]


@pytest.mark.conformance("ACT-3", "ACT-4")
def test_only_an_update_carries_an_id(actions: list[dict[str, Any]]) -> None:
    for action in actions:
        assert ("id" in action["resource"]) == (action["type"] == "update")


@pytest.mark.conformance("ACT-7")
def test_suggested_orders_are_drafts_for_the_patient_of_the_context(issued: Pairs) -> None:
    for request, card in issued:
        for suggestion in card.get("suggestions", []):
            for action in suggestion["actions"]:
                resource = action["resource"]
                patient = f"Patient/{request['context']['patientId']}"
                assert resource.get("subject", resource.get("patient"))["reference"] == patient
                if resource["resourceType"].endswith("Request"):
                    assert (resource["status"], resource["intent"]) == ("draft", "proposal")


@pytest.mark.conformance("EXT-2", "EXT-4", "SUG-6")
def test_no_members_of_our_own_stand_outside_the_extension(cards: list[dict[str, Any]]) -> None:
    for card in cards:
        assert set(card) <= CARD_MEMBERS
        assert isinstance(card["extension"]["net-cds.explanation"], dict)
        for suggestion in card.get("suggestions", []):
            assert set(suggestion) <= {"label", "uuid", "isRecommended", "actions"}


@pytest.mark.conformance("SYS-2")
def test_nothing_is_changed_unasked(service: FlaskClient) -> None:
    for path in REQUESTS:
        assert set(post(service, orjson.loads(path.read_bytes())).get_json()) == {"cards"}


def test_the_explanation_names_rules_evidence_and_the_state_of_review(cards: list[dict[str, Any]]) -> None:
    for card in cards:
        explanation = card["extension"]["net-cds.explanation"]
        assert explanation["recommendations"]
        assert explanation["knowledge"]["version"]
        assert explanation["knowledge"]["review"] == "not yet reviewed by a clinician"
        for evidence in explanation.get("evidence", []):
            assert re.fullmatch(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]+", evidence["reference"])
