"""The span of a call: what the log says of it, under the names of OpenTelemetry.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/. ``url.path``, which it asks for, is left out: an
address that nobody knows can hold anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from service import tracing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_OF_LINE = {
    "method": "http.request.method",
    "path": "http.route",
    "client": "net_cds.client",
    "service": "net_cds.service",
    "hook": "net_cds.hook",
    "hookInstance": "net_cds.hook_instance",
    "refused": "error.type",
    "incident": "net_cds.incident",
}
"""Member of the log line -> attribute of the span."""


def with_spans(application: WSGIApplication, *, without: tuple[str, ...]) -> WSGIApplication:
    """An application that records a span for each call but those to addresses that begin with ``without``."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(without):
            return application(environ, start_response)
        with tracing.call(environ.get("HTTP_TRACEPARENT", "")):
            return application(environ, start_response)

    return answer


def describe(line: Mapping[str, Any], *, status: int) -> None:
    """Say on the span in hand what the log line of a call says."""
    if tracing.is_on():
        name = f"{line.get('method', 'other')} {line.get('path', '')}".strip()
        tracing.note(dict(_attributes(line, status)), name=name, failed=status >= 500)


def _attributes(line: Mapping[str, Any], status: int) -> Iterator[tuple[str, str | int]]:
    yield "http.response.status_code", status
    if "cards" in line:
        yield "net_cds.cards", len(line["cards"])
    yield from ((named, str(line[member])) for member, named in _OF_LINE.items() if member in line)
