"""``python -m service doctor FHIR_BASE``: is this FHIR server ready for the service?

Asks what the service would ask (https://cds-hooks.hl7.org/2.0/#fhir-resource-access), and says what it would
not get. The address is the operator's own choice, so any may be named; the token goes to no other.
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from service.commands import exits
from service.commands.assessable import Assessment, assessments
from service.commands.evaluate import HOOKS, hook_of
from service.commands.fhir_server import (
    Finding,
    Level,
    Reply,
    ask,
    check_answer,
    check_capabilities,
    check_paging,
    check_statuses,
    codes_of,
    timed,
)
from service.commands.terminal import heading, rows, terminal
from service.commands.try_service import ServerUnusable, base_url, token_from
from service.config import Settings
from service.errors import InputFileError, MalformedRequest
from service.fhir import quantities
from service.fhir.access import FhirAccess
from service.fhir.client import FetchLimits, FetchOutcome, fetch_all
from service.fhir.medications import queries_for
from service.fhir.queries import QUERIES, filled, prefetch_templates
from service.fhir.reading import Resource, codings, elements, mapping, references, string, words
from service.fhir.recognition import coded
from service.fhir.record import State, build_record
from service.fhir.terminology import Terminology
from service.hooks.text import one_line
from service.rules import RULES
from service.security.urls import parse_url, same_base
from service.web.wiring import knowledge_of
from service.wording import Knowledge

_Subparsers = argparse._SubParsersAction  # the type that add_subparsers returns has no public name
_MEASURED: Mapping[str, tuple[str, str]] = {
    "ki67-observation": ("ki67", "Ki-67"),
    "chromogranin-a": ("chromogranin-a", "chromogranin A"),
    "5-hiaa": ("five-hiaa", "5-HIAA"),
}
"""Code list -> the word list of the same thing, and its name."""

_FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_PERCENTAGES = ("%", "1", "")
_VERDICTS = ("ready", "ready with limits", "not ready")
_EXITS = (exits.DONE, exits.FINDINGS, exits.NOT_READY)


@dataclass(slots=True)
class _Report:
    """What was found, as it comes in."""

    findings: list[Finding] = field(default_factory=list)
    sections: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: list[dict[str, Any]] = field(default_factory=list)
    units: list[dict[str, Any]] = field(default_factory=list)
    rules: list[Assessment] = field(default_factory=list)

    @property
    def level(self) -> Level:
        limited = any(one.can != "yes" for one in self.rules)
        worst = max((finding.level for finding in self.findings), default=Level.NOTE)
        return max(worst, Level.LIMIT) if limited else worst


def add_commands(subparsers: _Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``doctor``."""
    parser = subparsers.add_parser(
        "doctor",
        help="is a FHIR server ready for the service?",
        description="Ask a FHIR server what the service would ask. Exit code 0: ready, 1: with limits, "
        "2: not ready, 3: wrong argument or unreachable. Prints counts, codes and units, no patient data.",
    )
    parser.add_argument("base_url", metavar="FHIR_BASE", type=base_url, help="base URL of the FHIR server")
    parser.add_argument("--patient", metavar="ID", help="default: one with a neuroendocrine tumour, or any")
    parser.add_argument("--token-env", metavar="NAME", help="environment variable with the access token")
    parser.add_argument(
        "--hook", type=hook_of, choices=HOOKS, help="only the rules of this hook; default: all"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Examine the server and print the report. Raises InputFileError, ServerUnusable, ContentError."""
    plain = parse_url(arguments.base_url)
    if plain is None or plain.has_query:
        raise InputFileError(f"{arguments.base_url}: is not a plain http or https URL without a query.")
    if arguments.patient is not None and not _FHIR_ID.fullmatch(arguments.patient):
        raise InputFileError("--patient: has to be a FHIR id, of letters, digits, '-' and '.'.")
    access = FhirAccess(arguments.base_url, token_from(arguments.token_env))
    knowledge = knowledge_of(settings)
    with Progress(
        console=terminal(errors=True), transient=True, disable=not _shows_progress(arguments)
    ) as bar:
        task = bar.add_task("Asking the FHIR server", total=len(QUERIES) + 5)
        report = _examine(
            access,
            knowledge,
            settings,
            patient=arguments.patient,
            advance=functools.partial(bar.advance, task),
        )
    if arguments.hook:
        offered = {rule.id for rule in RULES if arguments.hook in rule.hooks}
        report.rules = [one for one in report.rules if one.rule in offered]
    if arguments.json:
        sys.stdout.write(_as_json(report))
    else:
        _print(terminal(), report)
    return _EXITS[report.level]


def _shows_progress(arguments: argparse.Namespace) -> bool:
    return sys.stderr.isatty() and not arguments.json


def _examine(
    access: FhirAccess,
    knowledge: Knowledge,
    settings: Settings,
    *,
    patient: str | None,
    advance: Callable[[], None],
) -> _Report:
    report = _Report()
    question = functools.partial(ask, access, settings.certificate_authorities)
    capabilities = question("metadata")
    if capabilities.failure:
        raise ServerUnusable(f"{access.base_url} could not be reached: {capabilities.failure}.")
    report.findings += check_capabilities(capabilities)
    advance()
    patient_id = patient or _any_patient(question, knowledge.terminology)
    advance()
    if patient_id is None:
        says = "no patient could be found to try the queries with; name one with --patient ID"
        report.findings.append(Finding(Level.FAULT, "patient", says))
        return report
    _ask_queries(report, question, knowledge, patient_id=patient_id, advance=advance)
    _read_as_service(report, access, knowledge, settings, patient_id=patient_id)
    advance()
    return report


def _any_patient(question: Callable[[str], Reply], terminology: Terminology) -> str | None:
    """A patient with a neuroendocrine tumour if the server finds one, else the first patient."""
    codes = [
        f"{row.system}|{row.code}"
        for name in ("net-snomed-primary", "net-malignant-icd10cm")
        for row in terminology.by_list.get(name, ())
    ]
    search = question(f"Condition?code={quote(','.join(codes), safe=':/|,')}&_count=1")
    for condition in search.matches:
        for name in references(condition.get("subject")):
            if "Patient/" in name and set(codes_of(condition)) & {tuple(code.split("|")) for code in codes}:
                return name.partition("/_history/")[0].rpartition("/")[2]
    return next(
        (string(one.get("id")) for one in question("Patient?_count=1").matches if one.get("id")), None
    )


def _ask_queries(
    report: _Report,
    question: Callable[[str], Reply],
    knowledge: Knowledge,
    *,
    patient_id: str,
    advance: Callable[[], None],
) -> None:
    """Every prefetch query, one at a time, then questions that show what the server ignores."""
    templates = prefetch_templates(knowledge.terminology.observation_codes())
    for key, template in templates.items():
        reply = question(filled(template, patient_id=patient_id))
        report.findings += check_answer(key, reply, patient_id=patient_id, terminology=knowledge.terminology)
        advance()
    report.findings += check_paging(question, patient_id)
    advance()
    report.findings += check_statuses(question, patient_id)
    advance()
    everything = question(f"Observation?patient={patient_id}&_sort=-date&_count=500")
    observations = [one for one in everything.matches if one.get("resourceType") == "Observation"]
    report.findings += _unmapped(observations, knowledge.terminology)


def _unmapped(observations: Collection[Resource], terminology: Terminology) -> Iterator[Finding]:
    """Results whose words name something that the service looks for, under codes that it does not know."""
    for code_list, (word_list, name) in _MEASURED.items():
        seen: Counter[str] = Counter()
        for one in observations:
            is_listed = any(terminology.lookup(system, code) for system, code in codes_of(one))
            if not is_listed and terminology.says(word_list, words(one.get("code"))):
                seen[_shown_codes(one)] += 1
        for codes, count in seen.items():
            yield Finding(
                Level.LIMIT,
                "observations",
                f"{count} results look like {name} under codes that the service does not ask for: {codes}. "
                f"Map them to LOINC, or add them to cards/codelists/{code_list}.csv",
            )


def _shown_codes(observation: Resource) -> str:
    shown = ", ".join(f"{one_line(system)}|{one_line(code)}" for system, code in codes_of(observation))
    return shown[:200] or "(words only, no code)"


def _read_as_service(
    report: _Report, access: FhirAccess, knowledge: Knowledge, settings: Settings, *, patient_id: str
) -> None:
    """Fetch everything in parallel as a hook call would, and judge what the record is then worth."""
    templates = prefetch_templates(knowledge.terminology.observation_codes())
    queries = queries_for(patient_id, templates)
    deadline = settings.fetch_deadline_seconds
    limits = FetchLimits(certificate_authorities=settings.certificate_authorities)
    outcomes, seconds = timed(
        lambda: fetch_all(access, queries, deadline_seconds=deadline, same_base=same_base, limits=limits)
    )
    within = f"all queries in parallel took {seconds:.1f} s of the {deadline:g} s allowed"
    report.findings.append(Finding(Level.NOTE, "time", within))
    faults = {key: one.reason or "not complete" for key, one in outcomes.items() if not one.complete}
    report.findings += _unexplained(faults, report.findings)
    _judge_record(report, outcomes, faults, knowledge, patient_id=patient_id)
    report.codes, report.units = _codes_and_units(outcomes, knowledge.terminology)
    report.findings += _incomparable(report.units)
    report.rules = assessments(faults, knowledge=knowledge, now=datetime.now(UTC))


def _unexplained(faults: Mapping[str, str], found: Collection[Finding]) -> list[Finding]:
    """What went wrong only while reading as the service does: over all pages, in parallel, in time."""
    explained = {finding.where for finding in found if finding.level > Level.NOTE}
    return [
        Finding(Level.FAULT if key == "conditions" else Level.LIMIT, key, reason)
        for key, reason in faults.items()
        if key not in explained
    ]


def _judge_record(
    report: _Report,
    outcomes: Mapping[str, FetchOutcome],
    faults: Mapping[str, str],
    knowledge: Knowledge,
    *,
    patient_id: str,
) -> None:
    values = {key: one.resource for key, one in outcomes.items() if one.resource is not None}
    try:
        record = build_record(values, patient_id=patient_id, terminology=knowledge.terminology, faults=faults)
    except MalformedRequest as fault:
        report.findings.append(Finding(Level.FAULT, "patient", fault.message))
        return
    for name, section in record.sections.items():
        # Reasons about single resources name them; the findings of their queries count them instead.
        because = "; ".join(sorted({faults[key] for key in faults if QUERIES[key].section == name}))
        invalid = "resources that are not valid" if section.state is State.PARTIAL else ""
        report.sections[name] = {"state": section.state.value, "because": because or invalid}


def _codes_and_units(
    outcomes: Mapping[str, FetchOutcome], terminology: Terminology
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """How often each code of the lists was seen, and each unit of what is measured."""
    codes: Counter[tuple[str, str, str]] = Counter()
    units: Counter[tuple[str, str, bool]] = Counter()
    for outcome in outcomes.values():
        for entry in elements(mapping(outcome.resource).get("entry")):
            resource = mapping(entry.get("resource"))
            for coding in (one for concept in coded(resource) for one in codings(concept)):
                hits = terminology.lookup(coding.system, coding.code)
                codes.update((row.list_name, coding.system, coding.code) for row in hits[:1])
            units.update(_units(resource, terminology))
    return (
        [
            {"list": name, "system": system, "code": code, "count": count}
            for (name, system, code), count in sorted(codes.items())
        ],
        [
            {"of": name, "unit": unit, "comparable": comparable, "count": count}
            for (name, unit, comparable), count in sorted(units.items())
        ],
    )


def _units(observation: Resource, terminology: Terminology) -> Iterator[tuple[str, str, bool]]:
    """The unit of what is measured, and whether the value can be compared with a limit."""
    if observation.get("resourceType") != "Observation":
        return
    parts = [observation, *elements(observation.get("component"))]
    for part in parts:
        value = quantities.value_of(part)
        for code_list, (_, name) in _MEASURED.items():
            if value is not None and terminology.concepts(part.get("code"), code_list):
                limit = quantities.upper_reference_limit(part, unit=value.unit)
                known = value.unit in _PERCENTAGES if name == "Ki-67" else limit is not None
                flagged = name != "Ki-67" and quantities.interpretation(part) != ""
                assumed = name == "5-HIAA" and value.unit in ("mg/24h", "umol/24h")
                yield name, one_line(value.unit)[:40], known or flagged or assumed


def _incomparable(units: Collection[Mapping[str, Any]]) -> Iterator[Finding]:
    for one in units:
        if not one["comparable"]:
            need = "%" if one["of"] == "Ki-67" else "a reference range in the same unit, or an interpretation"
            values = f"{one['count']} values of {one['of']} in {one['unit'] or 'no unit'}"
            yield Finding(Level.LIMIT, "observations", f"{values} cannot be compared: send {need}")


def _as_json(report: _Report) -> str:
    document = {
        "status": _VERDICTS[report.level],
        "findings": [
            {"level": one.level.name.lower(), "where": one.where, "says": one.says} for one in report.findings
        ],
        "sections": report.sections,
        "codes": report.codes,
        "units": report.units,
        "rules": [asdict(one) for one in report.rules],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _print(console: Console, report: _Report) -> None:
    by_level = sorted(report.findings, key=lambda one: -one.level)
    console.print(heading("Findings"))
    console.print(rows((one.level.name.lower(), one.where, one.says) for one in by_level))
    if report.sections:
        console.print(heading("Sections of the record"))
        console.print(rows((name, one["state"], one["because"]) for name, one in report.sections.items()))
    if report.codes:
        console.print(heading("Codes of the lists that were seen"))
        console.print(
            rows((one["list"], f"{one['system']}|{one['code']}", str(one["count"])) for one in report.codes)
        )
    if report.units:
        console.print(heading("Units"))
        console.print(rows((one["of"], one["unit"] or "(none)", str(one["count"])) for one in report.units))
    if report.rules:
        console.print(heading("Rules: can they be assessed here?"))
        console.print(rows((one.can, one.rule, one.because) for one in report.rules))
    console.print(Text(f"\nThe FHIR server is {_VERDICTS[report.level]}.", style="bold"))
