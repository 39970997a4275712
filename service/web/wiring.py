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
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from flask import Flask

from service import AFTER_FORK, AT_EXIT, VERSION, engine, metrics, tracing
from service.cards import ENGLISH, SHARED_CARDS, Knowledge, load_knowledge
from service.config import Given, Settings, read_settings
from service.errors import ConfigurationError, ContentError
from service.facts.defaults import Defaults
from service.fhir.access import FhirAccess
from service.fhir.client import FetchLimits, FetchOutcome, fetch_all
from service.fhir.medications import queries_for
from service.fhir.neighbours import Neighbours
from service.fhir.queries import prefetch_templates
from service.fhir.roles import USER_TEMPLATES
from service.hooks import feedback
from service.hooks.card import OverrideReason
from service.hooks.hooks import SERVICES
from service.hooks.override_reasons import COMMON_CODES, published_reasons
from service.hooks.profiles import PROFILES
from service.hooks.recall import Asked, Recall, Remembered
from service.hooks.request import HookRequest
from service.hooks.response import response_document
from service.rules import RULES
from service.security.clients import Client, read_clients
from service.security.fhir_servers import unusable_entries
from service.security.key_sets import fetch_key_set
from service.security.tokens import authenticate
from service.security.urls import same_base
from service.site import ANY_CALLER, Callers, Site, SiteTable, call_of, read_site, site_of, switched_off
from service.store.database import Store, check_url, open_store, readiness
from service.store.feedback import record_feedback
from service.store.issued import Call, IssuedCardWriter, Origin, shown_cards
from service.store.memory import Viewer, patient_key, recall, recipient_key
from service.store.report import report
from service.store.secret import check_secret, read_secret
from service.store.tokens import remember_token
from service.translations import load_translations
from service.web import cors
from service.web.app import build_app
from service.web.logs import configure_logging, write_event
from service.web.pages.access import read_password
from service.web.pages.views import Pages
from service.web.parts import Answered, Parts, anybody

_LOGGER = logging.getLogger("service.web.wiring")

_Read = TypeVar("_Read")
Respond = Callable[[HookRequest, Client], Answered]


def wired_app(settings: Settings | None = None) -> Flask:
    """See :func:`service.create_app`."""
    settings = settings or read_settings(os.environ)
    configure_logging(settings.log_level)
    basis = read_basis(settings)
    clients = basis.clients
    languages = _linked(settings, basis.languages)
    sites = {language: site_of(basis.decisions, knowledge) for language, knowledge in languages.items()}
    _warn_of_reviews(sites[ENGLISH].content, _today())
    _warn_of_translations([site.content for site in sites.values()], _today())
    secret = read_secret(settings.secret_file, database_url=settings.database_url)
    store = open_store(settings.database_url, secret=secret)
    writer = IssuedCardWriter(store, retention_days=settings.retention_days)
    respond = _responder(settings, sites=sites, store=store)
    parts = _parts(settings, sites=sites, clients=clients, respond=respond, store=store, writer=writer)
    app = build_app(parts, _pages(settings, sites[ENGLISH], parts, store))
    app.extensions[AFTER_FORK] = [writer.after_fork]
    app.extensions[AT_EXIT] = [writer.close]
    if tracing.is_wanted(os.environ):
        app.extensions[AFTER_FORK].append(functools.partial(tracing.start, VERSION))
        app.extensions[AT_EXIT].append(tracing.stop)
    _log_start(settings, sites[ENGLISH].content, clients, store)
    return app


