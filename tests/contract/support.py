"""The whole service behind a test client, the charts to call it with, and a FHIR server to read."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.fhir.queries import QUERIES
from tests.certificates import encrypted

ServiceOf = Callable[..., FlaskClient]
CHECKOUT = Path(__file__).resolve().parents[2]
REQUESTS = sorted((CHECKOUT / "fhir_fixtures" / "requests").glob("*.json"))
NET_PATIENT = "ileal-net-liver-metastases-carcinoid-syndrome-resection-planned.patient-view"
HEALTHY_PATIENT = "no-net-healthy.patient-view"
EMPTY_SEARCH = {"resourceType": "Bundle", "type": "searchset", "total": 0}
FAILED = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception", "details": {"text": "time-out"}}],
}
TOKEN = "an-opaque-token-of-the-ehr"


def chart(name: str = NET_PATIENT) -> dict[str, Any]:
    """A request of fhir_fixtures, with prefetch."""
    found: dict[str, Any] = orjson.loads(
        (CHECKOUT / "fhir_fixtures" / "requests" / f"{name}.json").read_bytes()
    )
    return found


def with_prefetch(request: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    """The request with other values under some keys; ``...`` leaves a key out."""
    prefetch = {**request["prefetch"], **values}
    return {**request, "prefetch": {key: value for key, value in prefetch.items() if value is not ...}}


def post(client: FlaskClient, request: Mapping[str, Any], **options: Any) -> TestResponse:
    return client.post(f"/cds-services/net-{request['hook']}", json=request, **options)


def without_uuids(value: Any) -> Any:
    """An answer without what differs from call to call."""
    if isinstance(value, dict):
        return {name: without_uuids(inner) for name, inner in value.items() if name != "uuid"}
    return [without_uuids(inner) for inner in value] if isinstance(value, list) else value


def rules_of(response: TestResponse) -> list[str]:
    """The topic of each card."""
    assert response.status_code == 200, response.text
    return [card["source"]["topic"]["code"] for card in response.get_json()["cards"]]


def explanations(response: TestResponse) -> list[dict[str, Any]]:
    """What each card says of itself in its extension."""
    assert response.status_code == 200, response.text
    return [card["extension"]["net-cds.explanation"] for card in response.get_json()["cards"]]


class FhirServer:
    """A FHIR server that has what a prefetch holds, and remembers what it was asked."""

    def __init__(self, prefetch: Mapping[str, Any], *, page_size: int = 1000) -> None:
        self.prefetch = prefetch
        self.page_size = page_size
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.traces: set[str | None] = set()
        self.base_url = ""

    def answer(self, target: str, authorization: str | None) -> tuple[int, Any]:
        self.asked.append(target)
        self.tokens.add(authorization)
        parts = urlsplit(target)
        resource_type, _, resource_id = parts.path.removeprefix("/fhir/").partition("/")
        key = next((key for key, query in QUERIES.items() if query.resource_type == resource_type), "")
        if resource_id:
            return 200, self.prefetch[key]
        if key not in self.prefetch:
            return 403, FAILED
        first = int(dict(parse_qsl(parts.query)).get("first", 0))
        entries = self.prefetch[key].get("entry", [])
        page: dict[str, Any] = {**EMPTY_SEARCH, "total": len(entries)}
        if shown := entries[first : first + self.page_size]:
            page["entry"] = shown
        if first + self.page_size < len(entries):
            following = f"{self.base_url}/{resource_type}?first={first + self.page_size}"
            page["link"] = [{"relation": "next", "url": following}]
        return 200, page


class Listener(ThreadingHTTPServer):
    # All queries of a call come at once, and a connection that finds no room is tried again after a second.
    request_queue_size = 64


@contextmanager
def listening(server: FhirServer, *, encryption: ssl.SSLContext | None = None) -> Iterator[FhirServer]:
    """Serve on a port of this machine that the system chooses."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.traces.add(self.headers.get("traceparent"))
            status, document = server.answer(self.path, self.headers.get("Authorization"))
            body = orjson.dumps(document)
            self.send_response(status)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep the output of the tests readable."""

    with Listener(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        if encryption is not None:
            listener.socket = encrypted(listener.socket, encryption)
        scheme = "http" if encryption is None else "https"
        server.base_url = f"{scheme}://127.0.0.1:{listener.server_address[1]}/fhir"
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


def with_access(request: Mapping[str, Any], server: FhirServer, **authorization: Any) -> dict[str, Any]:
    """The request with the right to read a FHIR server."""
    granted = {
        "access_token": TOKEN,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "net-cds",
    }
    return {**request, "fhirServer": server.base_url, "fhirAuthorization": granted | authorization}
