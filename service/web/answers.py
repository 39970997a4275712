"""Every answer leaves through here: its JSON and its log line.

https://cds-hooks.hl7.org/2.0/#cds-service-response
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from flask import Response, g

from service.web import logs

JSON = "application/json"
FHIR_JSON = "application/fhir+json"


def trace() -> logs.Trace:
    """The trace of the request in hand, begun with the first call."""
    found: logs.Trace | None = g.get("trace")
    if found is None:
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
    logs.write_line(trace(), status=status)
    return Response(body, status, list(headers), content_type=content_type)


def preflight() -> Response:
    """The answer to OPTIONS: no body, and no caller has to be known for it."""
    logs.write_line(trace(), status=204)
    response = Response(status=204)
    # An empty body has no type, and Flask would call it text/html.
    del response.headers["Content-Type"]
    return response
