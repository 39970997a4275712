"""The service against real FHIR servers, asked by a client that nobody of this project wrote.

Whichever way the record travels, the cards have to be those of the engine in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
import requests

from service import engine
from service.cards import Knowledge
from service.config import Settings
from service.fhir.queries import QUERIES
from service.hooks.hooks import SERVICES
from service.hooks.request import read_request
from service.hooks.response import response_document
from service.web.wiring import knowledge_of
from tests.e2e.charts import Chart, chart_of, drugs_by_reference, fixture_charts, long_histories
from tests.e2e.processes import CdsClient, FhirServer, fill

pytestmark = pytest.mark.slow

_FIXTURES = fixture_charts()
_LONG = long_histories()
_BY_REFERENCE = drugs_by_reference()
_SERVICE_OF = {service.hook: service.id for service in SERVICES}

_every_chart = pytest.mark.parametrize(
    "chart", _FIXTURES + _LONG + _BY_REFERENCE, ids=lambda chart: chart.name
)


@_every_chart
def test_cards_are_the_same_when_the_service_fetches_the_record(
    service: str, fhir: FhirServer, chart: Chart
) -> None:
    _assert_same_cards(chart.request, lambda: _ask(service, _request(chart, fhir)))


@pytest.mark.parametrize("chart", _FIXTURES, ids=lambda chart: chart.name)
def test_cards_are_the_same_when_the_client_prefetches_the_record(
    fhir: FhirServer, client: CdsClient, chart: Chart
) -> None:
    _assert_same_cards(chart.request, lambda: client.call(chart, fhir)["response"])


@pytest.mark.parametrize("chart", _LONG, ids=lambda chart: chart.name)
def test_cards_are_the_same_when_the_client_prefetches_first_pages_and_the_service_fetches_the_rest(
    service: str, fhir: FhirServer, client: CdsClient, chart: Chart
) -> None:
    prefetch = client.call(chart, fhir)["request"]["prefetch"]
    pages = prefetch["observations"]
    assert any(link["relation"] == "next" for link in pages["link"])
    assert len(pages["entry"]) < sum(one["resourceType"] == "Observation" for one in chart.resources)
    _assert_same_cards(chart.request, lambda: _ask(service, {**_request(chart, fhir), "prefetch": prefetch}))


@pytest.mark.parametrize("chart", _LONG, ids=lambda chart: chart.name)
def test_a_first_page_is_not_taken_for_the_whole_record(
    fhir: FhirServer, client: CdsClient, chart: Chart
) -> None:
    answer = client.call(chart, fhir)
    _assert_same_cards(answer["request"], lambda: answer["response"])
    says = str(answer["response"])
    assert "no-net" in chart.name or "only the first page of results was sent" in says


@pytest.mark.parametrize("chart", _BY_REFERENCE, ids=lambda chart: chart.name)
def test_a_drug_that_the_client_cannot_prefetch_is_fetched_or_called_unknown(
    service: str, fhir: FhirServer, client: CdsClient, chart: Chart
) -> None:
    answer = client.call(chart, fhir)
    prefetch = answer["request"]["prefetch"]
    assert "could not be verified" in answer["response"]["cards"][0]["summary"]
    _assert_same_cards(chart.request, lambda: _ask(service, {**_request(chart, fhir), "prefetch": prefetch}))


def test_a_token_that_the_fhir_server_does_not_accept_is_told_without_the_token(
    service: str, medplum_server: FhirServer
) -> None:
    request = _request(_FIXTURES[0], medplum_server)
    request["fhirAuthorization"]["access_token"] = "another-token"
    answer = requests.post(_address(service, request), json=request, timeout=60)
    assert answer.status_code == 412
    assert "the FHIR server did not accept the access token" in answer.text
    assert "another-token" not in answer.text


def test_imaging_that_the_fhir_server_keeps_to_itself_is_not_called_missing(
    service: str, medplum_server: FhirServer
) -> None:
    phrases = "ileal NET 40 days ago; Ki-67 2 % 30 days ago"
    closed = ("DiagnosticReport", "ImagingStudy")
    open_chart, chart = chart_of(phrases, prefix="r1-"), chart_of(phrases, prefix="r2-", refused=closed)
    fill(medplum_server, [open_chart, chart])
    whole = _ask(service, _request(open_chart, medplum_server))
    answer = _ask(service, _request(chart, medplum_server))
    assert "the FHIR server does not permit reading this" not in str(whole)
    assert "the FHIR server does not permit reading this" in str(answer)
    request = dict(chart.request)
    request["prefetch"] = {
        key: value
        for key, value in chart.request["prefetch"].items()
        if QUERIES[key].resource_type not in closed
    }
    expected = _expected(request)
    assert [card["summary"] for card in answer["cards"]] == [card["summary"] for card in expected]
    assert [card["indicator"] for card in answer["cards"]] == [card["indicator"] for card in expected]


@cache
def _knowledge() -> Knowledge:
    return knowledge_of(Settings())


def _assert_same_cards(request: Mapping[str, Any], ask: Callable[[], Mapping[str, Any]]) -> None:
    """Compare with the engine just before, or just after: a limit in hours or days may be passed between."""
    before = _expected(request)
    cards = _comparable(ask()["cards"])
    assert cards == before or cards == _expected(request), f"{cards}\n\nwas expected to be\n\n{before}"


def _expected(request: Mapping[str, Any]) -> Any:
    """The cards of the engine in this process for a request with the whole record, as of now."""
    hook = request["hook"]
    read = read_request(request, service_id=_SERVICE_OF[hook], hook=hook)
    result = engine.respond(read, knowledge=_knowledge(), now=datetime.now(UTC))
    return _comparable(response_document(result.cards)["cards"])


def _comparable(value: Any) -> Any:
    """The same without the uuids, which are new in every answer."""
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, dict):
        return {name: _comparable(member) for name, member in value.items() if name != "uuid"}
    return value


def _request(chart: Chart, fhir: FhirServer) -> dict[str, Any]:
    """A request without prefetch, and with leave to read the FHIR server."""
    authorization = {
        "access_token": fhir.token or "unused",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/*.read",
        "subject": "net-cds",
    }
    parts = {name: value for name, value in chart.request.items() if name != "prefetch"}
    return {**parts, "fhirServer": fhir.base_url(chart), "fhirAuthorization": authorization}


def _address(service: str, request: Mapping[str, Any]) -> str:
    return f"{service}/cds-services/{_SERVICE_OF[request['hook']]}"


def _ask(service: str, request: Mapping[str, Any]) -> dict[str, Any]:
    answer = requests.post(_address(service, request), json=request, timeout=60)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document
