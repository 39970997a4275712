"""One service and one of each FHIR server for all end-to-end tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e.charts import drugs_by_reference, fixture_charts, long_histories
from tests.e2e.processes import (
    CdsClient,
    FhirServer,
    cds_client,
    fill,
    hapi,
    installed_node,
    medplum,
    net_cds,
    unavailable,
)


@pytest.fixture(scope="session")
def node() -> str:
    return installed_node()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with net_cds(tmp_path_factory.mktemp("net-cds")) as origin:
        yield origin


@pytest.fixture(scope="session")
def medplum_server(node: str) -> Iterator[FhirServer]:
    with medplum(node) as running:
        yield running


@pytest.fixture(scope="session")
def hapi_server() -> Iterator[FhirServer]:
    if os.environ.get("CI") != "true" and "E2E_HAPI" not in os.environ:
        unavailable("HAPI FHIR takes a minute to start; make e2e-hapi runs this")
    with hapi() as running:
        yield running


@pytest.fixture(scope="session", params=["medplum", "hapi"])
def fhir(request: pytest.FixtureRequest) -> FhirServer:
    """A FHIR server that holds every chart."""
    server: FhirServer = request.getfixturevalue(f"{request.param}_server")
    fill(server, fixture_charts() + long_histories() + drugs_by_reference())
    return server


@pytest.fixture(scope="session")
def client(node: str, service: str, fhir: FhirServer) -> Iterator[CdsClient]:
    with cds_client(node, service=service, fhir=fhir) as running:
        yield running
