"""The one place that knows HTTP status codes: an error becomes an OperationOutcome.

https://cds-hooks.hl7.org/2.0/#http-status-codes, https://hl7.org/fhir/R4/operationoutcome.html
"""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import uuid4

from flask import Flask, Response
from gunicorn.http.errors import NoMoreData, ParseException
from werkzeug.exceptions import HTTPException

from service import errors
from service.web import logs
from service.web.answers import FHIR_JSON, answer, trace


class Reply(NamedTuple):
    """HTTP status, FHIR issue type, and the text where the error itself brings none."""

    status: int
    issue: str
    text: str = ""


_TOO_LARGE = "The body is larger than this service reads."
REPLIES: dict[type[errors.ServiceError], Reply] = {
    errors.MalformedRequest: Reply(400, "invalid"),
    errors.NotAuthenticated: Reply(401, "login", "Authentication failed."),
    errors.NotPermitted: Reply(403, "forbidden", "This client may not make this call."),
    errors.NotLocal: Reply(421, "forbidden"),
    errors.UnknownService: Reply(404, "not-found", "No CDS service has this id: see /cds-services."),
    errors.MissingData: Reply(412, "incomplete"),
    errors.RequestTooLarge: Reply(413, "too-long", _TOO_LARGE),
    errors.UnsupportedMediaType: Reply(415, "not-supported"),
    errors.StoreUnavailable: Reply(503, "transient", "The service cannot use its database: try again later."),
}
"""What each error answers; any other error is the service's own fault, and a 500."""

HTTP_REPLIES: dict[int, Reply] = {
    400: Reply(400, "invalid", "The request could not be read to its end."),
    404: Reply(404, "not-found", "There is nothing at this address: see /cds-services."),
    405: Reply(405, "not-supported", "This address does not answer that HTTP method."),
    413: Reply(413, "too-long", _TOO_LARGE),
}
"""What the errors of Flask answer."""


def register(app: Flask) -> None:
    """Let every error of the application end here."""
    app.register_error_handler(errors.ServiceError, _service_error)
    app.register_error_handler(HTTPException, _http_error)
    # The server reads a chunked body only when the application asks for it, and so fails inside of it.
    app.register_error_handler(ParseException, _broken_body)
    app.register_error_handler(NoMoreData, _broken_body)
    app.register_error_handler(Exception, _unforeseen_error)


def _service_error(error: errors.ServiceError) -> Response:
    reply = REPLIES.get(type(error))
    if reply is None:
        return _unforeseen_error(error)
    trace().note(refused=type(error).__name__)
    if isinstance(error, errors.NotAuthenticated):
        trace().note(reason=error.reason, **error.details)
        return _outcome(reply, headers=[("WWW-Authenticate", error.challenge)])
    trace().note(reason=str(error))
    if isinstance(error, errors.MalformedRequest):
        trace().note(jsonPath=logs.safe_path(error.path))
        return _outcome(reply, text=f"{error.path}: {error.message}", diagnostics=error.path)
    if isinstance(error, errors.StoreUnavailable):
        return _outcome(reply, headers=[("Retry-After", "5")])
    return _outcome(reply, text=reply.text or str(error))


def _http_error(error: HTTPException) -> Response:
    reply = HTTP_REPLIES.get(error.code or 500)
    if reply is None:
        return _unforeseen_error(error)
    trace().note(refused=type(error).__name__)
    # Of Flask's headers only Allow, which belongs to a 405, says something that a client needs.
    allow = [(name, value) for name, value in error.get_headers() if name == "Allow"]
    return _outcome(reply, headers=allow)


def _broken_body(error: Exception) -> Response:
    trace().note(refused=type(error).__name__)
    return _outcome(HTTP_REPLIES[400])


def _unforeseen_error(error: Exception) -> Response:
    """Answer 500 with a number that finds the place of the fault in the log."""
    reply, diagnostics = failure(error, trace())
    return _outcome(reply, diagnostics=diagnostics)


def failure(error: Exception, line: logs.Trace) -> tuple[Reply, str]:
    """The reply to a fault of the service, and the number under which the log line says where it is."""
    incident = str(uuid4())
    line.note(incident=incident, error=logs.where_it_failed(error))
    reply = Reply(500, "exception", "The service failed; its log has more under the number of the incident.")
    return reply, f"incident {incident}"


def _outcome(
    reply: Reply, *, text: str = "", diagnostics: str = "", headers: list[tuple[str, str]] | None = None
) -> Response:
    outcome = outcome_document(reply, text=text, diagnostics=diagnostics)
    return answer(outcome, status=reply.status, content_type=FHIR_JSON, headers=headers or [])


def outcome_document(reply: Reply, *, text: str = "", diagnostics: str = "") -> dict[str, Any]:
    """The OperationOutcome with one issue that says it."""
    issue: dict[str, object] = {
        "severity": "error",
        "code": reply.issue,
        "details": {"text": text or reply.text},
    }
    if diagnostics:
        issue["diagnostics"] = diagnostics
    return {"resourceType": "OperationOutcome", "issue": [issue]}
