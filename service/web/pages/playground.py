"""What the first page asks: a hook request for a chart, and an answer with how it came about.

The answer is the engine's own (https://cds-hooks.hl7.org/2.0/#cds-service-response); only the day to judge by
may be a later one, no FHIR server is read, and earlier overrides do not count.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from service import engine, why
from service.charts import chart_of, request_document
from service.documents import elements, mapping
from service.dossier import to_html
from service.errors import InputFileError, MalformedRequest
from service.fhir.terminology import Terminology
from service.hooks.hooks import SERVICE_OF, SERVICES
from service.hooks.request import HookRequest, read_request
from service.hooks.response import response_document
from service.marked_texts import marked_texts
from service.site import Site, SiteRules, call_of

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
        chart = chart_of(bundle, "the Bundle")
    except InputFileError as problem:
        raise MalformedRequest(str(problem), path="$.bundle") from None
    return request_document(chart, hook=hook, user="Practitioner/at-the-page")


@dataclass(frozen=True, slots=True)
class Told:
    """The engine's answer, and what the page shows of it as JSON."""

    result: engine.HookResult
    document: Mapping[str, Any]


def answered(request: HookRequest, site: Site, now: datetime) -> Told:
    """The response, the words of its cards as HTML by uuid, and why. Raises MissingData, MalformedRequest."""
    rules = site.rules_of(call_of(request, now))
    ask = functools.partial(
        engine.respond, request, knowledge=rules.knowledge, shadow_rules=rules.shadow, now=now
    )
    result = ask()
    response = response_document(result.cards)
    document = {
        "day": now.date().isoformat(),
        "response": response,
        "details": {card["uuid"]: to_html(card.get("detail", "")) for card in response["cards"]},
        **_why(ask(ask_all=True), request, site, rules, now),
    }
    return Told(result, document)


def _why(
    whole: engine.HookResult, request: HookRequest, site: Site, rules: SiteRules, now: datetime
) -> dict[str, Any]:
    """How it came about; of a patient who looks at the own chart, whom nothing is told, no fact."""
    told = why.reasons(whole, rules, hook=request.hook)
    cards = site.loaded.cards
    shown = {
        "sections": why.as_json(told)["sections"],
        "answers": [asdict(one) | {"title": cards[one.rule].title} for one in told.answers],
    }
    if whole.record is None:
        return shown | {"facts": [], "course": [], "texts": []}
    patient = engine.patient_of(request, whole.record, rules.knowledge, now=now)
    events = why.in_order(why.course(patient))
    return shown | {
        "facts": [asdict(one) for one in why.facts(patient)],
        "course": [asdict(one) for one in events],
        "texts": [asdict(one) for one in marked_texts(patient)],
    }


MOST_CODES = 20
"""How many codes are offered for an order."""
_SHORTEST = 3  # characters; fewer stand in hundreds of names


def codes_with(words: str, terminology: Terminology) -> list[dict[str, str]]:
    """The first listed codes that are these words or are called so, to write an order of one's own with."""
    wanted = words.strip().casefold()
    if len(wanted) < _SHORTEST:
        return []
    rows = (row for listed in terminology.by_list.values() for row in listed)
    named = (row for row in rows if wanted == row.code.casefold() or wanted in row.display.casefold())
    distinct = {(row.system, row.code): row for row in named}.values()
    found = islice(distinct, MOST_CODES)
    return [{"system": row.system, "code": row.code, "display": row.display} for row in found]
