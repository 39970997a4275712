"""The whole service as a process of its own, beside neighbours that hang, and with a log that nobody reads.

Each is an attack that once stopped the service: ``service/adr/0013-slow-neighbours.md``.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.security.keys import ISSUER, PUBLIC_URL, elliptic, key_set, public, signed
from tests.web.support import request_of

CHECKOUT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow
BUNDLE = {"resourceType": "Bundle", "type": "searchset", "entry": []}
TUMOUR = {
    "resourceType": "Condition",
    "id": "net-1",
    "subject": {"reference": "Patient/p1"},
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "code": {"text": "Neuroendocrine tumour of the ileum"},
}
CHART = {
    "patient": {"resourceType": "Patient", "id": "p1"},
    "conditions": {**BUNDLE, "entry": [{"resource": TUMOUR}]},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path, *, output: Any = subprocess.DEVNULL, **settings: str) -> Iterator[str]:
    """The base URL of ``python -m service serve`` with these settings."""
    with started(folder, output=output, **settings) as (base, _):
        yield base


@contextmanager
def started(folder: Path, *, output: Any = subprocess.DEVNULL, **settings: str) -> Iterator[tuple[str, int]]:
    """The base URL of the service, and the id of its first process."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("NET_CDS_")},
        "NET_CDS_DATABASE_URL": f"sqlite:///{folder}/store.sqlite3",
        "NET_CDS_SECRET_FILE": str(folder / "secret"),
        "NET_CDS_FETCH_DEADLINE_SECONDS": "2",
        **settings,
    }
    command = [sys.executable, "-m", "service", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=output, stderr=output) as process:
        base = f"http://127.0.0.1:{port}"
        try:
            _wait_for(base)
            yield base, process.pid
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(base: str) -> None:
    for _ in range(400):
        with contextlib.suppress(requests.ConnectionError):
            requests.get(f"{base}/health/live", timeout=5)
            return
        time.sleep(0.05)
    raise AssertionError("the service did not answer within twenty seconds")


@contextmanager
def hanging_server() -> Iterator[tuple[int, list[float]]]:
    """A port at which every connection is accepted and none answered, and when each came."""
    came: list[float] = []
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener, contextlib.ExitStack() as kept:
        threading.Thread(target=_accept, args=(listener, came, kept), daemon=True).start()
        yield int(listener.getsockname()[1]), came


def _accept(listener: socket.socket, came: list[float], kept: contextlib.ExitStack) -> None:
    with contextlib.suppress(OSError):
        while True:
            kept.enter_context(listener.accept()[0])
            came.append(time.monotonic())


def post(base: str, **members: Any) -> requests.Response:
    return requests.post(f"{base}/cds-services/net-patient-view", json=request_of(**members), timeout=30)


