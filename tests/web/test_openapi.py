from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from service.config import Settings
from service.errors import MissingData, NotAuthenticated, NotPermitted, StoreUnavailable
from service.web import openapi
from service.web.parts import Answered
from tests.web.support import a_card, app_client, request_of

DOCUMENT = openapi.document(public_url=Settings().public_url, feedback=True)
SIGN = "/cds-services/net-order-sign"


def keep(document: Any, *, service_id: str, client: Any) -> int:
    return len(document["feedback"])


def failing(problem: Exception) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        raise problem

    return fail


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_the_description_is_served_and_every_reference_in_it_leads_somewhere() -> None:
    served = app_client(record_feedback=keep).get("/openapi.json")
    assert served.get_json() == DOCUMENT
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        resolve(reference)


def test_it_names_the_address_at_which_callers_reach_the_service() -> None:
    settings = Settings(public_url="https://cds.example.org/net-cds")
    served = app_client(settings=settings).get("/openapi.json").get_json()
    assert served["servers"] == [{"url": "https://cds.example.org/net-cds"}]


def test_every_schema_in_it_is_valid() -> None:
    for shape in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(shape)


def test_it_describes_exactly_the_addresses_that_exist() -> None:
    app = app_client(record_feedback=keep).application
    described = {
        (re.sub(r"net-[a-z-]+", "<service_id>", path), method.upper())
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    existing = {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS") and "//" not in rule.rule
    }
    assert described == existing


def test_without_a_store_no_feedback_is_described() -> None:
    assert not [
        path
        for path in openapi.document(public_url="http://a", feedback=False)["paths"]
        if path.endswith("feedback")
    ]


def test_operation_ids_are_distinct() -> None:
    ids = [op["operationId"] for path in DOCUMENT["paths"].values() for op in path.values()]
    assert len(ids) == len(set(ids))


def described(path: str, method: str, status: int, content_type: str) -> Draft202012Validator:
    """The schema that the description promises for an answer."""
    response = DOCUMENT["paths"][path][method]["responses"][str(status)]
    if "$ref" in response:
        response = resolve(response["$ref"])
    components = {"components": DOCUMENT["components"]}
    return Draft202012Validator(response["content"][content_type]["schema"] | components)


ANSWERS: list[tuple[str, str, int, dict[str, Any], Any]] = [
    ("get", "/cds-services", 200, {}, None),
    ("get", "/cds-services", 401, {"authenticate": failing(NotAuthenticated("no"))}, None),
    ("get", "/cds-services", 500, {"authenticate": failing(KeyError("no"))}, None),
    ("get", "/cds-services", 503, {"authenticate": failing(StoreUnavailable("no"))}, None),
    ("post", SIGN, 200, {}, request_of("order-sign")),
    ("post", SIGN, 200, {"respond": lambda *_: Answered((a_card(),))}, request_of("order-sign")),
    ("post", SIGN, 400, {}, request_of("patient-view")),
    ("post", SIGN, 401, {"authenticate": failing(NotAuthenticated("no"))}, request_of("order-sign")),
    ("post", SIGN, 403, {"authenticate": failing(NotPermitted("Not this client."))}, {}),
    ("post", SIGN, 404, {"hooks": ["patient-view"]}, request_of("order-sign")),
    (
        "post",
        SIGN,
        412,
        {"respond": failing(MissingData("Conditions are needed."))},
        request_of("order-sign"),
    ),
    ("post", SIGN, 500, {"respond": failing(KeyError("no"))}, request_of("order-sign")),
    ("post", SIGN, 503, {"authenticate": failing(StoreUnavailable("no"))}, {}),
    ("post", f"{SIGN}/feedback", 200, {}, {"feedback": []}),
    ("post", f"{SIGN}/feedback", 400, {}, []),
    ("post", f"{SIGN}/feedback", 503, {"record_feedback": failing(StoreUnavailable("no"))}, {"feedback": []}),
    ("get", "/health/live", 200, {}, None),
    ("get", "/health/ready", 200, {}, None),
    ("get", "/health/ready", 200, {"check_store": lambda: None}, None),
    (
        "get",
        "/health/ready",
        503,
        {
            "check_store": failing(StoreUnavailable("no")),
            "settings": Settings(authentication="required"),
        },
        None,
    ),
    ("get", "/openapi.json", 200, {}, None),
]


@pytest.mark.parametrize(("method", "path", "status", "parts", "body"), ANSWERS)
def test_answers_are_as_described(
    method: str, path: str, status: int, parts: dict[str, Any], body: object
) -> None:
    client = app_client(**({"record_feedback": keep} | parts))
    response = client.open(path, method=method.upper(), json=body)
    assert response.status_code == status
    described(path, method, status, response.content_type).validate(response.get_json())


def test_a_body_that_is_no_json_or_too_large_is_answered_as_described() -> None:
    for status, data, kind in ((415, b"x", "text/plain"), (413, b" " * 11_000_000, "application/json")):
        response = app_client().post(SIGN, data=data, content_type=kind)
        assert response.status_code == status
        described(SIGN, "post", status, response.content_type).validate(response.get_json())
