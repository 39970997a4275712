"""The Flask application: addresses and what answers them.

https://cds-hooks.hl7.org/2.0/#discovery and the sections after it.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from service import metrics
from service.errors import (
    MalformedRequest,
    MissingData,
    RequestTooLarge,
    StoreUnavailable,
    UnknownService,
    UnsupportedMediaType,
)
from service.hooks.discovery import discovery_document
from service.hooks.hooks import SERVICES, Service
from service.hooks.profiles import adapted
from service.hooks.request import HookRequest, read_request
from service.hooks.response import EXPLANATION, response_document
from service.json_body import read_object, read_parts
from service.security.clients import Client, require_service
from service.security.fhir_servers import may_read
from service.security.tokens import expected_audiences
from service.web import cors, errors, openapi
from service.web.answers import JSON, answer, preflight, trace
from service.web.caller import may_read_metrics, require_local
from service.web.headers import with_headers
from service.web.pages.views import Pages, add_pages
from service.web.parts import Answered, Parts, RecordFeedback
from service.web.spans import with_spans

_SERVICES = {service.id: service for service in SERVICES}
_BASE = "/cds-services"
_METRICS = "/metrics"
_FOR_PROBES = ("/health/", _METRICS)
_MOST_FEEDBACK_BYTES = 1_048_576
"""Far more than 200 reports with a comment of the length that is kept."""
_GZIP = ("gzip", "x-gzip")
_BROKEN_GZIP = "has to be one whole gzip stream, as its Content-Encoding says"
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_MOST_KEYS = 10
View = Callable[..., Response]


def build_app(parts: Parts, pages: Pages | None = None) -> Flask:
    """A Flask application that answers with ``parts`` and shows ``pages``.

    Raises ConfigurationError for bad origins.
    """
    app = Flask("service.web", static_folder=None)
    # A preflight must not be redirected, and users of the sandbox type a slash at the end.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    # One byte more than is read: Flask cuts a chunked body at this length, which _body then notices.
    app.config["MAX_CONTENT_LENGTH"] = parts.settings.max_body_bytes + 1
    answering = with_headers(app.wsgi_app, cors.origins(parts.settings))
    app.wsgi_app = with_spans(answering, without=_FOR_PROBES)  # type: ignore[method-assign, assignment]
    errors.register(app)
    if parts.settings.is_local:
        app.before_request(_require_local)
    _add(app, _BASE, "GET", functools.partial(_discovery, parts))
    for service_address in (f"{_BASE}/<service_id>", f"{_BASE}//<service_id>"):
        _add(app, service_address, "POST", functools.partial(_call, parts))
        if parts.record_feedback:
            feedback = functools.partial(_feedback, parts, parts.record_feedback)
            _add(app, f"{service_address}/feedback", "POST", feedback)
    _add(app, "/health/live", "GET", _live)
    _add(app, "/health/ready", "GET", functools.partial(_ready, parts))
    _add(app, _METRICS, "GET", functools.partial(_metrics, parts))
    public_url, feedback_is_taken = parts.settings.public_url, parts.record_feedback is not None
    document = orjson.dumps(openapi.document(public_url=public_url, feedback=feedback_is_taken))
    _add(app, "/openapi.json", "GET", functools.partial(answer, document))
    if pages is not None:
        add_pages(app, pages, functools.partial(_body, parts, parts.settings.max_body_bytes))
    return app


def _require_local() -> None:
    if not request.path.startswith(_FOR_PROBES):
        require_local(request.environ)


def _add(app: Flask, address: str, method: str, view: View) -> None:
    for name, methods, function in (
        (f"{method} {address}", [method], view),
        (f"OPTIONS {address}", ["OPTIONS"], _preflight),
    ):
        app.add_url_rule(
            address, name.replace(".", "_"), function, methods=methods, provide_automatic_options=False
        )


def _preflight(**_: str) -> Response:
    return preflight()


def _discovery(parts: Parts) -> Response:
    trace().note(endpoint="discovery")
    client = _client(parts, expected_audiences(parts.settings.public_url))
    document = discovery_document(
        prefetch=parts.prefetch,
        hooks=parts.hooks,
        services=client.services,
        switched_off=parts.switched_off,
    )
    return answer(document)


def _call(parts: Parts, service_id: str) -> Response:
    """One hook call: who, what, the cards."""
    line = trace()
    service = _service(parts, service_id)
    line.note(endpoint="service", service=service.id)
    client = _client(parts, expected_audiences(parts.settings.public_url, service_id=service.id))
    require_service(client, service.id)
    language = _language(parts, client)
    body = _body(parts, parts.settings.max_body_bytes)
    began = time.perf_counter()
    sent = read_parts(body, within="prefetch")
    hook_request = read_request(sent, service_id=service.id, hook=service.hook)
    line.note_hook_instance(hook_request.hook_instance)
    line.note(deviations=hook_request.deviations)
    parsed = time.perf_counter()
    speaker = dataclasses.replace(client, language=language)
    answered = _answered(parts, hook_request, client, speaker)
    document = adapted(response_document(answered.cards), client.profile, client.order_codes)
    if parts.record_issued:
        parts.record_issued(document["cards"], answered=answered, request=hook_request, client=speaker)
    metrics.count_cards(document["cards"], explanation=EXPLANATION)
    line.note(
        hook=hook_request.hook,
        cards=[card["extension"][EXPLANATION]["recommendations"] for card in document["cards"]],
        sections=dict(answered.sections),
        durations={"parse": round((parsed - began) * 1000, 3), **answered.durations},
    )
    return answer(document, headers=_language_headers(parts, client, language))


def _language(parts: Parts, client: Client) -> str:
    """That of the client's own setting, else what its caller wishes most, else the first."""
    offered = {one.lower(): one for one in parts.languages}
    return client.language or next(_wished(offered), parts.languages[0])


