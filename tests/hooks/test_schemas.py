from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from service.commands.try_service import validator
from service.hooks.schemas import FILES, definitions
from tests.schemas import Fault, fault_of


@pytest.mark.parametrize("file", FILES)
def test_every_file_holds_valid_schemas(file: str) -> None:
    for name in definitions(file):
        Draft202012Validator.check_schema(validator(file, name).schema)


def test_no_name_is_used_by_two_files() -> None:
    names = [name for file in FILES for name in definitions(file)]
    assert len(names) == len(set(names))


def request_properties(schema: object) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for inner in schema.values():
            yield from request_properties(inner)


def test_what_a_client_reports_is_described_in_words_that_can_answer_it() -> None:
    properties = list(request_properties(definitions("feedback")))
    described = {name for name, shape in properties if shape.get("description", "").startswith("has to ")}
    assert properties
    assert described == {name for name, _ in properties}


CARD: dict[str, Any] = {"summary": "s", "indicator": "info", "source": {"label": "l"}}
ACTION = {"type": "create", "description": "d", "resource": {"resourceType": "ServiceRequest"}}


def answered(**changes: Any) -> Fault | None:
    return fault_of({"cards": [CARD | changes]}, file="response", name="ServiceResponse")


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "s" * 140},
        {"summary": ""},
        {"summary": "two\nlines"},
        {"indicator": "hard-stop"},
        {"detail": ""},
        {"detail": None},
        {"source": {}},
        {"suggestions": []},
        {"links": []},
        {"overrideReasons": []},
        {"uuid": "0B1F9C1E-3F60-4A37-9D5E-6D3A8F1C2B4D"},
        {"unknown": 1},
        {"selectionBehavior": "any"},
        {"suggestions": [{"label": "l"}]},
        {"suggestions": [{"label": "l", "actions": []}], "selectionBehavior": "any"},
        {"suggestions": [{"label": "l", "isRecommended": True}] * 2, "selectionBehavior": "at-most-one"},
        {
            "suggestions": [{"label": "l", "actions": [{**ACTION, "type": "CREATE"}]}],
            "selectionBehavior": "any",
        },
        {
            "suggestions": [{"label": "l", "actions": [{**ACTION, "resource": "{}"}]}],
            "selectionBehavior": "any",
        },
        {
            "suggestions": [{"label": "l", "actions": [{**ACTION, "type": "delete"}]}],
            "selectionBehavior": "any",
        },
        {"overrideReasons": [{"code": "c", "system": "s"}]},
        {"links": [{"label": "l", "url": "https://a.example", "type": "absolute", "appContext": "x"}]},
        {"links": [{"label": "l", "url": "/relative", "type": "absolute"}]},
    ],
)
def test_a_card_that_breaks_the_protocol_is_found(changes: dict[str, Any]) -> None:
    assert answered(**changes) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "s" * 139},
        {"suggestions": [{"label": "l", "actions": [ACTION]}], "selectionBehavior": "any"},
        {"suggestions": [{"label": "l", "isRecommended": True}] * 2, "selectionBehavior": "any"},
        {
            "suggestions": [
                {
                    "label": "l",
                    "actions": [{"type": "delete", "description": "d", "resourceId": "ServiceRequest/1"}],
                }
            ],
            "selectionBehavior": "at-most-one",
        },
        {"links": [{"label": "l", "url": "https://a.example", "type": "smart", "appContext": "x"}]},
    ],
)
def test_a_card_that_keeps_the_protocol_passes(changes: dict[str, Any]) -> None:
    assert answered(**changes) is None
