"""Requests and hookInstance: sections 1.3 and 1.4 of the requirements."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from service.config import Settings
from tests.contract.support import TOKEN, chart, post, with_prefetch, without_uuids
from tests.web.support import HOOKS, app_client, call, outcome_of, request_of, with_context

AUTHORIZATION = {
    "access_token": TOKEN,
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.read",
    "subject": "net-cds",
}


def refused_at(request: dict[str, Any], path: str, hook: str = "patient-view") -> None:
    response = call(app_client(), request, hook=hook)
    assert response.status_code == 400
    assert outcome_of(response)["diagnostics"] == path


@pytest.mark.conformance("REQ-1")
def test_a_service_answers_post_and_nothing_else() -> None:
    client = app_client()
    assert call(client, request_of()).status_code == 200
    assert client.get("/cds-services/net-patient-view").status_code == 405
    assert client.post("/cds-services/no-such-service", json=request_of()).status_code == 404


@pytest.mark.conformance("REQ-2")
@pytest.mark.parametrize("hook", [None, 5, "", "order-sign", "PATIENT-VIEW"])
def test_hook_has_to_be_that_of_the_service(hook: object) -> None:
    document = {**request_of(), "hook": hook}
    refused_at(document, "$.hook")


@pytest.mark.conformance("REQ-3")
def test_hook_instance_has_to_be_a_text() -> None:
    refused_at(request_of(hookInstance=None), "$.hookInstance")
    refused_at(request_of(hookInstance=5), "$.hookInstance")
    assert call(app_client(), request_of(hookInstance="no-uuid-1")).status_code == 200


@pytest.mark.conformance("REQ-4")
@pytest.mark.parametrize("hook", HOOKS)
def test_context_has_to_hold_what_the_hook_requires(hook: str) -> None:
    refused_at(request_of(hook, context=None), "$.context", hook)
    refused_at(request_of(hook, context="p1"), "$.context", hook)
    whole = request_of(hook)
    for name in whole["context"]:
        refused_at(with_context(whole, **{name: ...}), f"$.context.{name}", hook)


@pytest.mark.conformance("REQ-4")
@pytest.mark.parametrize("patient_id", ["Patient/p1", "https://fhir.example.org/Patient/p1"])
def test_a_patient_id_with_its_type_is_refused(patient_id: str) -> None:
    refused_at(with_context(request_of(), patientId=patient_id), "$.context.patientId")


@pytest.mark.conformance("REQ-5")
def test_an_authorization_needs_a_server_and_a_server_needs_none() -> None:
    refused_at(request_of(fhirAuthorization=AUTHORIZATION), "$.fhirServer")
    assert call(app_client(), request_of(fhirServer="https://fhir.example.org")).status_code == 200


@pytest.mark.conformance("REQ-6", "REQ-7")
@pytest.mark.parametrize("prefetch", [None, {}, {"patient": None}, {"unknown": {"a": []}}])
def test_authorization_and_prefetch_may_be_absent_or_partial(prefetch: object) -> None:
    assert call(app_client(), request_of(prefetch=prefetch)).status_code == 200


@pytest.mark.conformance("REQ-7", "REQ-8")
def test_prefetch_keys_that_were_not_asked_for_change_nothing(service: FlaskClient) -> None:
    plain = chart()
    more = with_prefetch(plain, somebodyElses={"resourceType": "Bundle", "entry": [{"resource": {}}]}, x=5)
    assert without_uuids(post(service, more).get_json()) == without_uuids(post(service, plain).get_json())


@pytest.mark.conformance("REQ-11")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"hook=patient-view", 400),
        (b'{"hook":"patient-view",', 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"patient-view"', 400),
        (b'{"hook":"patient-view","hook":"patient-view"}', 400),
        (b'{"a":NaN}', 400),
        (b"[" * 100_000, 400),
        (b" " * 2000, 413),
    ],
)
def test_what_is_no_json_object_or_too_large_is_refused(body: bytes, status: int) -> None:
    client = app_client(settings=Settings(max_body_bytes=1999 if status == 413 else 10**7))
    response = client.post("/cds-services/net-patient-view", data=body, content_type="application/json")
    assert response.status_code == status
    outcome_of(response)


@pytest.mark.conformance("REQ-11")
@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 200),
        ("application/json", 200),
        ("application/json;charset=UTF-8", 200),
        ("text/html", 415),
        ("application/x-www-form-urlencoded", 415),
    ],
)
def test_the_content_type_is_taken_leniently_unless_it_is_clearly_another(
    content_type: str | None, status: int
) -> None:
    body = orjson.dumps(request_of())
    # An open service demands the type: a page of any site can have a browser send a body without one.
    client = app_client(settings=Settings(authentication="off"))
    response = client.post("/cds-services/net-patient-view", data=body, content_type=content_type)
    assert response.status_code == status


@pytest.mark.conformance("HINST-3")
def test_the_same_instance_twice_is_answered_twice(service: FlaskClient) -> None:
    first, second = post(service, chart()).get_json(), post(service, chart()).get_json()
    assert without_uuids(first) == without_uuids(second)
    assert first["cards"]
