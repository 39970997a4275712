"""Puts the service together: content, rules, store and keys behind the web.

The parts of one call follow https://cds-hooks.hl7.org/2.0/#calling-a-cds-service.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Flask

from service import AFTER_FORK, AT_EXIT, VERSION, engine
from service.cards import ENGLISH, Knowledge, load_knowledge
from service.config import Settings, read_settings
from service.errors import ConfigurationError
from service.fhir.access import FhirAccess
from service.fhir.client import FetchLimits, FetchOutcome, fetch_all
from service.fhir.medications import queries_for
from service.fhir.queries import prefetch_templates
from service.hooks import feedback
from service.hooks.card import OverrideReason
from service.hooks.hooks import SERVICES
from service.hooks.override_reasons import published_reasons
from service.hooks.profiles import PROFILES
from service.hooks.request import HookRequest
from service.rules import RULES
from service.security.clients import Client, read_clients
from service.security.fhir_servers import unusable_entries
from service.security.tokens import authenticate
from service.security.urls import same_base
from service.store.database import Store, check, open_store
from service.store.feedback import record_feedback
from service.store.issued import IssuedCardWriter, shown_cards
from service.store.overrides import declined_rules, recipient_key
from service.store.report import report
from service.store.secret import read_secret
from service.store.tokens import remember_token
from service.translations import load_translations
from service.web.app import build_app
from service.web.logs import configure_logging
from service.web.pages.access import read_password
from service.web.pages.views import Pages
from service.web.parts import Answered, Parts, anybody

_LOGGER = logging.getLogger("service.web.wiring")

Respond = Callable[[HookRequest, Client], Answered]


def wired_app(settings: Settings | None = None) -> Flask:
    """See :func:`service.create_app`."""
    settings = settings or read_settings(os.environ)
    configure_logging(settings.log_level)
    if problems := unusable_entries(settings.allowed_fhir_servers):
        raise ConfigurationError([f"NET_CDS_ALLOWED_FHIR_SERVERS: {problem}" for problem in problems])
    knowledge = knowledge_of(settings)
    _warn_of_reviews(knowledge, _today())
    secret = read_secret(settings.secret_file, database_url=settings.database_url)
    store = open_store(settings.database_url, secret=secret)
    writer = IssuedCardWriter(store, retention_days=settings.retention_days)
    languages = languages_of(settings, knowledge)
    respond = _responder(settings, languages=languages, store=store)
    parts = _parts(settings, languages=languages, respond=respond, store=store, writer=writer)
    app = build_app(parts, _pages(settings, languages[ENGLISH], parts, store))
    app.extensions[AFTER_FORK] = [writer.after_fork]
    app.extensions[AT_EXIT] = [writer.close]
    return app


def knowledge_of(settings: Settings) -> Knowledge:
    """The clinical content; with NET_CDS_CONTENT=approved only what a clinician has signed."""
    knowledge = load_knowledge(
        settings.cards_dir,
        holes={rule.id: rule.holes for rule in RULES},
        version=VERSION,
        overrides=settings.defaults_file,
        code_map=settings.code_map_file,
        results_by_code=settings.results_by == "code",
    )
    return dataclasses.replace(knowledge, only_approved=settings.content == "approved")


def languages_of(settings: Settings, knowledge: Knowledge) -> dict[str, Knowledge]:
    """Language -> the content in it, English first; with NET_CDS_CONTENT=approved approved words only."""
    approved_only = settings.content == "approved"
    found = load_translations(settings.cards_dir, knowledge, approved_only=approved_only)
    return {knowledge.language: knowledge, **{name: one.knowledge for name, one in found.items()}}


def _parts(
    settings: Settings,
    *,
    languages: Mapping[str, Knowledge],
    respond: Respond,
    store: Store,
    writer: IssuedCardWriter,
) -> Parts:
    knowledge = languages[ENGLISH]
    return Parts(
        settings=settings,
        respond=respond,
        languages=tuple(languages),
        hooks=frozenset(hook for rule in RULES if knowledge.shows(rule.id, _today()) for hook in rule.hooks),
        prefetch=templates_of(settings, knowledge),
        authenticate=_authenticator(settings, store, languages),
        record_issued=functools.partial(_record_issued, store, writer),
        record_feedback=functools.partial(_record_feedback, store, _reasons(knowledge)),
        check_store=functools.partial(check, store),
        lapsed_approvals=lambda: tuple(knowledge.lapsed(_today())),
    )


def _pages(settings: Settings, knowledge: Knowledge, parts: Parts, store: Store) -> Pages | None:
    """The pages, where they are shown. Feedback of the page is taken where callers need no name."""
    if not settings.shows_pages:
        return None
    return Pages(
        knowledge=knowledge,
        cards_dir=settings.cards_dir,
        password=read_password(settings),
        record_issued=None if settings.authentication_required else parts.record_issued,
        report=lambda since, until: report(store, since=since, until=until),
    )


def _today() -> date:
    return datetime.now(UTC).date()


def _warn_of_reviews(knowledge: Knowledge, today: date) -> None:
    """Say at start whose approval has lapsed or will soon, and which cards are off for want of one."""
    for card, why in knowledge.lapsed(today).items():
        _LOGGER.warning("%s: %s", card, why)
    for card, state in knowledge.states(today).items():
        if state.is_due:
            _LOGGER.warning("%s: its next review is due on %s", card, state.review.next_review)
    if off := [rule.id for rule in RULES if not knowledge.shows(rule.id, today)]:
        _LOGGER.warning("NET_CDS_CONTENT=approved: not shown, because not approved: %s", ", ".join(off))


def templates_of(settings: Settings, knowledge: Knowledge) -> Mapping[str, str]:
    """The templates of prefetch; results are asked for by code unless the site has chosen otherwise."""
    by_code = settings.results_by == "code"
    return prefetch_templates(knowledge.terminology.observation_codes() if by_code else ())


def _responder(settings: Settings, *, languages: Mapping[str, Knowledge], store: Store) -> Respond:
    knowledge = languages[ENGLISH]
    fetch = _fetcher(settings, templates_of(settings, knowledge))
    declined_for = timedelta(days=knowledge.defaults.override_days)

    def respond(request: HookRequest, client: Client) -> Answered:
        now = datetime.now(UTC)
        result = engine.respond(
            request,
            knowledge=languages.get(client.language, knowledge),
            now=now,
            fetch=functools.partial(fetch, until=time.monotonic() + settings.fetch_deadline_seconds),
            overridden=functools.partial(
                declined_rules,
                store,
                recipient=_recipient(store, request, client),
                since=now - declined_for,
            ),
        )
        return Answered(result.cards, result.milliseconds, _sections(result))

    return respond


def _recipient(store: Store, request: HookRequest, client: Client) -> str:
    return recipient_key(
        store.secret,
        issuer=client.issuer,
        tenant=client.tenant,
        patient_id=request.patient_id,
        user_id=request.user_id,
    )


def _fetcher(settings: Settings, templates: Mapping[str, str]) -> Callable[..., Mapping[str, FetchOutcome]]:
    """What reads a FHIR server; all that one call asks has to arrive before ``until``."""
    limits = FetchLimits(certificate_authorities=settings.certificate_authorities)

    def fetch(
        access: FhirAccess, patient_id: str, keys: Collection[str], *, until: float
    ) -> Mapping[str, FetchOutcome]:
        queries = queries_for(patient_id, {key: templates.get(key, key) for key in keys})
        seconds = max(0.0, until - time.monotonic())
        return fetch_all(access, queries, deadline_seconds=seconds, same_base=same_base, limits=limits)

    return fetch


def _sections(result: engine.HookResult) -> dict[str, dict[str, Any]]:
    """The state of each section that was looked at, and how its entries ended."""
    sections = result.record.sections if result.record else {}
    return {name: {"state": one.state.value, **one.count._asdict()} for name, one in sections.items()}


def _authenticator(
    settings: Settings, store: Store, languages: Collection[str]
) -> Callable[[str | None, Collection[str]], Client]:
    if not settings.authentication_required or settings.clients_file is None:
        return anybody
    known = [service.id for service in SERVICES]
    clients = read_clients(
        settings.clients_file,
        known_services=known,
        known_profiles=PROFILES,
        known_languages=languages,
        certificate_authorities=settings.certificate_authorities,
    )
    remember = functools.partial(remember_token, store)

    def identify(authorization: str | None, audiences: Collection[str]) -> Client:
        return authenticate(authorization, clients=clients, audiences=audiences, remember_token=remember)

    return identify


def _record_issued(
    store: Store,
    writer: IssuedCardWriter,
    wire_cards: Sequence[Mapping[str, Any]],
    *,
    request: HookRequest,
    client: Client,
) -> None:
    shown = shown_cards(
        wire_cards,
        request=request,
        issuer=client.issuer,
        tenant=client.tenant,
        recipient=_recipient(store, request, client),
        now=datetime.now(UTC),
    )
    writer.put(shown)


def _reasons(knowledge: Knowledge) -> Mapping[str, OverrideReason]:
    return published_reasons(reason for card in knowledge.cards.values() for reason in card.override_reasons)


def _record_feedback(
    store: Store,
    reasons: Mapping[str, OverrideReason],
    document: Mapping[str, Any],
    *,
    service_id: str,
    client: Client,
) -> int:
    items = feedback.parse(document, reasons)
    record_feedback(
        store,
        items,
        service_id=service_id,
        issuer=client.issuer,
        tenant=client.tenant,
        received_at=datetime.now(UTC),
    )
    return len(items)
