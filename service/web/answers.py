"""Every answer leaves through here: its JSON and its log line.

https://cds-hooks.hl7.org/2.0/#cds-service-response
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import orjson
from flask import Response, g, has_request_context, request

from service import metrics, tracing
from service.web import logs, spans
from service.web.caller import request_id, trace_id

JSON = "application/json"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
FHIR_JSON = "application/fhir+json"


def trace() -> logs.Trace:
    """The trace of the request in hand, begun with the first call."""
    found: logs.Trace | None = g.get("trace")
    if found is None:
        found = g.trace = logs.Trace()
        if has_request_context():
            found.note(**_of_request())
    return found


def _of_request() -> dict[str, Any]:
    """The method, the template of the address and the ids of the request; never the address itself."""
    rule = request.url_rule
    return {
        "method": request.method if request.method in _METHODS else "other",
        "path": rule.rule if rule else None,
        "requestId": request_id(request.environ),
        "trace": tracing.trace_id() or trace_id(request.environ),
    }


def answer(
    document: dict[str, Any] | bytes,
    *,
    status: int = 200,
    content_type: str = JSON,
    headers: Iterable[tuple[str, str]] = (),
) -> Response:
    """An answer with a JSON body, given as bytes where it never changes."""
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    _finish(status)
    named = [*headers, ("X-Request-ID", trace().fields["requestId"])]
    return Response(body, status, named, content_type=content_type)


def _finish(status: int) -> None:
    """Write the line of the request in hand, count it, and describe its span."""
    line = trace()
    spans.describe(line.fields, status=status)
    logs.write_line(line, status=status)
    metrics.count_answer(line.fields, status=status, seconds=time.perf_counter() - line.started)


def preflight() -> Response:
    """The answer to OPTIONS: no body, and no caller has to be known for it."""
    _finish(204)
    response = Response(status=204, headers=[("X-Request-ID", trace().fields["requestId"])])
    # An empty body has no type, and Flask would call it text/html.
    del response.headers["Content-Type"]
    return response