def _wished(offered: Mapping[str, str]) -> Iterator[str]:
    """What is offered of the wishes of the caller, best first; ``de-AT`` is met by ``de`` too.

    https://www.rfc-editor.org/rfc/rfc4647#section-3.4. Werkzeug's own choice takes a lesser wish that is met
    to the letter before a greater one that is met by its beginning.
    """
    for wish, quality in request.accept_languages:
        tags = (wish.lower(), wish.lower().partition("-")[0])
        yield from (offered[tag] for tag in tags if quality > 0 and tag in offered)


def _language_headers(parts: Parts, client: Client, language: str) -> Iterator[tuple[str, str]]:
    """The language, and that another caller may get another where it was negotiated."""
    yield ("Content-Language", language)
    if not client.language and len(parts.languages) > 1:
        yield ("Vary", "Accept-Language")


def _feedback(parts: Parts, record: RecordFeedback, service_id: str) -> Response:
    line, most = trace(), min(_MOST_FEEDBACK_BYTES, parts.settings.max_body_bytes)
    service = _service(parts, service_id)
    line.note(endpoint="feedback", service=service.id)
    audiences = expected_audiences(parts.settings.public_url, service_id=service.id, feedback=True)
    client = _client(parts, audiences)
    require_service(client, service.id)
    line.note(outcomes=record(read_object(_body(parts, most)), service_id=service.id, client=client))
    return answer(b"{}")


def _live() -> Response:
    return answer({"status": "live"})


def _ready(parts: Parts) -> Response:
    """Whether calls can be answered: without the store they can, unless replays have to be recognised.

    An approval that has lapsed stops no call, but whoever watches over the service should hear of it.
    """
    document: dict[str, Any] = {"status": "ready"}
    if parts.check_store is not None:
        document["store"] = _state_of_store(parts, parts.check_store)
    if lapsed := list(parts.lapsed_approvals()):
        document["lapsedApprovals"] = {"count": len(lapsed), "cards": lapsed}
    return answer(document)


