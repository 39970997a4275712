from __future__ import annotations

from pathlib import Path

import pytest

from service.config import Settings
from service.errors import ConfigurationError
from service.web.cors import origins
from tests.web.support import app_client, call, request_of

EHR = "https://ehr.example.org"
SANDBOX = "http://127.0.0.1:9000"


def settings(*allowed: str, authentication: str | None = None, clients: bool = False) -> Settings:
    return Settings(
        allowed_origins=allowed,
        authentication=authentication,
        clients_file=Path(__file__) if clients else None,
    )


def test_a_listed_origin_is_echoed_and_a_foreign_one_is_not() -> None:
    client = app_client(settings=settings(EHR))
    for origin in (EHR, "https://evil.example.org", "null", f"{EHR}.evil"):
        response = call(client, request_of(), headers={"Origin": origin})
        assert response.headers.get("Access-Control-Allow-Origin") == (EHR if origin == EHR else None)
        assert response.headers["Vary"] == "Origin"


def test_a_preflight_names_the_headers_that_a_star_would_not_cover() -> None:
    response = app_client(settings=settings(EHR)).options(
        "/cds-services/net-patient-view",
        headers={
            "Origin": EHR,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "Content-Type" not in response.headers


def test_a_preflight_of_a_foreign_origin_gets_nothing() -> None:
    headers = (
        app_client(settings=settings(EHR))
        .options("/cds-services", headers={"Origin": "https://evil.example.org"})
        .headers
    )
    assert not [name for name, _ in headers if name.startswith("Access-Control")]


def test_a_star_allows_every_origin_where_calls_are_open() -> None:
    response = call(app_client(settings=settings("*")), request_of(), headers={"Origin": EHR})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in response.headers


def test_a_star_is_refused_where_clients_authenticate() -> None:
    with pytest.raises(ConfigurationError, match=r"\*"):
        origins(settings("*", clients=True))


@pytest.mark.parametrize(
    "origin", ["ehr.example.org", "https://ehr.example.org/path", "https://*.example.org"]
)
def test_what_is_no_origin_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(ConfigurationError, match="no origin"):
        origins(settings(origin))


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (SANDBOX, True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("https://localhost", True),
        (EHR, False),
        ("http://localhost.evil.example.org", False),
        ("http://127.0.0.1.evil.example.org", False),
        ("null", False),
    ],
)
def test_an_open_service_without_a_list_answers_pages_of_its_own_machine(origin: str, allowed: bool) -> None:
    assert origins(settings()).allowed(origin) is allowed


@pytest.mark.parametrize("strict", [settings(EHR), settings(authentication="off"), settings(clients=True)])
def test_pages_of_this_machine_are_not_allowed_otherwise(strict: Settings) -> None:
    assert not origins(strict).allowed(SANDBOX)
