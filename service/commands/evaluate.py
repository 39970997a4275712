"""``python -m service evaluate BUNDLE.json``: the cards for a patient, without a server.

The Bundle goes the same way as a hook call (https://cds-hooks.hl7.org/2.0/#calling-a-cds-service), except
that no FHIR server is read and nothing is stored.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from service.cards import ENGLISH, Knowledge
from service.charts import read_chart, request_document
from service.commands import exits
from service.commands.terminal import heading, print_cards, print_sections, rows, terminal
from service.config import Settings
from service.engine import respond
from service.errors import InputFileError
from service.hook_names import PATIENT_VIEW
from service.hooks.hooks import SERVICE_OF, SERVICES
from service.hooks.request import read_request
from service.hooks.response import response_document
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
        help="print the cards for a patient Bundle",
        description="Print the cards for a patient. The Bundle counts as the whole record. Its draft orders "
        "are those being chosen or signed and its proposed appointments those being booked, on these hooks.",
    )
    parser.add_argument(
        "bundle", metavar="BUNDLE", help="file with a FHIR R4 Bundle as JSON, also .gz; - is standard input"
    )
    parser.add_argument(
        "--hook", type=hook_of, choices=HOOKS, default=PATIENT_VIEW, help="default: patient-view"
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
    chart = read_chart(arguments.bundle, patient=arguments.patient)
    document = request_document(chart, hook=arguments.hook, user="Practitioner/at-the-command-line")
    # The chart is whole: nothing was left out of it by a question that asks by code.
    whole = dataclasses.replace(knowledge_of(settings), results_by_code=False)
    knowledge = _in_language(arguments.language, languages_of(settings, whole))
    result = respond(
        read_request(document, service_id=SERVICE_OF[arguments.hook].id, hook=arguments.hook),
        knowledge=knowledge,
        now=arguments.today or datetime.now(UTC),
        ask_all=arguments.why,
    )
    response = response_document(result.cards)
    why = reasons(result, knowledge, hook=arguments.hook) if arguments.why else None
    if arguments.json:
        _write_json(response | ({"extension": {WHY: as_json(why)}} if why else {}))
        return exits.DONE
    console = terminal()
    print_cards(console, response["cards"])
    if why:
        _print(console, why, arguments.hook)
        console.print(Text(f"\nClinical content {knowledge.version}", style="dim"))
    return exits.DONE


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