def seconds_of(call: Any) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def assert_health_is_told_at_once(base: str) -> None:
    """Most answers take a tenth of a second at most, and none much more on a busy machine."""
    addresses = [f"{base}/health/{state}" for state in ("live", "ready")] * 8
    seconds = sorted(seconds_of(lambda url=url: requests.get(url, timeout=10)) for url in addresses)
    assert seconds[len(seconds) * 3 // 4] < 0.1
    assert seconds[-1] < 0.5


def test_a_fhir_server_that_hangs_makes_nobody_wait_who_does_not_need_it(tmp_path: Path) -> None:
    with hanging_server() as (port, _), serving(tmp_path) as base, ThreadPoolExecutor(40) as many:
        hung = [many.submit(post, base, fhirServer=f"http://127.0.0.1:{port}/fhir") for _ in range(40)]
        time.sleep(0.3)
        answers = [seconds_of(lambda: post(base, prefetch=CHART)) for _ in range(5)]
        assert max(answers) < 1.5
        assert_health_is_told_at_once(base)
        refused = [call.result() for call in hung]
    assert {answer.status_code for answer in refused} == {412}
    reasons = " ".join(answer.text for answer in refused)
    assert "as many calls as it may" in reasons


def test_a_fhir_server_that_hangs_is_soon_not_asked_any_more(tmp_path: Path) -> None:
    with hanging_server() as (port, came), serving(tmp_path, NET_CDS_WORKERS="1") as base:
        server = {"fhirServer": f"http://127.0.0.1:{port}/fhir"}
        for _ in range(3):
            post(base, **server)
        asked = len(came)
        began = time.monotonic()
        answer = post(base, **server)
        assert time.monotonic() - began < 1
        assert "was not asked" in answer.text
        assert len(came) == asked


@pytest.mark.parametrize(
    "element",
    [b'{"a":1}', b"1", b"[[[[[[[[1]]]]]]]]", b'{"a":1,"a":2}'],
    ids=["members", "numbers", "arrays", "members-twice"],
)
@pytest.mark.parametrize("values", [900_000, 5_000_000], ids=["all-that-is-read", "more-than-is-read"])
def test_answers_that_unpack_to_a_thousand_times_their_size_are_read_in_bounds(
    tmp_path: Path, element: bytes, values: int
) -> None:
    each = 1 + element.count(b",") + element.count(b"{") + element.count(b"[")
    count = min(values // each, 16_000_000 // (len(element) + 1))
    packed = gzip.compress(
        b'{"resourceType":"Bundle","type":"searchset","entry":[' + b",".join([element] * count) + b"]}"
    )
    with packed_answers(packed) as server, started(tmp_path, NET_CDS_WORKERS="1") as (base, process):
        (worker,) = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        assert seconds_of(lambda: post(base, fhirServer=f"{server}/fhir")) < 2 + 5
        assert peak_mb(int(worker)) < 350
        assert post(base, prefetch=CHART).status_code == 200


def peak_mb(process: int) -> int:
    """The most memory that a process ever had."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


@contextmanager
def packed_answers(packed: bytes) -> Iterator[str]:
    """The base URL of a server that answers everything with this gzip stream."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(packed)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(packed)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_database_that_hangs_refuses_tokens_soon_and_kills_no_worker(tmp_path: Path) -> None:
    clients, sign = registered_client(tmp_path)
    with hanging_server() as (port, _):
        url = f"postgresql+psycopg://user:password@127.0.0.1:{port}/db"
        with serving(
            tmp_path, NET_CDS_DATABASE_URL=url, NET_CDS_CLIENTS=str(clients), NET_CDS_PUBLIC_URL=PUBLIC_URL
        ) as base:
            with ThreadPoolExecutor(8) as many:
                calls = [many.submit(_timed_token_call, base, sign()) for _ in range(8)]
                assert_health_is_told_at_once(base)
                outcomes = [call.result() for call in calls]
            assert {status for status, _ in outcomes} == {503}
            assert max(seconds for _, seconds in outcomes) < 2.5
            assert requests.get(f"{base}/health/ready", timeout=5).status_code == 503


def _timed_token_call(base: str, token: str) -> tuple[int, float]:
    began = time.monotonic()
    answer = requests.post(
        f"{base}/cds-services/net-patient-view",
        json=request_of(prefetch=CHART),
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    return answer.status_code, time.monotonic() - began


def registered_client(folder: Path) -> tuple[Path, Any]:
    """A clients file with one EHR, and what signs a fresh token of it."""
    (folder / "keys.json").write_bytes(key_set(public(elliptic(), "ec-1")))
    clients = folder / "clients.toml"
    clients.write_text(f'[[client]]\niss = "{ISSUER}"\njwks_file = "{folder}/keys.json"\n')
    return clients, signed


def test_a_collector_that_hangs_costs_no_answer_and_no_time_to_stop(tmp_path: Path) -> None:
    with hanging_server() as (port, came):
        with serving(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}") as base:
            assert max(seconds_of(lambda: post(base, prefetch=CHART)) for _ in range(20)) < 1.5
            began = time.monotonic()
        assert time.monotonic() - began < 6
        assert came


def test_every_worker_sends_its_spans(tmp_path: Path) -> None:
    with collector() as (endpoint, received):
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": "net"}
        # One after the other might all be taken by the same worker.
        with serving(tmp_path, **settings) as base, ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: post(base, prefetch=CHART), range(40)))
        spans = [span for one in received for scope in one.scope_spans for span in scope.spans]
        workers = {said(one.resource.attributes)["service.instance.id"] for one in received}
    assert sum(span.name == "POST /cds-services/<service_id>" for span in spans) == 40
    assert {said(one.resource.attributes)["service.name"] for one in received} == {"net"}
    assert len(workers) == 2


def said(attributes: Any) -> dict[str, str]:
    return {one.key: one.value.string_value for one in attributes}


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """The address of what takes spans, and what it was sent."""
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.extend(ExportTraceServiceRequest.FromString(body).resource_spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()


def test_a_log_on_a_full_disk_costs_no_answer(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full, serving(tmp_path, output=full) as base:
        assert [post(base, prefetch=CHART).status_code for _ in range(3)] == [200, 200, 200]


def test_a_log_whose_reader_has_left_or_sleeps_costs_no_answer(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with serving(tmp_path, output=writer) as base:
        # Nobody reads: after 64 KB the pipe is full.
        statuses = {post(base, prefetch=CHART).status_code for _ in range(120)}
        os.close(reader)
        statuses |= {post(base, prefetch=CHART).status_code for _ in range(3)}
    os.close(writer)
    assert statuses == {200}


def test_the_counts_of_all_workers_are_added_up(tmp_path: Path) -> None:
    with serving(tmp_path, NET_CDS_WORKERS="3") as base:
        for _ in range(12):
            post(base, prefetch=CHART)
        text = requests.get(f"{base}/metrics", timeout=5).text
    calls = 'net_cds_calls_total{client="",service="net-patient-view",status="200"}'
    assert f"{calls} 12.0" in text


def test_the_log_begins_with_what_was_started(tmp_path: Path) -> None:
    log = tmp_path / "log"
    clients, _ = registered_client(tmp_path)
    with log.open("w") as output, serving(tmp_path, output=output, NET_CDS_CLIENTS=str(clients)):
        pass
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    (start,) = [line for line in lines if line["event"] == "start"]
    assert start["authentication"] == "required"
    assert start["issuers"] == [ISSUER]
    assert start["version"] in start["content"]
    assert start["store"].startswith("sqlite:///")
