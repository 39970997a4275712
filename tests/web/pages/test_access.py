"""Who may see the pages, and who may post to them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from fhir_fixtures.vocabulary import build_request
from service import AT_EXIT, create_app
from service.config import Settings, read_settings
from service.errors import ConfigurationError

pytestmark = pytest.mark.slow

PASSWORD = "long enough to guess at"
PAGES = ("/", "/content", "/content/ki67", "/content/lists", "/content/changes", "/insight")
SERVICE = {"authentication": "off"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Of a service with the default settings, which is made once."""
    for make in _makers(tmp_path_factory.mktemp("default")):
        yield make()


@pytest.fixture
def client_with(tmp_path: Path) -> Iterator[Callable[..., FlaskClient]]:
    yield from _makers(tmp_path)


def _makers(folder: Path) -> Iterator[Callable[..., FlaskClient]]:
    made: list[Any] = []

    def make(**changes: Any) -> FlaskClient:
        store = f"sqlite:///{folder}/store.sqlite3"
        made.append(create_app(Settings(**{"database_url": store, "log_level": "ERROR", **changes})))
        return made[-1].test_client()

    yield make
    for app in made:
        for close in app.extensions[AT_EXIT]:
            close()


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


def basic(password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'reader:{password}'.encode()).decode()}"}


def asked(**changes: Any) -> dict[str, Any]:
    return {"request": build_request("pancreatic NET 30 days ago")} | changes


def test_unasked_they_are_there_only_while_just_this_machine_is_answered(
    client: FlaskClient, client_with: Callable[..., FlaskClient]
) -> None:
    everywhere, off = client_with(**SERVICE), client_with(pages="off")
    for address in PAGES:
        assert client.get(address).status_code == 200
        assert everywhere.get(address).status_code == 404
        assert off.get(address).status_code == 404


def test_a_card_leads_to_the_page_of_its_rule_where_there_are_pages(
    client: FlaskClient, client_with: Callable[..., FlaskClient]
) -> None:
    def address(**changes: Any) -> str:
        body = build_request("pancreatic NET 30 days ago")
        answer = client_with(public_url="https://cds.example.org", **changes).post(
            "/cds-services/net-patient-view", json=body
        )
        cards = {card["source"]["topic"]["code"]: card["source"] for card in answer.get_json()["cards"]}
        return str(cards["sstr-imaging"].get("url"))

    with_pages, without = address(), address(pages="off")
    assert with_pages.startswith("https://cds.example.org/content/")
    assert client.get(with_pages.removeprefix("https://cds.example.org")).status_code == 200
    assert "/content/" not in without


def test_a_page_of_elsewhere_under_its_own_name_is_refused(client: FlaskClient) -> None:
    assert client.get("/insight", headers={"Host": "attacker.example.org"}).status_code == 421
    assert client.get("/insight", headers={"Host": "127.0.0.1:8000"}).status_code == 200


def test_elsewhere_they_are_behind_a_password(
    client_with: Callable[..., FlaskClient], password_file: Path
) -> None:
    client = client_with(**SERVICE, pages="on", pages_password_file=password_file)
    refused = client.get("/insight")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert client.get("/insight", headers=basic("wrong")).status_code == 401
    assert client.get("/insight", headers=basic(PASSWORD)).status_code == 200
    assert client.post("/playground/answer", json=asked()).status_code == 401
    assert client.post("/playground/answer", json=asked(), headers=basic(PASSWORD)).status_code == 200


def test_a_password_is_needed_and_has_to_be_long(
    client_with: Callable[..., FlaskClient], tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="NET_CDS_PAGES_PASSWORD_FILE"):
        read_settings({"NET_CDS_PAGES": "on"})
    short = tmp_path / "short"
    short.write_text("guess")
    with pytest.raises(ConfigurationError, match="at least 12"):
        client_with(pages="on", pages_password_file=short)


def test_they_may_load_only_what_the_service_serves(client: FlaskClient) -> None:
    for address in PAGES:
        policies = client.get(address).headers.getlist("Content-Security-Policy")
        assert len(policies) == 1
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policies[0]
        assert "unsafe" not in policies[0]
    assert client.get("/cds-services").headers.getlist("Content-Security-Policy") == [
        "default-src 'none'; frame-ancestors 'none'"
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example.org"},
        {"Origin": "null"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost:8001"},
        {"Origin": "http://localhost.attacker.example.org"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_origin_may_not_post(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.post("/playground/answer", json=asked(), headers=headers).status_code == 403
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/playground/answer", json=asked(), headers=own).status_code == 200


def test_behind_a_proxy_the_origin_is_that_of_the_public_address(
    client_with: Callable[..., FlaskClient], tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    client = client_with(
        authentication="off",
        pages="on",
        pages_password_file=tmp_path / "password",
        public_url="https://cds.example.org/net",
    )
    for origin, status in (("https://cds.example.org", 200), ("http://cds.example.org", 403)):
        headers = {**basic(PASSWORD), "Origin": origin}
        assert client.post("/playground/answer", json=asked(), headers=headers).status_code == status


def test_only_json_is_taken(client: FlaskClient) -> None:
    sent = client.post("/playground/answer", data="{}", content_type="text/plain")
    assert sent.status_code == 415


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$.request"),
        (asked(days=-1), "$.days"),
        (asked(days=True), "$.days"),
        (asked(days=3651), "$.days"),
        ({"request": {"hook": "no-such-hook"}}, "$.request.hook"),
        ({"request": {"hook": []}}, "$.request.hook"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(
    client: FlaskClient, body: dict[str, Any], path: str
) -> None:
    refused = client.post("/playground/answer", json=body)
    assert refused.status_code == 400
    assert refused.get_json()["issue"][0]["diagnostics"] == path


@pytest.mark.parametrize(
    "bundle",
    [
        None,
        {"resourceType": "Bundle", "entry": []},
        {
            "resourceType": "Bundle",
            "entry": [{"resource": {"resourceType": "Patient", "id": one}} for one in "ab"],
        },
    ],
)
def test_a_bundle_of_none_or_several_patients_is_refused(client: FlaskClient, bundle: Any) -> None:
    refused = client.post("/playground/request", json={"bundle": bundle, "hook": "patient-view"})
    assert refused.status_code == 400
    assert refused.get_json()["issue"][0]["diagnostics"] == "$.bundle"


def test_what_is_not_there_is_not_found(client: FlaskClient) -> None:
    for address in ("/content/no-such-card", "/static/views.py", "/playground/patients/nobody/patient-view"):
        assert client.get(address).status_code == 404


def test_an_empty_store_is_explained(client_with: Callable[..., FlaskClient]) -> None:
    assert "No card was issued" in client_with().get("/insight").text
