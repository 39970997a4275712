"""Ask one rule, or the whole engine, about a record written in phrases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from fhir_fixtures.vocabulary import TODAY, build_request, now_on
from service.cards import Knowledge, load_knowledge
from service.engine import HookResult, Said, ask_rule, gather, patient_of, respond
from service.facts.patient import Patient
from service.fhir.queries import prefetch_templates
from service.hooks.hooks import SERVICES
from service.hooks.request import HookRequest, read_request
from service.rules import RULES
from service.translations import Translation, load_translations

CARDS = Path(__file__).parent.parent / "cards"


@cache
def knowledge() -> Knowledge:
    """The content of ``cards/``, loaded once."""
    return load_knowledge(CARDS, holes={rule.id: rule.holes for rule in RULES}, version="test")


@cache
def translations() -> Mapping[str, Translation]:
    """Language -> the content in it, for each language that ``cards/`` is translated to."""
    return load_translations(CARDS, knowledge())


def templates() -> dict[str, str]:
    """The prefetch templates of discovery."""
    return prefetch_templates(knowledge().terminology.observation_codes())


def hook_request(record: str, hook: str = "patient-view", *, today: date = TODAY) -> HookRequest:
    """The request for a record in phrases, read as the web reads it."""
    return as_read(build_request(record, hook=hook, today=today))


def as_read(document: Mapping[str, Any]) -> HookRequest:
    """A request as the service of its hook reads it."""
    service = next(service for service in SERVICES if service.hook == document["hook"])
    return read_request(document, service_id=service.id, hook=service.hook)


def patient(record: str, hook: str = "patient-view", *, today: date = TODAY) -> Patient:
    """The patient of a record in phrases, for any fact."""
    request = hook_request(record, hook, today=today)
    gathered = gather(request, knowledge=knowledge(), whole=True)
    return patient_of(request, gathered, knowledge(), now=now_on(today))


def with_drafts(record: str, *drafts: Mapping[str, Any], selections: Sequence[str] = ()) -> Patient:
    """The patient of a record in phrases with these drafts, as unfinished as clients send them."""
    document = build_request(record, hook="order-select", today=TODAY)
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in drafts]}
    document["context"] |= {"draftOrders": bundle, "selections": list(selections)}
    request = as_read(document)
    gathered = gather(request, knowledge=knowledge(), whole=True)
    return patient_of(request, gathered, knowledge(), now=now_on(TODAY))


def patient_with(record: str, key: str, *resources: Mapping[str, Any]) -> Patient:
    """The patient of a record in phrases with these resources beside under a key of the prefetch."""
    document = build_request(record, hook="patient-view", today=TODAY)
    subject = {"reference": "Patient/patient-1"}
    entries = [
        {"resource": {"id": f"more-{n}", "subject": subject, **one}} for n, one in enumerate(resources)
    ]
    bundle = document["prefetch"].get(key) or {"resourceType": "Bundle", "type": "searchset"}
    document["prefetch"][key] = {**bundle, "entry": [*bundle.get("entry", []), *entries]}
    document["prefetch"][key].pop("total", None)
    request = as_read(document)
    return patient_of(request, gather(request, knowledge=knowledge()), knowledge(), now=now_on(TODAY))


SWITCHED_ON = {"follow_up_days": 550}
"""The limits whose default switches a rule off, as a site sets them that wants the rule."""


def switched_on(of: Patient) -> Patient:
    """The same patient at a site that has switched on every rule that is off by default."""
    return replace(of, defaults=replace(of.defaults, **SWITCHED_ON))


def answers(rule_id: str, record: str, hook: str = "patient-view") -> tuple[Said, ...]:
    """What becomes of a rule's answer to a record in phrases, where every rule is switched on."""
    return ask_rule(rule_id, switched_on(patient(record, hook)), knowledge())


def result(record: str, hook: str = "patient-view", *, today: date = TODAY) -> HookResult:
    """The whole answer to a record in phrases."""
    request = hook_request(record, hook, today=today)
    return respond(request, knowledge=knowledge(), now=now_on(today))
