"""Headers that every answer needs, errors and preflights included.

https://cds-hooks.hl7.org/2.0/#cors; https://peps.python.org/pep-3333/#the-start-response-callable
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from service.web.cors import Origins

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SECURITY = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
)


_POLICY = "Content-Security-Policy"
_NOTHING_MAY_LOAD = ((_POLICY, "default-src 'none'; frame-ancestors 'none'"),)


ALWAYS = (*_SECURITY, *_NOTHING_MAY_LOAD)
"""What every answer has that is no page."""


def with_headers(application: WSGIApplication, origins: Origins) -> WSGIApplication:
    """An application whose answers carry them; outside Flask, which would check and copy each one twice."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_preflight = environ["REQUEST_METHOD"] == "OPTIONS"
        cors = origins.headers(environ.get("HTTP_ORIGIN"), preflight=is_preflight)

        def start(status: str, headers: list[tuple[str, str]], failure: Any = None) -> Any:
            return start_response(status, [*headers, *_SECURITY, *_policy(headers), *cors], failure)

        return application(environ, start)

    return answer


def _policy(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The strictest one, unless the answer is a page and brings its own."""
    return () if any(name == _POLICY for name, _ in headers) else _NOTHING_MAY_LOAD
