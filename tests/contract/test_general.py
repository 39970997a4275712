"""JSON and transport: section 1.1 of the requirements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import orjson
import pytest
from flask.testing import FlaskClient

from tests.contract.support import REQUESTS, chart, post, without_uuids
from tests.web.support import empties


def strictly(text: str) -> Any:
    """Parse as RFC 8259 has it: the standard library alone lets NaN pass."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.conformance("GEN-1", "GEN-6")
@pytest.mark.parametrize("path", ["/cds-services", "/openapi.json", "/health/live", "/health/ready"])
def test_documents_are_strict_json_and_say_so(service: FlaskClient, path: str) -> None:
    response = service.get(path)
    assert response.content_type == "application/json"
    assert strictly(response.text)


@pytest.mark.conformance("GEN-1", "GEN-3", "GEN-4", "GEN-5", "GEN-6")
@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_no_answer_to_any_chart_holds_null_or_anything_empty(service: FlaskClient, path: Path) -> None:
    response = post(service, orjson.loads(path.read_bytes()))
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert list(empties(strictly(response.text))) in ([], ["$.cards"])


@pytest.mark.conformance("GEN-3", "GEN-4")
def test_discovery_holds_nothing_empty(service: FlaskClient) -> None:
    assert list(empties(service.get("/cds-services").get_json())) == []


@pytest.mark.conformance("GEN-7")
def test_suggested_resources_are_objects(service: FlaskClient) -> None:
    cards = post(service, chart()).get_json()["cards"]
    actions = [action for card in cards for each in card.get("suggestions", []) for action in each["actions"]]
    assert actions
    assert all(isinstance(action["resource"], dict) for action in actions)


@pytest.mark.conformance("GEN-9", "REQ-9", "EXT-1", "VER-1")
def test_members_that_are_not_known_change_nothing(service: FlaskClient) -> None:
    plain = chart()
    more = plain | {
        "user": "Practitioner/of-old",
        "extension": {"org.example.ehr": {"version": 3}},
        "vendor": [None],
        "context": plain["context"] | {"newField": {"a": 1}, "extension": {"org.example": True}},
    }
    assert without_uuids(post(service, more).get_json()) == without_uuids(post(service, plain).get_json())
