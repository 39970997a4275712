"""What a site decides, as an EHR sees it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service import AT_EXIT, create_app
from service.config import read_settings
from service.errors import ConfigurationError, ContentError
from service.hooks.hooks import SERVICES
from tests.contract.support import chart, explanations, post, rules_of, with_prefetch
from tests.security.keys import ISSUER, PUBLIC_URL, claims, elliptic, key_set, public, signed

pytestmark = pytest.mark.slow

ServiceOf = Callable[[str], FlaskClient]


@pytest.fixture
def service_of(tmp_path: Path) -> Iterator[ServiceOf]:
    made: list[Flask] = []

    def make(text: str) -> FlaskClient:
        path = tmp_path / "net-cds.toml"
        path.write_text(
            f'[settings]\ndatabase_url = "sqlite:///{tmp_path}/s.sqlite3"\n{text}', encoding="utf-8"
        )
        made.append(create_app(read_settings({"NET_CDS_CONFIG": str(path)})))
        return made[-1].test_client()

    yield make
    for app in made:
        for close in app.extensions[AT_EXIT]:
            close()


def said(client: Any, request: dict[str, Any]) -> set[str]:
    return {rule for one in explanations(post(client, request)) for rule in one["recommendations"]}


def asked_by(specialty: str) -> dict[str, Any]:
    """The chart, opened by somebody whose PractitionerRole has this specialty."""
    role = {"resourceType": "PractitionerRole", "id": "1", "specialty": [{"text": specialty}]}
    request = with_prefetch(chart(), user=role)
    request["context"] = {**request["context"], "userId": "PractitionerRole/1"}
    return request


def test_two_roles_get_different_cards_from_one_chart(service_of: ServiceOf) -> None:
    client = service_of('[[site.when]]\nspecialty = "Anaesthesiology"\nrules.hiaa.state = "off"\n')

    surgeon, anaesthetist = (said(client, asked_by(one)) for one in ("Surgery", "anaesthesiology"))

    assert "hiaa" in surgeon
    assert anaesthetist == surgeon - {"hiaa"}
    assert said(client, chart()) == surgeon


def test_the_user_is_asked_for_only_where_a_decision_depends_on_it(service_of: ServiceOf) -> None:
    def keys(text: str) -> set[str]:
        (first, *_) = service_of(text).get("/cds-services").get_json()["services"]
        return set(first["prefetch"])

    plain = keys("[site]\nmost_cards = 3\n")

    assert keys('[[site.when]]\nrole = "surgeon"\nshadow = true\n') == plain | {"user", "userRoles"}
    assert not plain & {"user", "userRoles"}


def test_discovery_says_what_is_switched_off(service_of: ServiceOf) -> None:
    client = service_of('[site.rules.sympathetic-activation]\nstate = "off"\n')

    described = {
        one["hook"]: one["description"] for one in client.get("/cds-services").get_json()["services"]
    }

    assert "Switched off at this site: Sympathomimetic" in described["order-sign"]
    assert "Switched off" not in described["patient-view"]


def test_a_service_in_shadow_answers_every_hook_shows_nothing_and_records_what_it_would_show(
    service_of: ServiceOf, tmp_path: Path
) -> None:
    client = service_of("[site]\nshadow = true\n")

    assert rules_of(post(client, chart())) == []
    for close in client.application.extensions[AT_EXIT]:
        close()
    with closing(sqlite3.connect(tmp_path / "s.sqlite3")) as store:
        recorded = {shown for (shown,) in store.execute("SELECT is_shadow FROM issued_card")}
    assert recorded == {1}
    assert len(client.get("/cds-services").get_json()["services"]) == len(SERVICES)


def test_tenants_of_one_ehr_are_told_apart(service_of: ServiceOf, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(public(elliptic(), "ec-1")))
    client = service_of(
        f'public_url = "{PUBLIC_URL}"\n[[client]]\niss = "{ISSUER}"\njwks_file = "keys.json"\n'
        f'tenants = ["north", "south"]\n[[site.when]]\nclient = "{ISSUER}"\ntenant = "south"\nshadow = true\n'
    )

    def cards(tenant: str) -> list[str]:
        token = signed(claims(tenant=tenant))
        return rules_of(post(client, chart(), headers={"Authorization": f"Bearer {token}"}))

    assert cards("north")
    assert cards("south") == []


def test_a_decision_for_a_client_that_is_not_registered_stops_the_start(
    service_of: ServiceOf, tmp_path: Path
) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(public(elliptic(), "ec-1")))
    text = f'[[client]]\niss = "{ISSUER}"\njwks_file = "keys.json"\n[[site.when]]\nclient = "{ISSUER}/x"\n'

    with pytest.raises(ConfigurationError, match="is unknown; did you mean"):
        service_of(text)


def test_codes_of_the_site_can_stand_in_the_file(service_of: ServiceOf) -> None:
    bad = '[[code_map]]\nlocal_code = "x"\nsystem = "http://loinc.org"\n'

    with pytest.raises(Exception, match=r"net-cds.toml, line 3, code_map\[1\]: code is missing"):
        service_of(bad)


def test_the_version_of_the_decisions_stands_on_the_cards(service_of: ServiceOf) -> None:
    (first, *_) = explanations(post(service_of("[site]\nmost_cards = 3\n"), chart()))

    assert ".site-" in first["knowledge"]["version"]


def test_words_are_read_in_the_languages_of_the_site(service_of: ServiceOf) -> None:
    def rules(setting: str) -> set[str]:
        request = in_words("neuroendokriner Tumor des Ileums")
        return said(service_of(setting), request)

    assert rules("")
    assert rules('read_languages = ["de"]\n') == rules("")
    assert not rules('read_languages = ["nl"]\n')


def in_words(diagnosis: str) -> dict[str, Any]:
    """The chart with one diagnosis, which is not coded."""
    subject = {"reference": f"Patient/{chart()['context']['patientId']}"}
    condition = {"resourceType": "Condition", "id": "c", "subject": subject, "code": {"text": diagnosis}}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": condition}]}
    return with_prefetch(chart(), conditions=bundle)


def test_a_language_without_word_lists_stops_the_start(service_of: ServiceOf) -> None:
    with pytest.raises(ContentError, match=r"NET_CDS_READ_LANGUAGES: 'da' is not one of de, en, es"):
        service_of('read_languages = ["de", "da"]\n')


def test_the_languages_that_are_read_are_part_of_the_version(service_of: ServiceOf) -> None:
    (first, *_) = explanations(post(service_of('read_languages = "nl"\n'), chart()))

    assert first["knowledge"]["version"].endswith(".read-nl")
