"""What must hold for every patient, whatever happens to the shape of the record."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Mapping
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_fixtures.generate import PatientRow, read_patients
from fhir_fixtures.vocabulary import TODAY, build_request, now_on
from service.engine import HookResult, respond
from service.hooks.card import Card
from service.hooks.response import response_document
from tests.asking import as_read, knowledge

PATIENTS = read_patients()
_CALLS = [(row, hook) for row in PATIENTS for hook in row.hooks]
_IDS = [f"{row.name}.{hook}" for row, hook in _CALLS]


def _answer(document: Mapping[str, Any]) -> HookResult:
    return respond(as_read(document), knowledge=knowledge(), now=now_on(TODAY))


def _essence(card: Card) -> tuple[object, ...]:
    """A card without the ids of the resources it rests on."""
    says = sorted(evidence.says for evidence in card.evidence)
    return card.recommendations, card.indicator, card.summary, card.detail, says, len(card.suggestions)


def _bundles(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        value
        for value in document["prefetch"].values()
        if isinstance(value, dict) and value.get("resourceType") == "Bundle"
    ]


_UNRELATED = {
    "conditions": {
        "resourceType": "Condition",
        "id": "unrelated",
        "subject": {"reference": "Patient/patient-1"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}], "text": "Ankle sprain"},
    },
    "observations": {
        "resourceType": "Observation",
        "id": "unrelated",
        "status": "final",
        "subject": {"reference": "Patient/patient-1"},
        "code": {"text": "Heart rate"},
        "valueQuantity": {"value": 72},
    },
    "medicationRequests": {
        "resourceType": "MedicationRequest",
        "id": "unrelated",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/patient-1"},
        "medicationCodeableConcept": {"text": "Amlodipine"},
    },
}


@pytest.mark.parametrize(("row", "hook"), _CALLS, ids=_IDS)
def test_an_unrelated_resource_changes_no_card(row: PatientRow, hook: str) -> None:
    document = build_request(row.phrases, hook=hook)
    before = _answer(document)
    for key, resource in _UNRELATED.items():
        if isinstance(document["prefetch"].get(key), dict):
            document["prefetch"][key].setdefault("entry", []).append({"resource": resource})
            document["prefetch"][key].pop("total", None)

    assert _answer(document).cards == before.cards


@pytest.mark.parametrize(("row", "hook"), _CALLS, ids=_IDS)
def test_order_and_repetition_change_no_card(row: PatientRow, hook: str) -> None:
    document = build_request(row.phrases, hook=hook)
    before = _answer(document)
    shuffle = random.Random(row.name).shuffle
    for bundle in _bundles(document):
        entries = bundle.get("entry", [])
        entries += copy.deepcopy(entries)
        shuffle(entries)

    assert _answer(document).cards == before.cards


@pytest.mark.parametrize(("row", "hook"), _CALLS, ids=_IDS)
def test_renamed_ids_change_no_card(row: PatientRow, hook: str) -> None:
    document = build_request(row.phrases, hook=hook)
    before = [_essence(card) for card in _answer(document).cards]
    names = {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}": f"z{number}"
        for number, entry in enumerate(
            entry for bundle in _all_bundles(document) for entry in bundle.get("entry", [])
        )
    }

    after = [_essence(card) for card in _answer(_renamed(document, names)).cards]

    assert after == before


def _all_bundles(document: dict[str, Any]) -> list[dict[str, Any]]:
    context = [value for value in document["context"].values() if isinstance(value, dict)]
    return [*_bundles(document), *context]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        renamed = {name: _renamed(member, names) for name, member in value.items()}
        own = f"{value.get('resourceType')}/{value.get('id')}"
        return {**renamed, "id": names[own]} if own in names else renamed
    if isinstance(value, list):
        return [_renamed(member, names) for member in value]
    if isinstance(value, str) and value in names:
        return f"{value.split('/')[0]}/{names[value]}"
    return value


@pytest.mark.parametrize("value", ["21 %", "55 %", ">20 %", "range 15-25 %", "90 %"])
@pytest.mark.parametrize("hook", ["patient-view", "order-sign"])
def test_ki67_alone_is_never_called_a_carcinoma(value: str, hook: str) -> None:
    record = f"pancreatic NET 60 days ago; Ki-67 {value} 40 days ago; capecitabine oral (draft)"

    for card in _answer(build_request(record, hook=hook)).cards:
        assert not re.search(r"\bNEC\b", f"{card.summary} {card.detail}")


@pytest.mark.parametrize(("row", "hook"), _CALLS, ids=_IDS)
def test_every_emitted_resource_is_valid_and_proposes(row: PatientRow, hook: str) -> None:
    document = response_document(_answer(build_request(row.phrases, hook=hook)).cards)
    for card in document["cards"]:
        for suggestion in card.get("suggestions", []):
            for action in suggestion["actions"]:
                resource = action["resource"]
                get_fhir_model_class(resource["resourceType"]).model_validate(resource)
                assert action["type"] != "delete"
                assert resource["subject"] == {"reference": "Patient/patient-1"}
                if resource["resourceType"] in ("ServiceRequest", "MedicationRequest"):
                    assert (resource["status"], resource["intent"]) == ("draft", "proposal")


@pytest.mark.parametrize(("row", "hook"), _CALLS, ids=_IDS)
def test_there_are_at_most_five_cards_and_the_loudest_come_first(row: PatientRow, hook: str) -> None:
    cards = _answer(build_request(row.phrases, hook=hook)).cards
    spoken = [card.indicator for card in cards if card.recommendations]

    assert len(cards) <= 5
    assert spoken == sorted(spoken, reverse=True)


@settings(max_examples=60, deadline=None)
@given(name=st.text(min_size=1, max_size=600), call=st.sampled_from(_CALLS))
@pytest.mark.slow
def test_a_summary_stays_short_whatever_the_chart_calls_things(
    name: str, call: tuple[PatientRow, str]
) -> None:
    row, hook = call
    document = _with_long_names(build_request(row.phrases, hook=hook), name)

    for card in response_document(_answer(document).cards)["cards"]:
        assert 1 <= len(card["summary"]) <= 139
        assert "\n" not in card["summary"]


def _with_long_names(value: Any, name: str) -> Any:
    """The document with every text of a coded element followed by the name."""
    if isinstance(value, dict):
        longer = {key: _with_long_names(member, name) for key, member in value.items()}
        if "coding" in value and isinstance(value.get("text"), str):
            longer["text"] = f"{value['text']} {name}"
        return longer
    return [_with_long_names(member, name) for member in value] if isinstance(value, list) else value
