"""``python -m service evaluate BUNDLE.json``: the cards for a patient, without a server.

The Bundle goes the same way as a hook call (https://cds-hooks.hl7.org/2.0/#calling-a-cds-service), except
that no FHIR server is read and nothing is stored.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from service.cards import ENGLISH, Knowledge
from service.charts import chart_of, is_request, name_of, read_document, request_document
from service.commands import exits
from service.commands.terminal import heading, print_cards, print_sections, rows, terminal
from service.config import Settings
from service.documents import elements, mapping, string
from service.engine import respond
from service.errors import InputFileError
from service.fhir.queries import QUERIES
from service.hook_names import PATIENT_VIEW
from service.hooks.hooks import APPOINTMENTS, DRAFT_ORDERS, SERVICE_OF, SERVICES
from service.hooks.request import read_request
from service.hooks.response import response_document
from service.hooks.text import one_line
from service.site import call_of, read_site, site_of
from service.web.wiring import knowledge_of, languages_of
from service.why import HOOKS, Why, as_json, because_of, reasons

WHY = "net-cds.why"
"""The extension of the response that holds every rule's answer, with ``--json --why``."""


def hook_of(text: str) -> str:
    """The hook that ``--hook`` means: it takes a hook's name or the id of its service."""
    return next((service.hook for service in SERVICES if service.id == text), text)


_Subparsers = argparse._SubParsersAction  # the type that add_subparsers returns has no public name
_HOUR = 8  # of the day that --today names; a card may depend on the hours until an operation


def add_commands(subparsers: _Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``evaluate``."""
    parser = subparsers.add_parser(
        "evaluate",
        help="print the cards for a patient Bundle or a hook request",
        description="Print the cards for a patient. A Bundle counts as the whole record. Its draft orders "
        "are those being chosen or signed and its proposed appointments those being booked, on these hooks. "
        "A CDS Hooks request is judged as it is; its FHIR server is not read.",
    )
    parser.add_argument(
        "bundle",
        metavar="BUNDLE",
        help="file with a FHIR R4 Bundle or a hook request as JSON, also .gz; - is standard input",
    )
    parser.add_argument(
        "--hook", type=hook_of, choices=HOOKS, help="default: that of the request, patient-view for a Bundle"
    )
    parser.add_argument("--patient", metavar="ID", help="which patient, where the Bundle has several")
    parser.add_argument(
        "--today", type=_day, metavar="YYYY-MM-DD", help="the day to judge by (08:00 UTC); default: now"
    )
    parser.add_argument(
        "--why", action="store_true", help="also list what every rule said, and the sections of the record"
    )
    parser.add_argument("--language", metavar="TAG", default=ENGLISH, help="of the cards; default: en")
    parser.add_argument("--json", action="store_true", help="print the CDS Hooks response")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the cards. Raises InputFileError, ContentError, ConfigurationError."""
    document, is_whole = _request(arguments)
    arguments.hook = hook = document["hook"]
    content = knowledge_of(settings)
    if is_whole:
        # Nothing was left out by a question that asks by code.
        content = dataclasses.replace(content, results_by_code=False)
    knowledge = _in_language(arguments.language, languages_of(settings, content))
    request = read_request(document, service_id=SERVICE_OF[hook].id, hook=hook)
    now = arguments.today or datetime.now(UTC)
    rules = site_of(read_site(settings.config_file), knowledge).rules_of(call_of(request, now))
    result = respond(
        request,
        knowledge=rules.knowledge,
        shadow_rules=rules.shadow,
        now=now,
        ask_all=arguments.why,
    )
    response = response_document(result.cards)
    why = reasons(result, rules, hook=arguments.hook) if arguments.why else None
    if arguments.json:
        _write_json(response | ({"extension": {WHY: as_json(why)}} if why else {}))
        return exits.DONE
    console = terminal()
    console.print(rows(_overview(document, response["cards"], hook)))
    print_cards(console, response["cards"])
    if why:
        _print(console, why, arguments.hook)
        console.print(Text(f"\nClinical content {rules.knowledge.version}", style="dim"))
    return exits.DONE


def _request(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """The hook request, and whether it was made of a Bundle, which is the whole record."""
    document = read_document(arguments.bundle)
    if not is_request(document):
        chart = chart_of(document, name_of(arguments.bundle), patient=arguments.patient)
        hook = arguments.hook or PATIENT_VIEW
        return request_document(chart, hook=hook, user="Practitioner/at-the-command-line"), True
    if document.get("hook") not in HOOKS or arguments.hook not in (None, document["hook"]):
        raise InputFileError(
            f"{name_of(arguments.bundle)}: $.hook has to be one of {', '.join(HOOKS)}, and that of --hook."
        )
    return document, False


def _overview(
    document: Mapping[str, Any], cards: Sequence[Mapping[str, Any]], hook: str
) -> Iterator[tuple[str, str]]:
    """Whose chart it is, what comes of it, and what of the request explains that."""
    context, prefetch = mapping(document.get("context")), mapping(document.get("prefetch"))
    yield "Patient", _named(mapping(prefetch.get("patient")), string(context.get("patientId")))
    yield "Hook", hook
    loud = Counter(string(card.get("indicator")) for card in cards)
    yield "Cards", ", ".join(f"{count} {indicator}" for indicator, count in loud.items()) or "none"
    if DRAFT_ORDERS in SERVICE_OF[hook].context and not _entries(context, DRAFT_ORDERS.name):
        yield "Note", "there are no draft orders, about which most rules of this hook speak"
    if APPOINTMENTS in SERVICE_OF[hook].context and not _entries(context, APPOINTMENTS.name):
        yield "Note", "there are no proposed appointments, about which the rules of this hook speak"
    if unknown := sorted(one_line(key) for key in prefetch if key not in QUERIES):
        yield "Note", f"keys of prefetch that are not those of discovery: {', '.join(unknown)}"
    if document.get("fhirServer"):
        yield "Note", "the FHIR server of the request is not read here"


def _entries(context: Mapping[str, Any], member: str) -> list[Any]:
    return list(elements(mapping(context.get(member)).get("entry")))


def _named(patient: Mapping[str, Any], identity: str) -> str:
    """The name as it is written, and the id."""
    for name in elements(patient.get("name")):
        given = [part for part in name.get("given") or () if isinstance(part, str)]
        if written := string(name.get("text")) or " ".join([*given, string(name.get("family"))]).strip():
            return one_line(f"{written} ({identity})")
    return one_line(identity)


def _in_language(language: str, languages: Mapping[str, Knowledge]) -> Knowledge:
    if language not in languages:
        raise InputFileError(f"--language {language}: has to be one of {', '.join(languages)}.")
    return languages[language]


def _write_json(document: Mapping[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())


def _print(console: Console, why: Why, hook: str) -> None:
    print_sections(console, [(one, because_of(one)) for one in why.sections])
    console.print(heading(f"What every rule said on {hook}"))
    console.print(rows((one.answer, one.rule, one.because) for one in why.answers))


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(hour=_HOUR, tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a day as 2026-11-24: {text!r}") from None
