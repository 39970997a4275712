from __future__ import annotations

import shutil
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service import AFTER_FORK, AT_EXIT, VERSION, create_app
from service.config import Settings
from service.errors import ConfigurationError
from tests.certificates import of_private_authority, server_side
from tests.contract.support import (
    CHECKOUT,
    FhirServer,
    chart,
    explanations,
    listening,
    post,
    with_access,
    with_prefetch,
)
from tests.fhir.misbehaving import Reply, misbehaving_server
from tests.security.keys import ISSUER, PUBLIC_URL, claims, elliptic, key_set, public, signed


@pytest.fixture
def app_with(tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        app = create_app(Settings(**{"database_url": f"sqlite:///{tmp_path}/store.sqlite3", **changes}))
        made.append(app)
        return app

    yield make
    for app in made:
        for close in app.extensions[AT_EXIT]:
            close()


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def test_the_server_finds_what_it_has_to_call(app_with: Callable[..., Flask]) -> None:
    app = app_with()
    for call in app.extensions[AFTER_FORK]:
        call()
    assert post(app.test_client(), chart()).status_code == 200


def test_a_fhir_server_that_could_never_match_is_refused_at_the_start(app_with: Callable[..., Flask]) -> None:
    with pytest.raises(ConfigurationError, match="NET_CDS_ALLOWED_FHIR_SERVERS"):
        app_with(allowed_fhir_servers=("fhir.example.org",))


def test_asking_for_signed_content_leaves_no_service_while_none_is_signed(
    app_with: Callable[..., Flask],
) -> None:
    client = app_with(content="approved").test_client()
    assert client.get("/cds-services").get_json() == {"services": []}
    assert post(client, chart()).status_code == 404


def test_advice_goes_on_without_the_store_and_feedback_does_not(
    app_with: Callable[..., Flask], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    app = app_with(database_url=f"sqlite:///{tmp_path}/folder")
    client = app.test_client()
    assert explanations(post(client, chart()))
    assert client.get("/health/ready").get_json() == {"status": "ready", "store": "unavailable"}
    entry = {"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-11-23T03:10:13Z"}
    response = client.post("/cds-services/net-patient-view/feedback", json={"feedback": [entry]})
    assert response.status_code == 503


def test_advice_that_was_declined_is_not_given_to_the_same_user_again(app_with: Callable[..., Flask]) -> None:
    client = app_with().test_client()
    rules = decline_a_card(client, chart())

    def said(user: str) -> set[str]:
        request = chart()
        request["context"]["userId"] = user
        return rules_said(client, request)

    wait_until_silent(client, chart(), rules)
    assert not rules & said(chart()["context"]["userId"])
    assert rules <= said("Practitioner/somebody-else")


def test_advice_that_was_declined_in_one_hospital_of_an_ehr_is_given_in_the_other(
    app_with: Callable[..., Flask], tmp_path: Path
) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(public(elliptic(), "ec-1")))
    registered = f'[[client]]\niss = "{ISSUER}"\njwks_file = "keys.json"\ntenants = ["t1", "t2"]\n'
    (tmp_path / "clients.toml").write_text(registered, encoding="utf-8")
    service = app_with(public_url=PUBLIC_URL, clients_file=tmp_path / "clients.toml").test_client()

    here, there = Hospital(service, "t1"), Hospital(service, "t2")
    before = rules_said(there, chart())
    rules = decline_a_card(here, chart())
    wait_until_silent(here, chart(), rules)
    assert not rules & rules_said(here, chart())
    assert rules_said(there, chart()) == before


def test_one_item_of_a_grouped_card_is_accepted_and_the_others_are_asked_for_again(
    app_with: Callable[..., Flask],
) -> None:
    client = app_with().test_client()
    card = next(one for one in post(client, chart()).get_json()["cards"] if len(rules_of(one)) > 2)
    resources = {one["uuid"]: one["actions"][0]["resource"] for one in card["suggestions"]}
    accepted = next(uuid for uuid, one in resources.items() if "TNM" in orjson.dumps(one).decode())
    entry = {
        "card": card["uuid"],
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": accepted}],
        "outcomeTimestamp": "2026-11-23T03:10:13Z",
    }
    response = client.post("/cds-services/net-patient-view/feedback", json={"feedback": [entry]})
    assert response.status_code == 200

    wait_until_silent(client, chart(), {"tnm"})
    assert "tnm" not in rules_said(client, chart())
    assert set(rules_of(card)) - {"tnm"} <= rules_said(client, chart())


def rules_of(card: dict[str, Any]) -> list[str]:
    rules: list[str] = card["extension"]["net-cds.explanation"]["recommendations"]
    return rules


@pytest.mark.parametrize("first", [True, False], ids=["with the first call", "with the second call"])
def test_advice_that_was_declined_stays_so_when_the_fhir_server_is_named_with_one_call_only(
    app_with: Callable[..., Flask], first: bool
) -> None:
    client = app_with().test_client()
    plain = chart()
    with_server = {**plain, "fhirServer": "https://fhir.example.org/r4"}
    shown, again = (with_server, plain) if first else (plain, with_server)
    rules = decline_a_card(client, shown)

    wait_until_silent(client, again, rules)
    assert not rules & rules_said(client, again)


@dataclass(frozen=True)
class Hospital:
    """A tenant of the EHR, whose calls each have a token that says so."""

    service: FlaskClient
    tenant: str

    def post(self, *arguments: Any, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {signed(claims(tenant=self.tenant))}"}
        return self.service.post(*arguments, headers=headers, **options)


def decline_a_card(client: Any, request: dict[str, Any]) -> set[str]:
    """The rules of a card of the answer, which the user then declines."""
    cards = post(client, request).get_json()["cards"]
    declined = next(card for card in cards if card["indicator"] != "critical")
    entry = {"card": declined["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-11-23T03:10:13Z"}
    response = client.post("/cds-services/net-patient-view/feedback", json={"feedback": [entry]})
    assert response.status_code == 200
    return set(declined["extension"]["net-cds.explanation"]["recommendations"])


def rules_said(client: Any, request: dict[str, Any]) -> set[str]:
    return {rule for each in explanations(post(client, request)) for rule in each.get("recommendations", ())}


def wait_until_silent(client: Any, request: dict[str, Any], rules: set[str]) -> None:
    # The row of the issued card is written beside the call; from then on the feedback counts.
    until = time.monotonic() + 10
    while rules & rules_said(client, request) and time.monotonic() < until:
        time.sleep(0.05)


def test_a_fhir_server_of_a_private_authority_is_read_once_the_authority_is_named(
    app_with: Callable[..., Flask], tmp_path: Path
) -> None:
    trusted, served = of_private_authority(tmp_path)
    request = with_prefetch(chart(), observations=...)
    with listening(FhirServer(chart()["prefetch"]), encryption=server_side(served)) as server:
        request = with_access(request, server)
        refused = explanations(post(app_with().test_client(), request))
        assert not server.asked
        read = explanations(post(app_with(authorities_file=trusted).test_client(), request))
    reasons = {one["reason"] for card in refused for one in card.get("notAssessed", ())}
    assert "the certificate or the encryption of the server was refused" in reasons
    assert server.asked
    assert not any(card.get("notAssessed") for card in read)


def test_keys_behind_a_private_authority_are_read_once_the_authority_is_named(
    app_with: Callable[..., Flask], tmp_path: Path
) -> None:
    trusted, served = of_private_authority(tmp_path)
    reply = Reply(body=key_set(public(elliptic(), "ec-1")))
    clients = tmp_path / "clients.toml"
    with misbehaving_server({"/keys": [reply]}, encryption=server_side(served)) as ehr:
        clients.write_text(f'[[client]]\niss = "{ISSUER}"\njwks_url = "{ehr.url}/keys"\n', encoding="utf-8")

        def status_with(**changes: Any) -> int:
            token = signed(claims(aud="http://127.0.0.1:8000/cds-services"))
            client = app_with(clients_file=clients, **changes).test_client()
            return client.get("/cds-services", headers={"Authorization": f"Bearer {token}"}).status_code

        assert status_with() == 401
        assert ehr.requests == []
        assert status_with(authorities_file=trusted) == 200


def test_the_words_are_those_of_the_language_that_was_asked_for(app_with: Callable[..., Flask]) -> None:
    client = app_with().test_client()
    german = client.post(
        "/cds-services/net-patient-view", json=chart(), headers={"Accept-Language": "de-DE, en;q=0.5"}
    )
    english = client.post("/cds-services/net-patient-view", json=chart())

    assert german.headers["Content-Language"] == "de"
    assert "Somatostatinrezeptor-Bildgebung" in german.text
    assert english.headers["Content-Language"] == "en"
    assert "Somatostatinrezeptor" not in english.text


def test_a_language_can_be_added_without_code(app_with: Callable[..., Flask], tmp_path: Path) -> None:
    cards = tmp_path / "cards"
    shutil.copytree(CHECKOUT / "cards", cards)
    (cards / "translations" / "fr").mkdir()
    words = "---\nreview: {status: submitted}\n---\n\n## Summary: missing\nPas d'imagerie des récepteurs\n"
    (cards / "translations" / "fr" / "sstr-imaging.md").write_text(words, encoding="utf-8")
    client = app_with(cards_dir=cards).test_client()

    answer = client.post("/cds-services/net-patient-view", json=chart(), headers={"Accept-Language": "fr"})

    assert answer.headers["Content-Language"] == "fr"
    assert "Pas d'imagerie des récepteurs" in [card["summary"] for card in answer.get_json()["cards"]]


def test_an_approval_that_has_lapsed_is_loud_and_its_card_off_where_only_approved_ones_are_shown(
    app_with: Callable[..., Flask], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cards = Path(shutil.copytree(CHECKOUT / "cards", tmp_path / "cards"))
    signed = (
        "review: {status: approved, authored_by: First, checked_by: Second, date_reviewed: 2026-01-01, "
        f"next_review: 2026-12-31, digest: {'a' * 64}}}\n"
    )
    for path in (cards / "tnm.md", cards / "translations" / "de" / "tnm.md"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        text = "".join(signed if line.startswith("review:") else line for line in lines)
        path.write_text(text, encoding="utf-8")

    client = app_with(cards_dir=cards, content="approved").test_client()
    ready, started = client.get("/health/ready"), capsys.readouterr().out

    assert ready.status_code == 200
    assert ready.get_json()["lapsedApprovals"] == {"count": 2, "cards": ["tnm", "de/tnm.md"]}
    assert "tnm: changed since it was approved on 2026-01-01: not approved" in started
    assert "de/tnm.md: " in started
    assert "not shown, because not approved: octreotide-prophylaxis, " in started
    assert client.get("/cds-services").get_json() == {"services": []}
