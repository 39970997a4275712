"""Discovery: section 1.2 of the requirements."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from service.errors import NotAuthenticated
from service.security.clients import Client
from tests.schemas import fault_of
from tests.web.support import app_client, context_of


@pytest.mark.conformance("DISC-1", "DISC-2", "DISC-13")
@pytest.mark.parametrize("address", ["/cds-services", "/cds-services/"])
def test_discovery_answers_200_with_an_array_of_services(service: FlaskClient, address: str) -> None:
    response = service.get(address)
    assert response.status_code == 200
    assert isinstance(response.get_json()["services"], list)
    assert fault_of(response.get_json(), file="discovery", name="DiscoveryResponse") is None


@pytest.mark.conformance("DISC-3")
def test_a_server_without_services_answers_an_empty_array() -> None:
    response = app_client(hooks=()).get("/cds-services")
    assert (response.status_code, response.get_json()) == (200, {"services": []})


@pytest.mark.conformance("DISC-4", "DISC-5", "DISC-7", "DISC-9")
@pytest.mark.parametrize("name", ["hook", "description", "title", "usageRequirements"])
def test_each_service_says_in_words_what_it_is(service: FlaskClient, name: str) -> None:
    services = service.get("/cds-services").get_json()["services"]
    assert services
    assert all(isinstance(each[name], str) and each[name].strip() for each in services)


@pytest.mark.conformance("DISC-6")
def test_each_id_fits_a_url_and_answers_there(service: FlaskClient) -> None:
    for each in service.get("/cds-services").get_json()["services"]:
        assert re.fullmatch(r"[A-Za-z0-9._~-]+", each["id"])
        request = {"hook": each["hook"], "hookInstance": "h", "context": context_of(each["hook"])}
        no_conditions = service.post(f"/cds-services/{each['id']}", json=request)
        assert no_conditions.status_code == 412


@pytest.mark.conformance("DISC-4", "DISC-6")
def test_each_of_the_six_hooks_has_one_id(service: FlaskClient) -> None:
    services = service.get("/cds-services").get_json()["services"]
    assert {each["id"]: each["hook"] for each in services} == {
        "net-patient-view": "patient-view",
        "net-order-select": "order-select",
        "net-order-sign": "order-sign",
        "net-appointment-book": "appointment-book",
        "net-encounter-start": "encounter-start",
        "net-encounter-discharge": "encounter-discharge",
    }
    assert len(services) == 6


@pytest.mark.conformance("DISC-8")
def test_prefetch_maps_keys_to_queries(service: FlaskClient) -> None:
    for each in service.get("/cds-services").get_json()["services"]:
        assert each["prefetch"]
        assert all(isinstance(query, str) and query for query in each["prefetch"].values())


@pytest.mark.conformance("DISC-10")
def test_the_version_is_a_semantic_version(service: FlaskClient) -> None:
    versions = {each["version"] for each in service.get("/cds-services").get_json()["services"]}
    assert versions == {"2.0.1"}


@pytest.mark.conformance("DISC-15")
def test_discovery_asks_for_the_token_where_calls_do() -> None:
    def refuse(header: str | None, audiences: object) -> Client:
        raise NotAuthenticated("no bearer token")

    assert app_client(authenticate=refuse).get("/cds-services").status_code == 401
