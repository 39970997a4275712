"""Small real servers on loopback: a FHIR server that answers from a chart, and whatever a function says."""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import orjson

from service.charts import Chart
from service.commands.prefetch import Unresolvable, resolve
from service.fhir.queries import QUERIES
from tests.certificates import encrypted

Answer = tuple[int, Any]
Say = Callable[[str, str, bytes, Mapping[str, str]], Answer]
"""``(method, path with query, body, headers in lower case) -> (status, document)``."""


@contextlib.contextmanager
def server(
    say: Say, *, media_type: str = "application/fhir+json", encryption: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve on loopback; yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, document = say(self.command, unquote(self.path), body, headers)
            written = document if isinstance(document, bytes) else orjson.dumps(document)
            # Who asked may have lost patience.
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(written)))
                self.end_headers()
                self.wfile.write(written)

        do_GET = do_POST = do_OPTIONS = answer  # noqa: N815  # the names that http.server looks for

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if encryption is not None:
        listener.socket = encrypted(listener.socket, encryption)
    scheme = "http" if encryption is None else "https"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{scheme}://127.0.0.1:{listener.server_address[1]}"
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def capabilities(*, version: str = "4.0.1", without: str = "") -> dict[str, Any]:
    """A CapabilityStatement that offers all that the service asks for."""
    parameters = [{"name": name, "type": "token"} for name in ("patient", "code", "date", "status")]
    resources = [
        {
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "searchParam": parameters,
        }
        for kind in sorted({query.resource_type for query in QUERIES.values()} - {without})
    ]
    return {
        "resourceType": "CapabilityStatement",
        "fhirVersion": version,
        "rest": [{"mode": "server", "resource": resources}],
    }


def fhir_answers(chart: Chart, *, refuse: frozenset[str] = frozenset(), **promises: str) -> Say:
    """A FHIR server with one chart; it refuses the resource types named."""

    def say(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if path == "/metadata":
            return 200, capabilities(**promises)
        if path.partition("?")[0].split("/")[1] in refuse:
            return 403, {"resourceType": "OperationOutcome", "issue": [{"code": "forbidden"}]}
        return fhir_answer(chart, path)

    return say


def fhir_answer(chart: Chart, path: str) -> Answer:
    # These charts name their drugs in the orders, so that there is no Medication to include.
    path = re.sub(r"&_include=Medication\w+:medication$", "", path)
    try:
        found = resolve(path[1:], chart, context={}, now=datetime.now(UTC))
    except Unresolvable as reason:
        return 400, {
            "resourceType": "OperationOutcome",
            "issue": [{"code": "invalid", "diagnostics": str(reason)}],
        }
    if (
        isinstance(found, dict)
        and found.get("resourceType") == "Bundle"
        and len(found.get("entry", ())) < found["total"]
    ):
        found["link"] = [{"relation": "next", "url": "?page=2"}]
    return (
        (200, found)
        if found
        else (404, {"resourceType": "OperationOutcome", "issue": [{"code": "not-found"}]})
    )
