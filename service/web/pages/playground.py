"""What the first page asks: a hook request for a chart, and an answer with how it came about.

The answer is the engine's own (https://cds-hooks.hl7.org/2.0/#cds-service-response); only the day to judge by
may be a later one, no FHIR server is read, and earlier overrides do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from service import engine, why
from service.cards import Knowledge
from service.charts import chart_of, request_document
from service.documents import elements, mapping
from service.dossier import to_html
from service.errors import InputFileError, MalformedRequest
from service.hooks.hooks import SERVICE_OF, SERVICES
from service.hooks.request import HookRequest, read_request
from service.hooks.response import response_document

LATEST = 3650
"""The farthest day ahead to judge by, in days."""


def asked(document: Mapping[str, Any]) -> tuple[HookRequest, int]:
    """The hook request of ``{"request": ..., "days": ...}`` and the days ahead. Raises MalformedRequest."""
    sent, days = document.get("request"), document.get("days", 0)
    if not isinstance(sent, dict):
        raise MalformedRequest("has to be a hook request as a JSON object", path="$.request")
    if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= LATEST:
        raise MalformedRequest(f"has to be a whole number from 0 to {LATEST}", path="$.days")
    hook = _hook(sent.get("hook"), "$.request.hook")
    return read_request(sent, service_id=SERVICE_OF[hook].id, hook=hook), days


def _hook(stated: object, path: str) -> str:
    if not isinstance(stated, str) or stated not in SERVICE_OF:
        raise MalformedRequest(f"has to be one of {', '.join(one.hook for one in SERVICES)}", path=path)
    return stated


def request_of_bundle(document: Mapping[str, Any]) -> dict[str, Any]:
    """The hook request of ``{"bundle": ..., "hook": ...}``. Raises MalformedRequest."""
    bundle, hook = mapping(document.get("bundle")), _hook(document.get("hook"), "$.hook")
    kinds = [mapping(entry.get("resource")).get("resourceType") for entry in elements(bundle.get("entry"))]
    if kinds.count("Patient") > 1:
        raise MalformedRequest("holds several Patients; give the Bundle of one", path="$.bundle")
    try:
        chart = chart_of(bundle, name="the Bundle")
    except InputFileError as problem:
        raise MalformedRequest(str(problem), path="$.bundle") from None
    return request_document(chart, hook=hook, user="Practitioner/at-the-page")


def answered(request: HookRequest, knowledge: Knowledge, now: datetime) -> dict[str, Any]:
    """The response, the words of its cards as HTML by uuid, and why. Raises MissingData, MalformedRequest."""
    response = response_document(engine.respond(request, knowledge=knowledge, now=now).cards)
    whole = engine.respond(request, knowledge=knowledge, now=now, ask_all=True)
    told = why.reasons(whole, knowledge, hook=request.hook)
    return {
        "day": now.date().isoformat(),
        "response": response,
        "details": {card["uuid"]: to_html(card.get("detail", "")) for card in response["cards"]},
        "sections": why.as_json(told)["sections"],
        "answers": [asdict(one) | {"title": knowledge.cards[one.rule].title} for one in told.answers],
        **_about(request, whole, knowledge, now),
    }


def _about(
    request: HookRequest, result: engine.HookResult, knowledge: Knowledge, now: datetime
) -> dict[str, Any]:
    """The facts and the course; nothing where there is no record, as for a patient who looks at the chart."""
    if result.record is None:
        return {"facts": [], "course": []}
    patient = engine.patient_of(request, result.record, knowledge, now=now)
    events = why.in_order(why.course(patient))
    return {
        "facts": [asdict(one) for one in why.facts(patient)],
        "course": [asdict(one) for one in events],
    }
