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
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import quote

import orjson
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from service.cards import Knowledge
from service.commands import exits
from service.commands.assessments import Assessment, assessments
from service.commands.evaluate import hook_of
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
    names_from,
    timed,
)
from service.commands.own_codes import Proposal, as_code_map, proposals, unread_tumours
from service.commands.terminal import heading, print_sections, rows, terminal
from service.commands.try_service import ServerUnusable, base_url, token_from
from service.commands.vocabulary import SeenCode, SeenUnit, incomparable, seen_codes, seen_units, unmapped
from service.config import Settings
from service.documents import string, typed
from service.engine import why_incomplete
from service.errors import InputFileError, MalformedRequest
from service.fhir.access import FhirAccess
from service.fhir.client import FetchLimits, FetchOutcome, fetch_all
from service.fhir.medications import Medications, queries_for
from service.fhir.queries import QUERIES, filled
from service.fhir.r4 import Condition, Observation
from service.fhir.read import MISSING, Fault, Reading, read_key
from service.fhir.record import Section, Shelf, assemble, names_in, shelve
from service.fhir.references import ID, type_and_id
from service.fhir.searches import searches
from service.fhir.terminology import Terminology
from service.fhir.whose import names_of
from service.rules import RULES
from service.security.urls import parse_url, same_base
from service.site import in_words, read_site
from service.translations import load_translations
from service.web.wiring import knowledge_of, templates_of
from service.why import HOOKS

_Subparsers = argparse._SubParsersAction  # the type that add_subparsers returns has no public name
_FHIR_ID = re.compile(ID)
_TUMOURS = ("net-snomed-primary", "net-malignant-icd10cm")
_VERDICTS = ("ready", "ready with limits", "not ready")
_EXITS = (exits.DONE, exits.FINDINGS, exits.NOT_READY)


@dataclass(slots=True)
class _Report:
    """What was found, as it comes in."""

    findings: list[Finding] = field(default_factory=list)
    sections: list[_SeenSection] = field(default_factory=list)
    codes: list[SeenCode] = field(default_factory=list)
    units: list[SeenUnit] = field(default_factory=list)
    proposed: list[Proposal] = field(default_factory=list)
    rules: list[Assessment] = field(default_factory=list)

    @property
    def level(self) -> Level:
        limited = any(one.can != "yes" for one in self.rules)
        worst = max((finding.level for finding in self.findings), default=Level.NOTE)
        return max(worst, Level.LIMIT) if limited else worst


