"""Answers to what never became a request of the application, as those of the application are.

https://www.rfc-editor.org/rfc/rfc9112#section-2.2. The server refuses a line that is no HTTP, a header that
is too long or two that contradict each other; nothing of what was sent gets into the answer or the log.
"""

from __future__ import annotations

import time
from http import HTTPStatus

import orjson
from gunicorn.http import errors

from service import metrics
from service.web import logs
from service.web.answers import FHIR_JSON
from service.web.caller import request_id
from service.web.errors import Reply, failure, outcome_document
from service.web.headers import ALWAYS

_NOT_HTTP = Reply(400, "invalid", "This is no HTTP request that can be read.")
_REPLIES: dict[type[errors.ParseException], Reply] = {
    errors.ForbiddenProxyRequest: Reply(403, "forbidden", "Calls by way of this proxy are refused."),
    errors.LimitRequestLine: Reply(414, "too-long", "The address is longer than this service reads."),
    errors.ExpectationFailed: Reply(417, "not-supported", "Of Expect only 100-continue is understood."),
    errors.LimitRequestHeaders: Reply(
        431, "too-long", "The headers are longer or more than this service reads."
    ),
    errors.UnsupportedTransferCoding: Reply(
        501, "not-supported", "This Transfer-Encoding is not understood."
    ),
}
_OF_THE_SERVICE = (
    errors.InvalidResponseHeader,
    errors.InvalidResponseHeaderName,
    errors.ConfigurationProblem,
)


def refusal(error: Exception) -> bytes:
    """The whole HTTP answer after which the connection is closed; its line is written, and it is counted."""
    trace = logs.Trace()
    trace.note(requestId=request_id({}))
    if isinstance(error, errors.ParseException) and not isinstance(error, _OF_THE_SERVICE):
        trace.note(refused=type(error).__name__)
        reply, diagnostics = _REPLIES.get(type(error), _NOT_HTTP), ""
    else:
        reply, diagnostics = failure(error, trace)
    logs.write_line(trace, status=reply.status)
    seconds = time.perf_counter() - trace.started
    metrics.count_answer(trace.fields, status=reply.status, seconds=seconds)
    body = orjson.dumps(outcome_document(reply, diagnostics=diagnostics))
    return _head(reply.status, len(body), trace.fields["requestId"]) + body


def _head(status: int, length: int, request: str) -> bytes:
    headers = [
        ("Content-Type", FHIR_JSON),
        ("Content-Length", str(length)),
        ("Connection", "close"),
        ("X-Request-ID", request),
        *ALWAYS,
    ]
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii")
