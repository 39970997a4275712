"""The OpenAPI 3.1 description of the whole API, built from the schemas that also check requests.

https://spec.openapis.org/oas/v3.1.0, of https://cds-hooks.hl7.org/2.0/
"""

from __future__ import annotations

from typing import Any

import orjson

from service import VERSION, metrics
from service.hooks import schemas, shapes
from service.hooks.hooks import SERVICES, Service
from service.web.errors import REPLIES

_JSON = "application/json"
_DESCRIPTION = (
    "A CDS Hooks 2.0 service for the work-up and initial treatment of neuroendocrine tumours. Every address "
    "also answers OPTIONS, without authentication, for browsers. Where clients are registered, a call needs "
    "the signed JWT of CDS Hooks as bearer token. No clinician has reviewed the clinical content."
)
_WORDS_OF_STATUS = {
    400: "The request breaks the contract; the JSON path says where.",
    401: "The caller could not be identified.",
    403: "The caller may not call this service.",
    404: "There is no such service.",
    412: "Needed FHIR data were neither sent nor readable.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    421: "Without registered clients only this machine is answered.",
    500: "The service failed; the text names the incident in its log.",
    503: "The database cannot be used at present.",
}


_TEXT = {"schema": {"type": "string"}}
_ACCEPT_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "description": "The languages wished for, unless the caller is registered with one.",
    **_TEXT,
}
_CONTENT_LANGUAGE = {"Content-Language": {"description": "The language of the cards.", **_TEXT}}


def document(*, public_url: str, feedback: bool) -> dict[str, Any]:
    """The description as JSON.

    ``public_url`` is where callers reach the service, so that a client made from the description calls there
    and not where it read it; ``feedback`` says whether the feedback addresses exist.
    """
    paths = {"/cds-services": {"get": _discovery()}}
    for service in SERVICES:
        paths[f"/cds-services/{service.id}"] = {"post": _call(service)}
        if feedback:
            paths[f"/cds-services/{service.id}/feedback"] = {"post": _feedback(service)}
    paths["/health/live"] = {"get": _health("live", "Says that the process answers.", ())}
    paths["/health/ready"] = {"get": _health("ready", "Says whether calls can be answered.", (503,))}
    paths["/metrics"] = {"get": _metrics()}
    paths["/openapi.json"] = {"get": _itself()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "net-cds", "version": VERSION, "description": _DESCRIPTION},
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "responses": _error_responses(),
            "securitySchemes": {"jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _discovery() -> dict[str, Any]:
    return {
        "operationId": "discovery",
        "summary": "The services offered and the data that each asks for",
        "security": [{}, {"jwt": []}],
        "responses": {"200": _success("DiscoveryResponse"), **_errors(401, 421, 500, 503)},
    }


def _call(service: Service) -> dict[str, Any]:
    return {
        "operationId": service.id,
        "summary": service.title,
        "description": service.description,
        "security": [{}, {"jwt": []}],
        "parameters": [_ACCEPT_LANGUAGE],
        "requestBody": _body(shapes.SCHEMA_NAMES[service.hook]),
        "responses": {
            "200": {**_success("ServiceResponse"), "headers": _CONTENT_LANGUAGE},
            **_errors(400, 401, 403, 404, 412, 413, 415, 421, 500, 503),
        },
    }


def _feedback(service: Service) -> dict[str, Any]:
    return {
        "operationId": f"{service.id}-feedback",
        "summary": f"What became of the cards of {service.id}",
        "security": [{}, {"jwt": []}],
        "requestBody": _body("FeedbackRequest"),
        "responses": {
            "200": _inline("The outcomes are kept.", {"type": "object", "maxProperties": 0}),
            **_errors(400, 401, 403, 404, 413, 415, 421, 500, 503),
        },
    }


def _health(state: str, summary: str, problems: tuple[int, ...]) -> dict[str, Any]:
    shape = {"type": "object", "required": ["status"], "properties": {"status": {"const": state}}}
    return {
        "operationId": f"health-{state}",
        "summary": summary,
        "security": [],
        "responses": {"200": _inline(f"The service is {state}.", shape), **_errors(*problems, 500)},
    }


def _metrics() -> dict[str, Any]:
    text = {metrics.CONTENT_TYPE: {"schema": {"type": "string"}}}
    return {
        "operationId": "metrics",
        "summary": "What was counted, for Prometheus, where NET_CDS_METRICS_READERS has the caller",
        "security": [],
        "responses": {"200": {"description": "The counts.", "content": text}, **_errors(404, 500)},
    }


def _itself() -> dict[str, Any]:
    return {
        "operationId": "openapi",
        "summary": "This description",
        "security": [],
        "responses": {"200": _inline("OpenAPI 3.1", {"type": "object"}), **_errors(421, 500)},
    }


def _body(schema: str) -> dict[str, Any]:
    return {"required": True, "content": {_JSON: {"schema": _reference(schema)}}}


def _success(schema: str) -> dict[str, Any]:
    return {"description": "Success", "content": {_JSON: {"schema": _reference(schema)}}}


def _inline(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": schema}}}


def _errors(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}


def _error_responses() -> dict[str, Any]:
    content = {"application/fhir+json": {"schema": _reference("OperationOutcome")}}
    statuses = {500, *(reply.status for reply in REPLIES.values())}
    return {
        str(status): {"description": _WORDS_OF_STATUS[status], "content": content}
        for status in sorted(statuses)
    }


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _schemas() -> dict[str, Any]:
    """All schemas under one roof; no name is there twice."""
    together = shapes.schemas()
    for file in schemas.FILES:
        together |= schemas.definitions(file)
    moved = orjson.dumps(together).replace(b'"#/$defs/', b'"#/components/schemas/')
    return dict(orjson.loads(moved))
