"""``python -m service config check`` and ``config show``: is the service set up as its operator means it?

Checks what a start would, and then what a start cannot know: whether the keys of the registered EHRs
(https://cds-hooks.hl7.org/2.0/#trusting-cds-clients), the FHIR servers and the store can be reached.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from service.cards import ENGLISH
from service.commands import exits
from service.commands.fhir_server import Finding, Level, ask, check_capabilities
from service.commands.terminal import heading, rows, terminal
from service.config import Settings, variables
from service.errors import StoreUnavailable
from service.fhir.access import FhirAccess
from service.fhir.phrasebook import Phrases
from service.hooks.hooks import SERVICES
from service.security.clients import Client
from service.security.key_sets import fetch_key_set, read_key_set
from service.security.tokens import expected_audiences
from service.site import in_words, site_of
from service.store.database import check, existing_store, without_password
from service.toml_file import read_toml
from service.web.wiring import problems_beside, read_basis

_Subparsers = argparse._SubParsersAction  # the type that add_subparsers returns has no public name
_EXITS = (exits.DONE, exits.FINDINGS, exits.NOT_READY)
_VERDICTS = ("in order", "usable, with something to mend", "not ready")
_LEVELS = ("ok", "mend", "fault")


def add_commands(subparsers: _Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``config``."""
    parser = subparsers.add_parser("config", help="check or show how the service is set up")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    checking = actions.add_parser(
        "check",
        help="read everything that a start reads, and reach what it needs",
        description="Read settings, content, clients and decisions, reach key sets, FHIR servers and store. "
        "Exit code 0: in order, 1: something to mend, 2: an EHR could not call, 3: a start would be refused.",
    )
    checking.set_defaults(run=run_check, further_problems=problems_beside)
    showing = actions.add_parser("show", help="print every setting, and where it was set; no passwords")
    showing.set_defaults(run=run_show)
    for action in (checking, showing):
        action.add_argument("--json", action="store_true", help="print it as JSON")


def run_check(arguments: argparse.Namespace, settings: Settings) -> int:
    """Check it all. Raises ConfigurationError with everything for which a start would be refused."""
    basis = read_basis(settings)
    clients, content = basis.clients, site_of(basis.decisions, basis.languages[ENGLISH]).content
    phrases = content.phrases
    findings = [
        Finding(Level.NOTE, "clinical content", content.version),
        *(Finding(Level.NOTE, "site", line) for line in in_words(basis.decisions)),
        *_callers(settings, clients),
        *_key_sets(settings, clients.values(), phrases),
        *_fhir_servers(settings, clients.values(), phrases),
        _store(settings),
    ]
    return _reported(findings, as_json=arguments.json)


def _callers(settings: Settings, clients: Mapping[str, Client]) -> Iterator[Finding]:
    """Who may call, and the ``aud`` that a token needs for each address."""
    if not settings.authentication_required:
        who = "everybody" if settings.authentication == "off" else "programs on this machine only"
        yield Finding(Level.NOTE, "callers", f"no tokens are checked; answered are {who}")
        return
    for issuer, client in clients.items():
        offered = [one.id for one in SERVICES if not client.services or one.id in client.services]
        yield Finding(Level.NOTE, issuer, f"signs with {', '.join(client.algorithms)}")
        yield Finding(Level.NOTE, issuer, f"aud of discovery: {expected_audiences(settings.public_url)[0]}")
        for name in offered:
            (audience,) = expected_audiences(settings.public_url, service_id=name)
            yield Finding(
                Level.NOTE, issuer, f"aud of {name}: {audience} (feedback also: {audience}/feedback)"
            )
    if urlsplit(settings.public_url).scheme == "http":
        yield Finding(
            Level.LIMIT, "public_url", "tokens and charts would travel without encryption; use https"
        )


def _key_sets(settings: Settings, clients: Collection[Client], phrases: Phrases) -> Iterator[Finding]:
    for client in clients:
        if client.key_set_url is None:
            yield Finding(Level.NOTE, client.issuer, "its keys are in a file, which could be read")
            continue
        document = fetch_key_set(client.key_set_url, settings.certificate_authorities, phrases)
        keys, problems = read_key_set(document) if document is not None else ({}, ["could not be read"])
        level = Level.FAULT if not keys else Level.LIMIT if problems else Level.NOTE
        says = "; ".join(problems) or f"{len(keys)} usable keys"
        yield Finding(level, client.issuer, f"key set {client.key_set_url}: {says}")


def _fhir_servers(settings: Settings, clients: Collection[Client], phrases: Phrases) -> Iterator[Finding]:
    """What each FHIR server that may be read says of itself; calls are answered without it, with less."""
    named = [*settings.allowed_fhir_servers, *(url for client in clients for url in client.fhir_servers)]
    for url in dict.fromkeys(named):
        reply = ask(FhirAccess(url), settings.certificate_authorities, phrases, "metadata")
        for found in check_capabilities(reply):
            yield Finding(min(found.level, Level.LIMIT), url, found.says)


def _store(settings: Settings) -> Finding:
    url = without_password(settings.database_url)
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:") and not path.exists():
        return _store_to_be_made(url, path)
    try:
        check(existing_store(settings.database_url))
    except StoreUnavailable as problem:
        level = Level.FAULT if settings.authentication_required else Level.LIMIT
        return Finding(level, "store", f"{url}: {problem}")
    return Finding(Level.NOTE, "store", f"{url} can be written to")


def _store_to_be_made(url: str, path: Path) -> Finding:
    if os.access(path.resolve().parent, os.W_OK):
        return Finding(Level.NOTE, "store", f"{url} is not there yet; the start makes it")
    return Finding(Level.FAULT, "store", f"{url} is not there, and its folder cannot be written to")


def _reported(findings: Collection[Finding], *, as_json: bool) -> int:
    worst = max(finding.level for finding in findings)
    if as_json:
        listed = [{"level": _LEVELS[one.level], "where": one.where, "says": one.says} for one in findings]
        _write_json({"status": _VERDICTS[worst], "findings": listed})
        return _EXITS[worst]
    console = terminal()
    console.print(rows((_LEVELS[one.level], one.where, one.says) for one in findings))
    console.print(heading(f"The configuration is {_VERDICTS[worst]}."))
    return _EXITS[worst]


def run_show(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the settings as they are in force."""
    shown = [_shown(settings, name, variable) for variable, name in variables().items()]
    if arguments.json:
        _write_json({name: {"value": value, "set by": by} for name, value, by in shown})
        return exits.DONE
    terminal().print(rows(shown))
    return exits.DONE


def _shown(settings: Settings, name: str, variable: str) -> tuple[str, str, str]:
    value = getattr(settings, name)
    if name == "database_url":
        value = without_password(value)
    shown = ", ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)
    return name, shown, _set_by(settings, name, variable)


def _set_by(settings: Settings, name: str, variable: str) -> str:
    if os.environ.get(variable, "").strip():
        return variable
    if name not in settings.model_fields_set or settings.config_file is None:
        return "default"
    file = read_toml(settings.config_file)
    table = {"clients_file": "client", "code_map_file": "code_map"}.get(name, name)
    is_setting = name in file.tables.get("settings", {})
    return file.where("settings", name) if is_setting else file.where(table, 0)


def _write_json(document: Mapping[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())
