"""Every answer leaves through here: its JSON, its headers and its log line.

Headers that each answer needs, errors included, are added when it is built, so that no chain of
hooks around the request has to run. https://cds-hooks.hl7.org/2.0/#cors
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from flask import Response, current_app, g, request

from service.web import logs
from service.web.cors import Origins

ORIGINS = "net_cds_origins"
JSON = "application/json"
FHIR_JSON = "application/fhir+json"
_SECURITY_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
]


def trace() -> logs.Trace:
    """The trace of the request in hand, begun with the first call."""
    try:
        found: logs.Trace = g.trace
    except AttributeError:
        found = g.trace = logs.Trace()
    return found


def answer(
    document: dict[str, Any] | bytes,
    *,
    status: int = 200,
    content_type: str = JSON,
    headers: Iterable[tuple[str, str]] = (),
) -> Response:
    """An answer with a JSON body, given as bytes where it never changes."""
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return _send(body, status, [("Content-Type", content_type), *headers])


def preflight() -> Response:
    """The answer to OPTIONS: no body, and no caller has to be known for it."""
    origin = request.headers.get("Origin")
    response = _send(b"", 204, list(_origins().headers(origin, preflight=True)))
    # An empty body has no type, and Flask would call it text/html.
    del response.headers["Content-Type"]
    return response


def _send(body: bytes, status: int, headers: list[tuple[str, str]]) -> Response:
    headers += _SECURITY_HEADERS
    if request.method != "OPTIONS":
        headers += _origins().headers(request.headers.get("Origin"))
    logs.write_line(trace(), status=status)
    return Response(body, status=status, headers=headers)


def _origins() -> Origins:
    found: Origins = current_app.extensions[ORIGINS]
    return found
