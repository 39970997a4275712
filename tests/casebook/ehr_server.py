"""A small FHIR R4 server on loopback, and what an EHR's server does wrong."""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tests.casebook.fhirsearch import Item, Unsupported, parse_query, search

FHIR_JSON = "application/fhir+json"
TOKEN = "casebook-token"


_QUIRKS = frozenset(
    [
        "withhold",
        "null",
        "cut",
        "nested",
        "noauth",
        "refuse",
        "maxquery",
        "entry-null",
        "bom",
        "ctype",
        "total-includes",
        "deny",
        "html",
    ]
)


@dataclass
class Quirks:
    """Column ehr: `name=Type[,Type]` or `name=Type:severity:code`, separated by blanks (see README.md)."""

    given: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Quirks:
        given: dict[str, list[str]] = {}
        for part in text.split():
            name, _, value = part.partition("=")
            if name not in _QUIRKS:
                raise SystemExit(f"cases.csv: unknown ehr quirk {name!r}")
            given.setdefault(name, []).extend(value.split(",") if value else [""])
        return cls(given)

    def hits(self, name: str, rtype: str) -> bool:
        return any(v.split(":")[0] in (rtype, "*") for v in self.given.get(name, []))

    def cut(self, rtype: str) -> dict | None:
        for value in self.given.get("cut", []):
            kind, severity, code = value.split(":")
            if kind == rtype:
                return {
                    "resource": {
                        "resourceType": "OperationOutcome",
                        "issue": [{"severity": severity, "code": code}],
                    },
                    "search": {"mode": "outcome"},
                }
        return None


def searchset(base: str, hits: list[dict], page: list[dict], quirks: Quirks, rtype: str) -> dict:
    """The Bundle that the EHR gives for a search, with what it does wrong."""
    matched = [r for r in hits if r.get("resourceType") == rtype]
    bundle: dict = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(hits) if quirks.given.get("total-includes") else len(matched),
    }
    if len(page) < len(hits):
        bundle["link"] = [{"relation": "next", "url": f"{base}/?_getpages={uuid.uuid4()}"}]
    if page:
        bundle["entry"] = [
            {
                "fullUrl": f"{base}/{r['resourceType']}/{r.get('id', uuid.uuid4())}",
                "resource": r,
                "search": {"mode": "match" if r["resourceType"] == rtype else "include"},
            }
            for r in page
        ]
    outcome = quirks.cut(rtype)
    if outcome:
        bundle |= {"total": 0, "entry": [outcome]}
    if quirks.hits("nested", rtype):
        bundle = {
            "resourceType": "Bundle",
            "type": "batch-response",
            "entry": [{"resource": bundle, "response": {"status": "200 OK"}}],
        }
    return bundle


def _outcome(code: str, text: str) -> dict:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": text}],
    }


_CAPABILITIES = {
    "resourceType": "CapabilityStatement",
    "status": "active",
    "date": "2026-01-01",
    "kind": "instance",
    "fhirVersion": "4.0.1",
    "format": ["json"],
    "rest": [{"mode": "server"}],
}
_REFUSALS: dict[str, tuple[int, object, str]] = {
    "withhold": (403, _outcome("forbidden", "not for you"), FHIR_JSON),
    "deny": (404, _outcome("not-found", "not here"), FHIR_JSON),
    "html": (404, b"<html><body>not found</body></html>", "text/html"),
}


class FhirServer:
    """A small FHIR R4 server on loopback over one record."""

    def __init__(self) -> None:
        self.record: list[Item] = []
        self.quirks = Quirks()
        self.token = TOKEN
        self.log: list[str] = []
        self.problems: list[str] = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.http.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.http.server_port}/fhir"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def load(self, record: list[Item], quirks: Quirks) -> None:
        self.record, self.quirks, self.log, self.problems = record, quirks, [], []
        self.token = "" if "noauth" in quirks.given else TOKEN

    def answer(self, target: str, form: str, auth: str | None) -> tuple[int, object, str]:
        parts = urlsplit(target)
        path, query = (
            parts.path.removeprefix("/fhir").strip("/"),
            "&".join(p for p in (parts.query, form) if p),
        )
        self.log.append(f"{path}?{query}")
        rtype = path.split("/")[0]
        if path == "metadata":
            return 200, _CAPABILITIES, FHIR_JSON
        if self.token and auth != f"Bearer {self.token}":
            return 401, _outcome("login", "no or wrong bearer token"), FHIR_JSON
        limit = self.quirks.given.get("maxquery")
        if limit and len(parts.query) > int(limit[0]):
            return 404, b"<html><body>404.15 Query String Too Long</body></html>", "text/html"
        for quirk, refusal in _REFUSALS.items():
            if self.quirks.hits(quirk, rtype):
                return refusal
        for refused in self.quirks.given.get("refuse", []):
            name, _, most = refused.partition(">")
            for key, value in parse_query(query):
                if key == name and (not most or int(value or 0) > int(most)):
                    return 400, _outcome("not-supported", f"{key} is not supported"), FHIR_JSON
        if path.count("/") == 1 and not path.endswith("_search"):
            wanted = [
                i.resource
                for i in self.record
                if i.resource["resourceType"] == rtype and i.resource.get("id") == unquote(path.split("/")[1])
            ]
            return (
                (200, wanted[0], FHIR_JSON)
                if wanted
                else (404, _outcome("not-found", "no such resource"), FHIR_JSON)
            )
        try:
            hits, count = search(self.record, path.removesuffix("/_search"), parse_query(query))
        except (Unsupported, ValueError) as err:
            self.problems.append(str(err))
            return 400, _outcome("not-supported", str(err)), FHIR_JSON
        page = hits[:count] if count else hits
        bundle: dict = searchset(self.base, hits, page, self.quirks, rtype)
        if "entry-null" in self.quirks.given and "entry" not in bundle:
            bundle["entry"] = None
        return 200, bundle, self.quirks.given.get("ctype", [FHIR_JSON])[0]


def _handler(owner: FhirServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply("")

        def do_POST(self) -> None:
            self._reply(
                self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
            )

        def _reply(self, form: str) -> None:
            status, body, ctype = owner.answer(self.path, form, self.headers.get("Authorization"))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            if "bom" in owner.quirks.given and not isinstance(body, bytes):
                data = b"\xef\xbb\xbf" + data
            self.send_response(status)
            self.send_header("Content-Type", ctype)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    return Handler