def _log_start(settings: Settings, knowledge: Knowledge, clients: Mapping[str, Client], store: Store) -> None:
    """Say what was started, for whoever looks for a mistake in the settings."""
    open_to = settings.authentication or "this machine only"
    write_event(
        "start",
        version=VERSION,
        content=knowledge.version,
        cards=len(knowledge.cards),
        authentication="required" if settings.authentication_required else open_to,
        issuers=sorted(clients),
        publicUrl=settings.public_url,
        store=store.engine.url.render_as_string(hide_password=True),
        tracing="on" if tracing.is_wanted(os.environ) else "off",
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Basis:
    """What a start reads: the content by language, the registered EHRs and what the site decides."""

    languages: Mapping[str, Knowledge]
    clients: Mapping[str, Client]
    decisions: SiteTable


def read_basis(settings: Settings, *, unusable: Collection[str] = ()) -> Basis:
    """Read all that a start reads, and make nothing.

    Raises ConfigurationError, or ContentError where only the content is at fault, with every problem that
    does not come of one of the ``unusable`` settings.
    """
    faults: list[ConfigurationError | ContentError] = []
    collected = functools.partial(_collected, faults)
    collected(functools.partial(_check_lists, settings))
    knowledge = collected(lambda: knowledge_of(settings))
    languages = collected(lambda: languages_of(settings, knowledge)) if knowledge else None
    clients = collected(lambda: clients_of(settings, languages))
    callers = ANY_CALLER if clients is None or "clients_file" in unusable else callers_of(clients)
    decisions = collected(lambda: read_site(settings.config_file, callers))
    for check in (cors.origins, read_password, _check_store, _check_tracing):
        collected(functools.partial(check, settings))
    if faults or languages is None or clients is None or decisions is None:
        raise _all_of(faults)
    return Basis(languages, clients, decisions)


def problems_beside(given: Given) -> Collection[str]:
    """What else a start would be refused for, where the settings alone are refused already."""
    try:
        read_basis(given.settings, unusable=given.unusable)
    except (ConfigurationError, ContentError) as found:
        return found.problems
    return ()


def _collected(faults: list[ConfigurationError | ContentError], read: Callable[[], _Read]) -> _Read | None:
    try:
        return read()
    except (ConfigurationError, ContentError) as fault:
        faults.append(fault)
        return None


def _all_of(faults: Collection[ConfigurationError | ContentError]) -> ConfigurationError | ContentError:
    problems = [problem for fault in faults for problem in fault.problems]
    only_content = all(isinstance(fault, ContentError) for fault in faults)
    return ContentError(problems) if only_content else ConfigurationError(problems)


def _check_lists(settings: Settings) -> None:
    """Raise ConfigurationError for an entry of a list of FHIR servers that could never match."""
    lists = {
        "NET_CDS_ALLOWED_FHIR_SERVERS": settings.allowed_fhir_servers,
        "NET_CDS_TRACED_FHIR_SERVERS": settings.traced_fhir_servers,
    }
    named = [f"{name}: {problem}" for name, entries in lists.items() for problem in unusable_entries(entries)]
    if named:
        raise ConfigurationError(named)


def _check_store(settings: Settings) -> None:
    check_url(settings.database_url)
    check_secret(settings.secret_file, database_url=settings.database_url)


def _check_tracing(_settings: Settings) -> None:
    if problems := list(tracing.problems(os.environ)):
        raise ConfigurationError(problems)


def knowledge_of(settings: Settings) -> Knowledge:
    """The clinical content; with NET_CDS_CONTENT=approved only what a clinician has signed."""
    knowledge = load_knowledge(
        settings.cards_dir,
        holes={rule.id: rule.holes for rule in RULES},
        version=VERSION,
        overrides=settings.defaults_file,
        code_map=settings.code_map_file,
        read_languages=settings.read_languages,
    )
    return dataclasses.replace(
        knowledge,
        only_approved=settings.content == "approved",
        results_by_code=settings.results_by == "code",
    )


def languages_of(settings: Settings, knowledge: Knowledge) -> dict[str, Knowledge]:
    """Language -> the content in it, English first; with NET_CDS_CONTENT=approved approved words only."""
    approved_on = _today() if settings.content == "approved" else None
    found = load_translations(settings.cards_dir, knowledge, approved_on=approved_on)
    return {knowledge.language: knowledge, **{name: one.knowledge for name, one in found.items()}}


def _parts(
    settings: Settings,
    *,
    sites: Mapping[str, Site],
    clients: Mapping[str, Client],
    respond: Respond,
    store: Store,
    writer: IssuedCardWriter,
) -> Parts:
    site = sites[ENGLISH]
    knowledge = site.loaded
    return Parts(
        settings=settings,
        respond=respond,
        languages=tuple(sites),
        hooks=frozenset(hook for rule in RULES if knowledge.shows(rule.id, _today()) for hook in rule.hooks),
        prefetch={**templates_of(settings, knowledge), **(USER_TEMPLATES if site.asks_who else {})},
        switched_off=switched_off(site),
        authenticate=_authenticator(settings, clients, store),
        record_issued=functools.partial(_record_issued, store, writer),
        record_feedback=functools.partial(_record_feedback, store, _reasons(knowledge)),
        check_store=functools.partial(readiness, store),
        lapsed_approvals=functools.partial(_lapsed, [one.content for one in sites.values()]),
    )


def _linked(settings: Settings, languages: Mapping[str, Knowledge]) -> Mapping[str, Knowledge]:
    """The content whose cards link to the page of their rule, where this service shows pages."""
    if not settings.shows_pages:
        return languages
    address = f"{settings.public_url}/content"
    return {name: dataclasses.replace(one, pages_url=address) for name, one in languages.items()}


def _pages(settings: Settings, site: Site, parts: Parts, store: Store) -> Pages | None:
    """The pages, where they are shown. Feedback of the page is taken where callers need no name."""
    if not settings.shows_pages:
        return None
    return Pages(
        site=site,
        cards_dir=settings.cards_dir,
        public_url=settings.public_url,
        password=read_password(settings),
        record_issued=None if settings.authentication_required else parts.record_issued,
        report=functools.partial(report, store),
    )


def _today() -> date:
    return datetime.now(UTC).date()


def _lapsed(contents: Sequence[Knowledge]) -> tuple[str, ...]:
    """The cards, and the files of translations, whose approval no longer counts; English is first."""
    english, *others = contents
    today = _today()
    return (*english.lapsed(today), *(file for one in others for file in one.lapsed_translations(today)))


def _warn_of_reviews(knowledge: Knowledge, today: date) -> None:
    """Say at start whose approval has lapsed or will soon, and which cards are off for want of one."""
    for card, why in knowledge.lapsed(today).items():
        _LOGGER.warning("%s: %s", card, why)
    for card, state in knowledge.states(today).items():
        if state.is_due:
            _LOGGER.warning("%s: its next review is due on %s", card, state.review.next_review)
    asked = [rule.id for rule in RULES if rule.id in knowledge.cards]
    if off := [name for name in asked if not knowledge.shows(name, today)]:
        _LOGGER.warning("NET_CDS_CONTENT=approved: not shown, because not approved: %s", ", ".join(off))


def _warn_of_translations(languages: Sequence[Knowledge], today: date) -> None:
    """Say at start which translation is no longer that which was approved."""
    for knowledge in languages:
        for file, why in knowledge.lapsed_translations(today).items():
            _LOGGER.warning("%s: %s", file, why)


def templates_of(settings: Settings, knowledge: Knowledge) -> Mapping[str, str]:
    """The templates of prefetch; results are asked for by code unless the site has chosen otherwise."""
    by_code = settings.results_by == "code"
    return prefetch_templates(knowledge.terminology.observation_codes() if by_code else ())


def _responder(settings: Settings, *, sites: Mapping[str, Site], store: Store) -> Respond:
    knowledge = sites[ENGLISH].loaded
    fetch = _fetcher(settings, templates_of(settings, knowledge))
    recalled = _recaller(settings, knowledge=knowledge, store=store)

    def respond(request: HookRequest, client: Client) -> Answered:
        now = datetime.now(UTC)
        site = sites.get(client.language, sites[ENGLISH])
        rules = site.rules_of(call_of(request, now, client=client.issuer, tenant=client.tenant))
        result = engine.respond(
            request,
            knowledge=rules.knowledge,
            shadow_rules=rules.shadow,
            now=now,
            fetch=functools.partial(
                fetch, until=time.monotonic() + settings.fetch_deadline_seconds, client=client.issuer
            ),
            recall=recalled(request, client, now, rules.knowledge.defaults),
        )
        return Answered(result.cards, result.milliseconds, _sections(result), result.shadowed, result.phase)

    return respond


def _recaller(
    settings: Settings, *, knowledge: Knowledge, store: Store
) -> Callable[[HookRequest, Client, datetime, Defaults], Recall]:
    """What asks the memory for one call. Where anybody may call, no caller hides seldom cards from others."""
    own_reasons = _own_reasons(knowledge)

    def recalled(request: HookRequest, client: Client, now: datetime, limits: Defaults) -> Recall:
        def remembered(asked: Sequence[Asked]) -> Sequence[Remembered]:
            viewer = _viewer(store, request, client)
            own = limits if settings.authentication_required else dataclasses.replace(limits, seldom_days=0)
            return recall(store, asked, viewer=viewer, own_reasons=own_reasons, limits=own, now=now)

        return remembered

    return recalled


def _own_reasons(knowledge: Knowledge) -> Mapping[str, frozenset[str]]:
    """Rule -> codes of the reasons that are its own: offered neither with every card nor by a group."""
    groups = [knowledge.cards[name] for name in SHARED_CARDS if name in knowledge.cards]
    general = {*COMMON_CODES, *[reason.code for card in groups for reason in card.override_reasons]}
    return {
        name: frozenset([reason.code for reason in card.override_reasons]) - general
        for name, card in knowledge.cards.items()
    }


def _viewer(store: Store, request: HookRequest, client: Client) -> Viewer:
    whom = {"issuer": client.issuer, "tenant": client.tenant, "patient_id": request.patient_id}
    return Viewer(
        patient=patient_key(store.secret, **whom),
        recipient=recipient_key(store.secret, user_id=request.user_id, **whom),
    )


def _fetcher(settings: Settings, templates: Mapping[str, str]) -> Callable[..., Mapping[str, FetchOutcome]]:
    """What reads a FHIR server; all that one call asks has to arrive before ``until``."""
    limits = FetchLimits(
        certificate_authorities=settings.certificate_authorities, traced_servers=settings.traced_fhir_servers
    )
    neighbours = Neighbours(most_of_one=settings.threads // 2, most_of_all=settings.threads * 3 // 4)

    def fetch(
        access: FhirAccess, patient_id: str, keys: Collection[str], *, until: float, client: str
    ) -> Mapping[str, FetchOutcome]:
        queries = queries_for(patient_id, {key: templates.get(key, key) for key in keys})
        seconds = max(0.0, until - time.monotonic())
        return fetch_all(
            access,
            queries,
            deadline_seconds=seconds,
            same_base=same_base,
            limits=limits,
            neighbours=neighbours,
            client=client,
        )

    return fetch


def _sections(result: engine.HookResult) -> dict[str, dict[str, Any]]:
    """The state of each section that was looked at, and how its entries ended."""
    sections = result.record.sections if result.record else {}
    return {name: {"state": one.state.value, **one.count._asdict()} for name, one in sections.items()}


def clients_of(settings: Settings, languages: Mapping[str, Knowledge] | None) -> Mapping[str, Client]:
    """The registered EHRs by issuer; none where callers do not authenticate. Raises ConfigurationError."""
    if not settings.authentication_required or settings.clients_file is None:
        return {}
    return read_clients(
        settings.clients_file,
        known_services=[service.id for service in SERVICES],
        known_profiles=PROFILES,
        known_languages=languages,
        fetch_key_set=functools.partial(_fetch_key_set, settings, languages or {}),
        stands_alone=settings.clients_file != settings.config_file,
    )


def _fetch_key_set(settings: Settings, languages: Mapping[str, Knowledge], url: str) -> bytes | None:
    return fetch_key_set(url, settings.certificate_authorities, languages[ENGLISH].phrases)


def callers_of(clients: Mapping[str, Client]) -> Callers:
    """The names by which a decision of the site can tell callers apart."""
    is_any_allowed = any(not client.tenants for client in clients.values())
    tenants = {tenant for client in clients.values() for tenant in client.tenants}
    return Callers(clients, None if is_any_allowed else tenants)


def _authenticator(
    settings: Settings, clients: Mapping[str, Client], store: Store
) -> Callable[[str | None, Collection[str]], Client]:
    if not settings.authentication_required:
        return anybody
    remember = functools.partial(remember_token, store)

    def identify(authorization: str | None, audiences: Collection[str]) -> Client:
        return authenticate(authorization, clients=clients, audiences=audiences, remember_token=remember)

    return identify


def _record_issued(
    store: Store,
    writer: IssuedCardWriter,
    wire_cards: Sequence[Mapping[str, Any]],
    *,
    answered: Answered,
    request: HookRequest,
    client: Client,
) -> None:
    now = datetime.now(UTC)
    writer.count(Call(now.date(), request.hook, client.issuer, client.tenant))
    made = next(iter((*answered.cards, *answered.shadowed)), None)
    if made is None:
        return
    # A card that is not sent gets its uuids all the same, and feedback on it cannot come.
    unsent = response_document(answered.shadowed)["cards"]
    shown = shown_cards(
        zip(answered.cards, wire_cards, strict=True),
        shadowed=zip(answered.shadowed, unsent, strict=True),
        request=request,
        origin=Origin(client.issuer, client.tenant, made.knowledge_version, client.language, answered.phase),
        secret=store.secret,
        now=now,
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
    for item in items:
        metrics.FEEDBACK.labels(service_id, item.outcome).inc()
    return len(items)
