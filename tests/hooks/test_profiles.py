from __future__ import annotations

import re
from typing import Any

from service.hooks.profiles import adapted
from service.rules import RULES

_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def _document() -> dict[str, Any]:
    drug = {"coding": [{"system": _RXNORM, "code": "7617", "display": "Octreotide"}], "text": "Octreotide"}
    test = {"coding": [{"system": "http://loinc.org", "code": "36813-4"}]}
    actions = [{"type": "create", "resource": {"medicationCodeableConcept": drug, "code": test}}]
    topic = {"system": "urn:net-cds:recommendation", "code": "sstr-imaging"}
    card = {"source": {"label": "x", "topic": topic}, "suggestions": [{"label": "x", "actions": actions}]}
    return {"cards": [card, {"source": {"topic": {"code": "ki67"}}}]}


def _resource(document: dict[str, Any]) -> Any:
    return document["cards"][0]["suggestions"][0]["actions"][0]["resource"]


def test_a_client_without_a_profile_gets_the_cards_as_they_are() -> None:
    document = _document()
    assert adapted(document, "", {}) is document


def test_epic_gets_plain_topics_and_its_names_of_code_systems() -> None:
    document = _document()
    written = adapted(document, "epic", {})
    assert [card["source"]["topic"]["code"] for card in written["cards"]] == ["sstrimaging", "ki67"]
    assert [one["system"] for one in _resource(written)["medicationCodeableConcept"]["coding"]] == [
        "urn:oid:2.16.840.1.113883.6.88",
        _RXNORM,
    ]
    assert document == _document()


def test_the_codes_by_which_a_client_orders_stand_first() -> None:
    written = adapted(_document(), "", {"http://loinc.org|36813-4": "urn:own|CTAP"})
    assert _resource(written)["code"]["coding"] == [
        {"system": "urn:own", "code": "CTAP"},
        {"system": "http://loinc.org", "code": "36813-4"},
    ]
    assert written["cards"][0]["source"]["topic"]["code"] == "sstr-imaging"


def test_no_two_rules_have_the_same_plain_topic() -> None:
    names = [rule.id for rule in RULES] + ["workup", "pathway", "incomplete-data"]
    assert len({re.sub("-", "", name) for name in names}) == len(names)