@dataclass(frozen=True, slots=True)
class _SeenSection:
    """A section of the record, and why it is not known without naming a resource of the patient."""

    section: Section
    because: str


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
    parser.add_argument(
        "--propose-map", metavar="FILE", type=Path, help="write rows for NET_CDS_CODE_MAP, to be reviewed"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Examine the server and print the report. Raises InputFileError, ServerUnusable, ContentError."""
    plain = parse_url(arguments.base_url)
    if plain is None or plain.has_query:
        raise InputFileError(f"{arguments.base_url!r} is not a plain http or https URL without a query.")
    arguments.patient = arguments.patient and arguments.patient.removeprefix("Patient/")
    if arguments.patient is not None and not _FHIR_ID.fullmatch(arguments.patient):
        raise InputFileError("--patient: has to be an id, of letters, digits and '-._~'.")
    access = FhirAccess(arguments.base_url, token_from(arguments.token_env))
    knowledge = knowledge_of(settings)
    site = read_site(settings.config_file)
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
    report.findings += [Finding(Level.NOTE, "site", line) for line in in_words(site)]
    report.findings += _languages(settings, knowledge)
    report.findings += _reviews(knowledge, datetime.now(UTC).date())
    if arguments.hook:
        offered = {rule.id for rule in RULES if arguments.hook in rule.hooks}
        report.rules = [one for one in report.rules if one.rule in offered]
    if arguments.propose_map:
        _write(arguments.propose_map, as_code_map(report.proposed))
    if arguments.json:
        sys.stdout.write(_as_json(report))
    else:
        _print(terminal(), report)
    return _EXITS[report.level]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise InputFileError(f"--propose-map {path}: cannot be written ({problem.strerror}).") from None


def _languages(settings: Settings, knowledge: Knowledge) -> Iterator[Finding]:
    """How much of each language is there; what is missing is shown in English."""
    today = datetime.now(UTC).date()
    for language, found in load_translations(settings.cards_dir, knowledge).items():
        yield Finding(Level.NOTE, "language", f"{language}: {len(found.missing)} texts are still English")
        states = found.knowledge.translation_states(today)
        approved = sum(one.is_approved for one in states.values())
        said = f"{language}: the translation of {approved} of {len(states)} files is approved"
        yield Finding(Level.NOTE, "language", said)
        for file, why in found.knowledge.lapsed_translations(today).items():
            yield Finding(Level.LIMIT, "review", f"{file}: {why}")


def _reviews(knowledge: Knowledge, today: date) -> Iterator[Finding]:
    """Approvals that have lapsed or will soon, and the cards that are off for want of one."""
    states = knowledge.states(today)
    for card, why in knowledge.lapsed(today).items():
        yield Finding(Level.LIMIT, "review", f"{card}: {why}")
    for card, state in states.items():
        if state.is_due:
            yield Finding(
                Level.NOTE, "review", f"{card}: its next review is due on {state.review.next_review}"
            )
    approved = sum(one.is_approved for one in states.values())
    yield Finding(Level.NOTE, "review", f"{approved} of {len(states)} cards are approved")
    if off := [rule.id for rule in RULES if not knowledge.shows(rule.id, today)]:
        yield Finding(Level.LIMIT, "review", f"not shown, because not approved: {', '.join(off)}")


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
    question = functools.partial(ask, access, settings.certificate_authorities, knowledge.phrases)
    capabilities = question("metadata")
    if capabilities.failure:
        raise ServerUnusable(f"{access.base_url} could not be reached: {capabilities.failure}.")
    report.findings += check_capabilities(capabilities)
    advance()
    patient_id, reply = (patient, Reply()) if patient else _any_patient(question, knowledge.terminology)
    advance()
    if patient_id is None:
        why = f" ({reply.why_unusable})" if reply.why_unusable else ""
        says = f"no patient could be found to try the queries with{why}; name one with --patient ID"
        report.findings.append(Finding(Level.FAULT, "patient", says))
        report.findings += _token_hint(access, refused=reply.status in (401, 403))
        return report
    _ask_queries(report, question, knowledge, settings, patient_id=patient_id, advance=advance)
    _read_as_service(report, access, knowledge, settings, patient_id=patient_id)
    report.findings += _not_seen(report, patient_id)
    report.findings += _token_hint(access, refused=bool(_refusals(report)))
    advance()
    return report


def _not_seen(report: _Report, patient_id: str) -> Iterator[Finding]:
    """What this patient cannot show was not tested, however well the server answers."""
    used = {one.section.name: one.section.count.used for one in report.sections}
    if _refusals(report):
        return
    if not used.get("patient"):
        if not any(one.where == "patient" and one.level > Level.NOTE for one in report.findings):
            says = f"{patient_id} could not be read as a patient; name another with --patient ID"
            yield Finding(Level.FAULT, "patient", says)
    elif not any(one.list in _TUMOURS for one in report.codes):
        says = "no code of a neuroendocrine tumour was seen: what this patient cannot show was not tested"
        yield Finding(Level.LIMIT, "conditions", f"{says}; name a patient who has one with --patient ID")


def _refusals(report: _Report) -> list[Finding]:
    return [one for one in report.findings if "HTTP status 401" in one.says or "HTTP status 403" in one.says]


def _token_hint(access: FhirAccess, *, refused: bool) -> Iterator[Finding]:
    if refused and access.token is None:
        says = "no access token was sent; --token-env NAME takes one from an environment variable"
        yield Finding(Level.NOTE, "token", says)
    elif refused:
        yield Finding(Level.NOTE, "token", "the access token was refused: does it allow reading these?")


def _any_patient(question: Callable[[str], Reply], terminology: Terminology) -> tuple[str | None, Reply]:
    """A patient with a neuroendocrine tumour if the server finds one, else the first; the last answer."""
    wanted = {(row.system, row.code) for name in _TUMOURS for row in terminology.by_list.get(name, ())}
    codes = ",".join(f"{system}|{code}" for system, code in sorted(wanted))
    search = question(f"Condition?code={quote(codes, safe=':/|,')}&_count=1")
    for condition in typed(search.matches, Condition):
        named = type_and_id(condition.subject.reference or "") if condition.subject else ("", "")
        if named[0] == "Patient" and wanted & set(codes_of(condition)):
            return named[1], search
    patients = question("Patient?_count=1")
    found = next((string(one.get("id")) for one in patients.matches if one.get("id")), None)
    return found, patients


def _ask_queries(
    report: _Report,
    question: Callable[[str], Reply],
    knowledge: Knowledge,
    settings: Settings,
    *,
    patient_id: str,
    advance: Callable[[], None],
) -> None:
    """Every prefetch query, one at a time, then questions that show what the server ignores."""
    names, seen = names_of(patient_id, None), []
    codes = knowledge.terminology.observation_codes() if settings.results_by == "code" else ()
    for key, template in templates_of(settings, knowledge).items():
        reply = question(searches(filled(template, patient_id=patient_id))[0].query)
        if key == "patient":
            names = names_from(reply, patient_id)
        report.findings += check_answer(key, reply, names=names, codes=codes)
        seen += reply.matches if key != "observations" else []
        advance()
    report.findings += check_paging(question, patient_id)
    advance()
    report.findings += check_statuses(question, patient_id)
    advance()
    everything = question(f"Observation?patient={patient_id}&_sort=-date&_count=500")
    observations = typed(everything.matches, Observation)
    report.findings += unmapped(observations, knowledge.terminology)
    report.findings += unread_tumours([*seen, *everything.matches], knowledge.terminology)
    report.proposed = proposals([*typed(seen, Condition), *observations], knowledge.terminology)


def _read_as_service(
    report: _Report, access: FhirAccess, knowledge: Knowledge, settings: Settings, *, patient_id: str
) -> None:
    """Fetch everything in parallel as a hook call would, and judge what the record is then worth."""
    queries = queries_for(patient_id, templates_of(settings, knowledge))
    deadline = settings.fetch_deadline_seconds
    limits = FetchLimits(certificate_authorities=settings.certificate_authorities)
    outcomes, seconds = timed(
        lambda: fetch_all(access, queries, deadline_seconds=deadline, same_base=same_base, limits=limits)
    )
    within = f"all queries in parallel took {seconds:.1f} s of the {deadline:g} s allowed"
    report.findings.append(Finding(Level.NOTE, "time", within))
    faults = {key: why for key, one in outcomes.items() if (why := why_incomplete(one, knowledge.phrases))}
    report.findings += _unexplained(faults, report.findings)
    readings = {key: _reading(key, one, faults.get(key, "")) for key, one in outcomes.items()}
    _judge(report, readings, faults, knowledge, patient_id=patient_id)


def _reading(key: str, outcome: FetchOutcome, fault: str) -> Reading:
    """What the server gave for one key, read as a hook call would read it."""
    value = MISSING if outcome.resource is None else outcome.resource
    return read_key(key, value, why_incomplete=fault)


def _judge(
    report: _Report,
    readings: Mapping[str, Reading],
    faults: Mapping[str, str],
    knowledge: Knowledge,
    *,
    patient_id: str,
) -> None:
    because = _by_section(faults)
    try:
        shelves = _shelves(readings, knowledge, patient_id)
        record = assemble(shelves, patient_id=patient_id, phrases=knowledge.phrases)
    except MalformedRequest as fault:
        report.findings.append(Finding(Level.FAULT, "patient", fault.message))
    else:
        report.findings += _unused(shelves, knowledge)
        report.sections = [_SeenSection(one, because.get(name, "")) for name, one in record.sections.items()]
    resources = [one.resource for reading in readings.values() for one in reading.read]
    report.codes = seen_codes(resources, knowledge.terminology)
    report.units = seen_units(resources, knowledge.terminology)
    report.findings += incomparable(report.units)
    report.rules = assessments(because, knowledge)


def _by_section(faults: Mapping[str, str]) -> dict[str, str]:
    """Section -> why it cannot be filled."""
    sections = {QUERIES[key].section for key in faults}
    return {
        name: ", ".join(sorted({why for key, why in faults.items() if QUERIES[key].section == name}))
        for name in sections
    }


def _shelves(readings: Mapping[str, Reading], knowledge: Knowledge, patient_id: str) -> dict[str, Shelf]:
    names = names_in(readings["patient"], patient_id)
    medications = Medications.among(readings.values())
    return {
        key: shelve(reading, names, medications, knowledge.terminology) for key, reading in readings.items()
    }


_TOLD_BEFORE = (Fault.NOT_SENT, Fault.NOT_READ)
"""Said of a whole query; the reason is among the findings already."""


def _unused(shelves: Mapping[str, Shelf], knowledge: Knowledge) -> Iterator[Finding]:
    """Why resources could not be used, by kind; the reasons of the record itself name the resources."""
    for key, shelf in shelves.items():
        kind = QUERIES[key].resource_type
        told = [*shelf.reading.faults.told, *shelf.faults.told]
        kinds = Counter((fault, kind if where.startswith(kind) else where) for fault, where in told)
        for (fault, where), count in kinds.items():
            if fault not in _TOLD_BEFORE:
                says = knowledge.phrases(f"record.{fault.value}", key=key, where=where)
                yield Finding(Level.LIMIT, key, f"{count} times: {says}")


def _unexplained(faults: Mapping[str, str], found: Collection[Finding]) -> list[Finding]:
    """What went wrong only while reading as the service does: over all pages, in parallel, in time."""
    explained = {finding.where for finding in found if finding.level > Level.NOTE}
    return [
        Finding(Level.FAULT if key == "conditions" else Level.LIMIT, key, reason)
        for key, reason in faults.items()
        if key not in explained
    ]


def _as_json(report: _Report) -> str:
    document = {
        "status": _VERDICTS[report.level],
        "findings": [
            {"level": one.level.name.lower(), "where": one.where, "says": one.says} for one in report.findings
        ],
        "sections": {
            one.section.name: {
                "state": one.section.state.value,
                "because": one.because,
                "count": one.section.count._asdict(),
            }
            for one in report.sections
        },
        "codes": [asdict(one) for one in report.codes],
        "units": [asdict(one) for one in report.units],
        "proposed": [one._asdict() for one in report.proposed],
        "rules": [asdict(one) for one in report.rules],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _print(console: Console, report: _Report) -> None:
    console.print(Text(f"The FHIR server is {_VERDICTS[report.level]}.", style="bold"))
    console.print(Text(_counts(report)))
    console.print(heading("Findings"))
    console.print(rows(_causes(report.findings)))
    if report.sections:
        print_sections(console, _sections_by_cause(report.sections))
    if report.codes:
        console.print(heading("Codes of the lists that were seen"))
        console.print(rows((one.list, f"{one.system}|{one.code}", str(one.count)) for one in report.codes))
    if report.units:
        console.print(heading("Units"))
        console.print(rows((one.of, one.unit or "(none)", str(one.count)) for one in report.units))
    if report.proposed:
        console.print(heading("Rows for NET_CDS_CODE_MAP, to be reviewed by somebody who knows the codes"))
        console.print(Text(as_code_map(report.proposed)))
    if report.rules:
        console.print(heading("Rules: can they be assessed here?"))
        console.print(rows(_rules_by_cause(report)))


def _counts(report: _Report) -> str:
    """How many causes of each level, resources and rules there are."""
    levels = Counter(level for level, _ in {(one.level, one.says) for one in report.findings})
    found = [f"{levels[level]} {level.name.lower()}" for level in sorted(levels, reverse=True)]
    used = sum(one.section.count.used for one in report.sections)
    can = sum(one.can == "yes" for one in report.rules)
    parts = [f"findings: {', '.join(found) or 'none'}", f"{used} resources used"]
    return "; ".join([*parts, f"{can} of {len(report.rules)} rules can be assessed"])


def _causes(findings: Collection[Finding]) -> list[tuple[str, str, str]]:
    """Each cause once, the worst first, with every place where it was met."""
    places: dict[tuple[Level, str], list[str]] = {}
    for one in findings:
        places.setdefault((one.level, one.says), []).append(one.where)
    worst_first = sorted(places.items(), key=lambda cause: -cause[0][0])
    return [
        (level.name.lower(), ", ".join(dict.fromkeys(where)), says) for (level, says), where in worst_first
    ]


def _sections_by_cause(sections: Collection[_SeenSection]) -> list[tuple[Section, str]]:
    """Each section, and why it is not known where that was not said before it."""
    told: set[str] = set()
    lines = []
    for one in sections:
        lines.append((one.section, "the same" if one.because in told else one.because))
        told |= {one.because} - {""}
    return lines


def _rules_by_cause(report: _Report) -> list[tuple[str, str, str]]:
    """The rules that share an answer and the sections that it rests on, in one line."""
    shared: dict[tuple[str, str], list[str]] = {}
    for one in report.rules:
        because = one.because
        for seen in report.sections:
            because = because.replace(f"{seen.section.name}: {seen.because}", seen.section.name)
        shared.setdefault((one.can, because), []).append(one.rule)
    return [(can, ", ".join(names), because) for (can, because), names in shared.items()]
