"""Staleness, extensions and versions: section 1.18 of the requirements."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service import AT_EXIT, create_app
from service.config import Settings
from service.hooks.schemas import definitions
from service.hooks.shapes import schemas
from tests.contract.support import chart, post, without_uuids


@pytest.mark.conformance("STALE-2")
def test_what_is_kept_of_a_card_names_no_patient(tmp_path: Path) -> None:
    database = tmp_path / "store.sqlite3"
    app = create_app(Settings(database_url=f"sqlite:///{database}"))
    cards = post(app.test_client(), chart()).get_json()["cards"]
    for close in app.extensions[AT_EXIT]:
        close()
    with sqlite3.connect(database) as connection:
        kept = "\n".join(connection.iterdump())
    connection.close()
    assert all(card["uuid"] in kept for card in cards)
    assert chart()["context"]["patientId"] not in kept
    assert chart()["context"]["userId"] not in kept
    assert not [card for card in cards if card["summary"] in kept]


@pytest.mark.conformance("EXT-1")
def test_every_object_of_a_request_may_be_extended() -> None:
    shapes = schemas() | definitions("feedback")
    objects = [shape for shape in shapes.values() if shape["type"] == "object"]
    assert {"PatientViewRequest", "OrderSelectContext", "FhirAuthorization", "Feedback"} <= shapes.keys()
    assert all(shape.get("additionalProperties", True) is True for shape in objects)


@pytest.mark.conformance("EXT-4")
def test_only_hooks_of_the_library_are_used(service: FlaskClient) -> None:
    hooks = {each["hook"] for each in service.get("/cds-services").get_json()["services"]}
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", hook) for hook in hooks)


@pytest.mark.conformance("VER-2")
def test_no_header_changes_the_answer(service: FlaskClient) -> None:
    plain = post(service, chart()).get_json()
    for headers in ({"Accept": "application/json; version=3.0"}, {"CDS-Hooks-Version": "1.0"}):
        assert without_uuids(post(service, chart(), headers=headers).get_json()) == without_uuids(plain)
