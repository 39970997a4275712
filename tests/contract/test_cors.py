"""CORS: section 1.17 of the requirements."""

from __future__ import annotations

from typing import Any

import pytest

from service.config import Settings
from service.errors import NotAuthenticated
from service.security.clients import Client
from service.web.parts import Answered
from tests.web.support import ORIGIN, app_client, call, request_of

ADDRESSES = ["/cds-services", "/cds-services/net-patient-view", "/cds-services/net-patient-view/feedback"]


def refuse(header: str | None, audiences: object) -> Client:
    raise NotAuthenticated("no bearer token")


def keep(document: Any, *, service_id: str, client: Client) -> int:
    return 0


@pytest.mark.conformance("CORS-1", "CORS-2")
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_preflight_needs_no_token(address: str) -> None:
    response = app_client(authenticate=refuse, record_feedback=keep).options(
        address,
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert 200 <= response.status_code < 300
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert {"GET", "POST", "OPTIONS"} == set(response.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type"} <= set(allowed)


@pytest.mark.conformance("CORS-1", "CORS-2")
def test_answers_and_errors_can_be_read_by_the_page() -> None:
    def fail(*_: object) -> Answered:
        raise ZeroDivisionError

    headers = {"Origin": ORIGIN}
    answers = [
        call(app_client(), request_of(), headers=headers),
        app_client().get("/cds-services", headers=headers),
        call(app_client(), {}, headers=headers),
        call(app_client(authenticate=refuse), request_of(), headers=headers),
        app_client().get("/nowhere", headers=headers),
        app_client().put("/cds-services", headers=headers),
        app_client().post(
            "/cds-services/net-patient-view", data="x", headers=headers | {"Content-Type": "a/b"}
        ),
        call(app_client(respond=fail), request_of(), headers=headers),
    ]
    assert [response.status_code for response in answers] == [200, 200, 400, 401, 404, 405, 415, 500]
    for response in answers:
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Origin" in response.headers.getlist("Vary")


@pytest.mark.conformance("CORS-3")
@pytest.mark.parametrize(
    "origin", ["https://evil.example.org", "null", "http://ehr.example.org", f"{ORIGIN}:444"]
)
def test_an_origin_that_is_not_listed_gets_no_permission(origin: str) -> None:
    client = app_client(settings=Settings(allowed_origins=(ORIGIN,)))
    for response in (
        call(client, request_of(), headers={"Origin": origin}),
        client.options("/cds-services", headers={"Origin": origin}),
    ):
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
