"""The spans of calls: which there are, what they hold, and that without being asked for there are none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from service import AFTER_FORK, AT_EXIT, create_app, tracing
from service.config import Settings
from service.errors import ConfigurationError
from service.telemetry import recorder_of
from tests.contract.support import CHECKOUT, TOKEN, FhirServer, chart, listening, post, with_access
from tests.fhir.misbehaving import Reply, misbehaving_server

pytestmark = pytest.mark.slow

CALLERS_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACE_PARENT = f"00-{CALLERS_TRACE}-00f067aa0ba902b7-01"
AddressOf = Callable[..., FlaskClient]


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Everything that is recorded while a test runs."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.record_with(recorder_of(provider))
    yield kept
    tracing.stop()


@pytest.fixture
def service_with(tmp_path: Path) -> Iterator[AddressOf]:
    made: list[Any] = []

    def make(**changes: Any) -> FlaskClient:
        app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/store.sqlite3", **changes))
        made.append(app)
        return app.test_client()

    yield make
    for app in made:
        for close in app.extensions[AT_EXIT]:
            close()


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def fetched(request: dict[str, Any], server: FhirServer) -> dict[str, Any]:
    """The call without prefetch, so that everything is read from the server."""
    return with_access({name: value for name, value in request.items() if name != "prefetch"}, server)


def test_a_call_its_exchanges_and_the_store_are_one_trace_of_the_caller(
    exporter: InMemorySpanExporter, service_with: AddressOf
) -> None:
    request = chart()
    with listening(FhirServer(request["prefetch"])) as server:
        answer = post(service_with(), fetched(request, server), headers={"traceparent": TRACE_PARENT})
    assert answer.status_code == 200

    spans = by_name(exporter)
    call = spans["POST /cds-services/<service_id>"]
    assert f"{call.context.trace_id:032x}" == CALLERS_TRACE
    assert call.parent is not None
    assert f"{call.parent.span_id:016x}" == "00f067aa0ba902b7"
    within = {"GET Patient", "GET Condition", "GET Observation", "read store"}
    assert within <= spans.keys()
    for name in within:
        assert spans[name].parent == call.context
    assert len([s for s in exporter.get_finished_spans() if s.name.startswith("GET ")]) == len(server.asked)


def test_what_a_span_says_of_a_call(exporter: InMemorySpanExporter, service_with: AddressOf) -> None:
    request = chart()
    answer = post(service_with(), request)

    span = by_name(exporter)["POST /cds-services/<service_id>"]
    assert span.attributes is not None
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "http.route": "/cds-services/<service_id>",
        "http.response.status_code": 200,
        "net_cds.service": "net-patient-view",
        "net_cds.hook": "patient-view",
        "net_cds.hook_instance": request["hookInstance"],
        "net_cds.cards": len(answer.get_json()["cards"]),
    }
    assert by_name(exporter)["read store"].attributes == {"db.system.name": "sqlite"}


def test_no_span_holds_a_word_of_the_chart_an_id_a_token_or_an_address(
    exporter: InMemorySpanExporter, service_with: AddressOf
) -> None:
    request = chart()
    patient = request["context"]["patientId"]
    with listening(FhirServer(request["prefetch"])) as server:
        client = service_with()
        post(client, fetched(request, server))
        # An address that nobody knows, a body that is none, and a server that does not answer.
        client.get(f"/Patient/{patient}?name=MARKER")
        client.post(
            f"/cds-services/{patient}", data=f'{{"MARKER": "{patient}"', content_type="application/json"
        )
        client.post("/cds-services/net-patient-view", json={**request, "hook": "MARKER"})
    post(client, fetched(request, server))

    said = " ".join(span.to_json() for span in exporter.get_finished_spans())
    assert len(exporter.get_finished_spans()) > 30
    for secret in (patient, request["context"]["userId"], TOKEN, "MARKER", server.base_url, "patient=", "?"):
        assert secret not in said, secret


def test_an_exchange_that_fails_says_why(exporter: InMemorySpanExporter, service_with: AddressOf) -> None:
    replies = {"/fhir/Condition": [Reply(500)], "/fhir/Patient/p1": [Reply(404)]}
    with misbehaving_server(replies) as server:
        service_with().post(
            "/cds-services/net-patient-view",
            json={**chart(), "prefetch": {}, "fhirServer": f"{server.url}/fhir"},
        )
    span = by_name(exporter)["GET Condition"]
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] in (404, 500)
    assert not span.events


def test_an_error_leaves_its_type_and_not_its_words(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="MARKER"), tracing.call(""):
        raise ValueError("MARKER")
    (span,) = exporter.get_finished_spans()
    assert span.attributes == {"error.type": "ValueError"}
    assert "MARKER" not in span.to_json()


def test_only_a_server_that_is_listed_is_told_of_the_trace(
    exporter: InMemorySpanExporter, service_with: AddressOf
) -> None:
    request = chart()
    headers = {"traceparent": TRACE_PARENT, "tracestate": "vendor=MARKER", "baggage": "patient=MARKER"}
    with listening(FhirServer(request["prefetch"])) as server:
        post(service_with(), fetched(request, server), headers=headers)
        assert server.traces == {None}
        post(service_with(traced_fhir_servers=(server.base_url,)), fetched(request, server), headers=headers)
    told = {trace for trace in server.traces if trace}
    sent = {f"{s.context.span_id:016x}" for s in exporter.get_finished_spans() if s.name.startswith("GET ")}
    assert {trace.split("-")[1] for trace in told} == {CALLERS_TRACE}
    assert {trace.split("-")[2] for trace in told} <= sent


def test_the_log_names_the_trace_that_was_begun(
    exporter: InMemorySpanExporter, service_with: AddressOf, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    post(service_with(), chart())
    (line,) = [line for line in log_lines() if line["event"] == "request"]
    assert line["trace"] == f"{exporter.get_finished_spans()[-1].context.trace_id:032x}"


def test_probes_leave_no_span(exporter: InMemorySpanExporter, service_with: AddressOf) -> None:
    client = service_with()
    for address in ("/health/live", "/health/ready", "/metrics"):
        client.get(address)
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("environment", "is_wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "net"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_switch_it_on(environment: dict[str, str], is_wanted: bool) -> None:
    assert tracing.is_wanted(environment) is is_wanted


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
    ],
)
def test_what_cannot_be_spoken_stops_the_start(
    service_with: AddressOf, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", **environment}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=next(iter(environment))):
        service_with()


def test_an_extra_that_is_not_installed_stops_the_start(
    service_with: AddressOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setattr(tracing, "_PACKAGES", ("opentelemetry.absent", "absent.package"))
    with pytest.raises(ConfigurationError, match=r"requirements-telemetry\.lock"):
        service_with()


def test_without_being_asked_for_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    program = (
        "import sys, service\n"
        "from service import AFTER_FORK\n"
        "app = service.create_app()\n"
        "for call in app.extensions[AFTER_FORK]: call()\n"
        "app.test_client().get('/cds-services')\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "NET_CDS_"))}
    kept |= {"NET_CDS_DATABASE_URL": f"sqlite:///{tmp_path}/store.sqlite3"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, env=kept, capture_output=True, text=True, check=True
    )
    *lines, loaded = done.stdout.splitlines()
    assert loaded == "[]"
    assert json.loads(lines[0])["tracing"] == "off"


def test_nothing_is_begun_before_the_fork(service_with: AddressOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    app = service_with().application
    assert not tracing.is_on()
    for call in app.extensions[AFTER_FORK]:
        call()
    assert tracing.is_on()
    for call in app.extensions[AT_EXIT]:
        call()
    assert not tracing.is_on()
