"""Ask one rule, or the whole engine, about a record written in phrases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from fhir_fixtures.vocabulary import TODAY, build_request, now_on
from service.engine import HookResult, ask_rules, gather, respond
from service.facts import Facts, read_facts
from service.facts.context import Context
from service.fhir.queries import prefetch_templates
from service.hooks.discovery import SERVICES
from service.hooks.request import HookRequest, read_request
from service.rules import RULES
from service.rules.base import Answer
from service.wording import Knowledge, load_knowledge

CARDS = Path(__file__).parent.parent / "cards"


@cache
def knowledge() -> Knowledge:
    """The content of ``cards/``, loaded once."""
    return load_knowledge(CARDS, holes={rule.id: rule.holes for rule in RULES}, version="test")


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


def facts(record: str, hook: str = "patient-view", *, today: date = TODAY) -> Facts:
    """The facts of a record in phrases."""
    request = hook_request(record, hook, today=today)
    context = Context(
        hook=hook,
        drafts=request.draft_orders,
        selections=frozenset(request.selections),
        appointments=request.appointments,
        encounter_id=request.encounter_id,
    )
    gathered = gather(request, {}, knowledge=knowledge())
    return read_facts(gathered, context, now=now_on(today), defaults=knowledge().defaults)


def answers(rule_id: str, record: str, hook: str = "patient-view") -> tuple[Answer, ...]:
    """What one rule says to a record in phrases."""
    verdicts = ask_rules(facts(record, hook), knowledge())
    return next((verdict.answers for verdict in verdicts if verdict.rule.id == rule_id), ())


def result(record: str, hook: str = "patient-view", *, today: date = TODAY) -> HookResult:
    """The whole answer to a record in phrases."""
    request = hook_request(record, hook, today=today)
    return respond(request, knowledge=knowledge(), now=now_on(today))