def _state_of_store(parts: Parts, check_store: Callable[[], None]) -> str:
    try:
        check_store()
    except StoreUnavailable:
        if parts.settings.authentication_required:
            raise
        return "unavailable"
    return "available"


def _metrics(parts: Parts) -> Response:
    """For those who may read it; for all others there is nothing here."""
    trace().note(endpoint="metrics")
    if not may_read_metrics(request.environ, parts.settings.metrics_readers):
        raise NotFound
    return answer(metrics.exposition(), content_type=metrics.CONTENT_TYPE)


def _service(parts: Parts, service_id: str) -> Service:
    service = _SERVICES.get(service_id)
    if service is None or service.hook not in parts.hooks:
        raise UnknownService
    return service


def _client(parts: Parts, audiences: Collection[str]) -> Client:
    client = parts.authenticate(request.environ.get("HTTP_AUTHORIZATION"), audiences)
    trace().note(client=client.issuer)
    return client


def _body(parts: Parts, most: int) -> bytes:
    # Most say just this, and to take the header apart costs more than the rest of this function.
    if request.content_type != JSON:
        _check_type(request.mimetype, is_local=parts.settings.is_local)
    coding = request.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if coding not in (*_GZIP, "identity", ""):
        raise UnsupportedMediaType("The body has to come with Content-Encoding: gzip, or without any.")
    body = _at_most(most, request.get_data(cache=False))
    return _unzipped(body, most) if coding in _GZIP else body


def _at_most(most: int, body: bytes) -> bytes:
    if len(body) > most:
        raise RequestTooLarge
    return body


def _unzipped(body: bytes, most: int) -> bytes:
    """The content of one gzip stream, of which no more than ``most`` bytes and one are ever unpacked."""
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = _at_most(most, stream.decompress(body, most + 1))
    except zlib.error:
        raise MalformedRequest(_BROKEN_GZIP) from None
    if not stream.eof or stream.unused_data:
        raise MalformedRequest(_BROKEN_GZIP)
    return content


def _check_type(kind: str, *, is_local: bool) -> None:
    # A page of any site may have a browser send a body without a type, or as text, but not as JSON.
    if (kind or is_local) and kind not in (JSON, "text/json") and not kind.endswith("+json"):
        raise UnsupportedMediaType("The body has to be JSON: send Content-Type: application/json.")


def _answered(parts: Parts, hook_request: HookRequest, client: Client, speaker: Client) -> Answered:
    """The answer to a client; ``speaker`` is the same client in the language of the call."""
    permitted = _without_forbidden_server(parts, hook_request, client)
    try:
        return parts.respond(permitted, speaker)
    except MissingData as problem:
        hints = _hints(parts, hook_request, is_forbidden=permitted is not hook_request)
        raise MissingData(" ".join([str(problem), *hints])) from None


def _hints(parts: Parts, hook_request: HookRequest, *, is_forbidden: bool) -> Iterator[str]:
    """What of the request could not be used, in terms of the request."""
    if is_forbidden:
        yield "The fhirServer of this call is not on the list of servers that may be read for this client."
    unknown = [key for key in hook_request.prefetch if key not in parts.prefetch]
    if unknown:
        named = [key for key in unknown if _PLAIN_KEY.fullmatch(key)][:_MOST_KEYS]
        shown = f" ({', '.join(named)})" if named else ""
        yield f"{len(unknown)} keys of prefetch{shown} are not those of discovery."


def _without_forbidden_server(parts: Parts, hook_request: HookRequest, client: Client) -> HookRequest:
    """A FHIR server that may not be read counts as none; it is never contacted."""
    access = hook_request.fhir_access
    allowed = parts.settings.allowed_fhir_servers
    if access is None or may_read(access.base_url, client, allowed_fhir_servers=allowed):
        return hook_request
    trace().note(fhirServer="not allowed")
    return dataclasses.replace(hook_request, fhir_access=None)
