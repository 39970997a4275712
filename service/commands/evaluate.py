"""``python -m service evaluate BUNDLE.json``: the cards for a patient, without a server.

The Bundle goes the same way as a hook call (https://cds-hooks.hl7.org/2.0/#calling-a-cds-service), except
that no FHIR server is read and nothing is stored.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from service.commands import exits
from service.commands.charts import read_chart, request_document
from service.commands.terminal import heading, print_cards, rows, terminal
from service.config import Settings
from service.engine import HookResult, respond
from service.hooks.discovery import SERVICES
from service.hooks.request import read_request
from service.hooks.response import response_document
from service.rules import RULES
from service.rules.base import Answer, Fires, NotAssessed
from service.web.wiring import knowledge_of
from service.wording import Knowledge

WHY = "net-cds.why"
"""The extension of the response that holds every rule's answer, with ``--json --why``."""

HOOKS = tuple(service.hook for service in SERVICES)


def hook_of(text: str) -> str:
    """The hook that ``--hook`` means: it takes a hook's name or the id of its service."""
    return next((service.hook for service in SERVICES if service.id == text), text)


_Subparsers = argparse._SubParsersAction  # the type that add_subparsers returns has no public name
_SERVICE_IDS = {service.hook: service.id for service in SERVICES}
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
        "--hook", type=hook_of, choices=HOOKS, default="patient-view", help="default: patient-view"
    )
    parser.add_argument("--patient", metavar="ID", help="which patient, where the Bundle has several")
    parser.add_argument(
        "--today", type=_day, metavar="YYYY-MM-DD", help="the day to judge by (08:00 UTC); default: now"
    )
    parser.add_argument(
        "--why", action="store_true", help="also list what every rule said, and the sections of the record"
    )
    parser.add_argument("--json", action="store_true", help="print the CDS Hooks response")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the cards. Raises InputFileError, ContentError, ConfigurationError."""
    chart = read_chart(arguments.bundle, patient=arguments.patient)
    document = request_document(chart, hook=arguments.hook, user="Practitioner/at-the-command-line")
    knowledge = knowledge_of(settings)
    result = respond(
        read_request(document, service_id=_SERVICE_IDS[arguments.hook], hook=arguments.hook),
        knowledge=knowledge,
        now=arguments.today or datetime.now(UTC),
        ask_all=arguments.why,
    )
    response = response_document(result.cards)
    if arguments.json:
        extension = {"extension": {WHY: reasons(result, knowledge, hook=arguments.hook)}}
        _write_json(response | (extension if arguments.why else {}))
    else:
        _print(terminal(), response, result if arguments.why else None, knowledge, hook=arguments.hook)
    return exits.DONE


def _write_json(document: Mapping[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())


def _print(
    console: Console,
    response: Mapping[str, Any],
    result: HookResult | None,
    knowledge: Knowledge,
    *,
    hook: str,
) -> None:
    print_cards(console, response["cards"])
    if result is None:
        return
    why = reasons(result, knowledge, hook=hook)
    console.print(heading("Sections of the record"))
    console.print(
        rows((name, section["state"], section["because"]) for name, section in why["sections"].items())
    )
    console.print(heading(f"What every rule said on {hook}"))
    console.print(rows((one["answer"], one["rule"], one["because"]) for one in why["answers"]))
    console.print(Text(f"\nClinical content {knowledge.version}", style="dim"))


def reasons(result: HookResult, knowledge: Knowledge, *, hook: str) -> dict[str, Any]:
    """Every section with its state, and every rule with its answer and the reason."""
    sections = result.record.sections if result.record else {}
    return {
        "sections": {
            name: {"state": section.state.value, "because": "; ".join((*section.reasons, *section.notes))}
            for name, section in sections.items()
        },
        "answers": [*_answers(result, knowledge), *_not_asked(result, hook)],
    }


def _answers(result: HookResult, knowledge: Knowledge) -> Iterator[dict[str, str]]:
    for verdict in result.verdicts:
        for answer in verdict.answers:
            said, because = _in_words(answer, verdict.rule.id, knowledge)
            yield {"rule": verdict.rule.id, "answer": said, "because": because}


def _in_words(answer: Answer, rule_id: str, knowledge: Knowledge) -> tuple[str, str]:
    if isinstance(answer, NotAssessed):
        return "could not be assessed", f"{answer.section}: {answer.because}"
    if not isinstance(answer, Fires):
        return "silent", answer.because
    indicator = knowledge.cards[rule_id].wordings[answer.wording].indicator.name.lower()
    return "fires", "; ".join((f"{answer.wording} ({indicator})", *(one.says for one in answer.evidence)))


def _not_asked(result: HookResult, hook: str) -> Iterable[dict[str, str]]:
    asked = {verdict.rule.id for verdict in result.verdicts}
    for rule in RULES:
        if rule.id not in asked:
            on = ", ".join(name for name in HOOKS if name in rule.hooks)
            because = f"asked on {on}" if hook not in rule.hooks else "its card is not approved"
            yield {"rule": rule.id, "answer": "not asked", "because": because}


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(hour=_HOUR, tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a day as 2026-11-24: {text!r}") from None
