"""One patient of a cohort: from the lines of an export, a Bundle or a hook request to rows of results.

Every row comes from the same :func:`service.engine.respond` that answers a hook call, so that the cards are
those which the service would have shown. Nothing here knows how the patients are brought together.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from service.charts import Chart, read_chart, request_document
from service.cohort.replay import as_of
from service.commands.own_codes import Proposal, proposals
from service.commands.vocabulary import SeenUnit, seen_units
from service.documents import Document, typed
from service.engine import HookResult, respond
from service.errors import InputFileError, MalformedRequest, MissingData
from service.fhir.r4 import TYPES, Condition, Observation
from service.hooks.card import Card
from service.hooks.hooks import SERVICE_OF
from service.hooks.request import HookRequest, read_request
from service.json_body import read_object
from service.rules.base import Fires
from service.site import Site, call_of

USER = "Practitioner/cohort"


@dataclass(frozen=True, slots=True)
class Job:
    """One patient to assess: by the ``lines`` of an export, or by the Bundle or the request in ``file``."""

    name: str
    patient_id: str = ""
    lines: tuple[bytes, ...] = ()
    file: str = ""
    is_request: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of every patient.

    ``moments`` are those to judge by; with ``is_replay`` the chart is taken back to each. ``key`` makes the
    pseudonyms; None leaves the ids as they are.
    """

    hooks: tuple[str, ...]
    moments: tuple[datetime, ...]
    is_replay: bool = False
    key: bytes | None = None


class CardRow(NamedTuple):
    """One rule on one card. ``place`` counts the cards of an answer from 1; ``day`` is YYYY-MM-DD."""

    patient: str
    hook: str
    day: str
    place: int
    topic: str
    rule: str
    wording: str
    indicator: str
    summary: str
    evidence: str


class UnassessedRow(NamedTuple):
    """A rule that could not be assessed, and the section of the record that was lacking."""

    patient: str
    hook: str
    day: str
    rule: str
    section: str
    reason: str


class Opening(NamedTuple):
    """One call that was made for a patient."""

    patient: str
    hook: str
    day: str
    cards: int
    has_tumour: bool


@dataclass(slots=True)
class Outcome:
    """All that came of one job; ``fault`` says why it could not be assessed, ``place`` of what."""

    name: str
    cards: list[CardRow] = field(default_factory=list)
    unassessed: list[UnassessedRow] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    proposed: list[Proposal] = field(default_factory=list)
    units: list[SeenUnit] = field(default_factory=list)
    fault: str = ""
    place: str = ""
    milliseconds: float = 0.0


def assess(job: Job, site: Site, options: Options) -> Outcome:
    """The rows of one patient; what is wrong with the input becomes its fault."""
    outcome, begun = Outcome(job.name), time.perf_counter()
    try:
        _ask(job, site, options, outcome)
    except (InputFileError, MalformedRequest, MissingData) as fault:
        outcome.fault, outcome.place = _anonymous(str(fault), options.key), _place(job, options.key)
    outcome.milliseconds = round((time.perf_counter() - begun) * 1000, 3)
    return outcome


def _place(job: Job, key: bytes | None) -> str:
    who = f"Patient/{pseudonym(job.patient_id, key)}" if job.patient_id else ""
    return ", ".join(one for one in (job.file, who) if one)


def _ask(job: Job, site: Site, options: Options, outcome: Outcome) -> None:
    if job.is_request:
        document = read_object(Path(job.file).read_bytes())
        _add(_request_of(document), options.moments[-1], site, options, outcome)
        return
    chart = read_chart(job.file, patient=job.patient_id or None) if job.file else _chart_of(job)
    for moment in options.moments:
        then = as_of(chart, moment) if options.is_replay else chart
        for hook in options.hooks:
            _add(_called(then, hook), moment, site, options, outcome)
    _note_codes(chart, site, outcome)


def _chart_of(job: Job) -> Chart:
    return Chart(job.patient_id, tuple([read_object(line) for line in job.lines]))


def _request_of(document: Mapping[str, Any]) -> HookRequest:
    hook = document.get("hook")
    if not isinstance(hook, str) or hook not in SERVICE_OF:
        raise MalformedRequest(f"has to be one of {', '.join(SERVICE_OF)}", path="$.hook")
    return read_request(document, service_id=SERVICE_OF[hook].id, hook=hook)


def _called(chart: Chart, hook: str) -> HookRequest:
    """The call that an EHR would have made; a Patient that the export lacks is not known."""
    if chart.of("Patient"):
        return _request_of(request_document(chart, hook=hook, user=USER))
    stub: Document = {"resourceType": "Patient", "id": chart.patient_id}
    document = request_document(Chart(chart.patient_id, (stub, *chart.resources)), hook=hook, user=USER)
    del document["prefetch"]["patient"]
    return _request_of(document)


def _add(request: HookRequest, moment: datetime, site: Site, options: Options, outcome: Outcome) -> None:
    rules = site.rules_of(call_of(request, moment))
    result = respond(request, knowledge=rules.knowledge, shadow_rules=rules.shadow, now=moment)
    who = pseudonym(request.patient_id, options.key)
    call = (who, request.hook, moment.astimezone(UTC).date().isoformat())
    outcome.openings.append(Opening(*call, len(result.cards), bool(result.verdicts)))
    for place, card in enumerate(result.cards, start=1):
        outcome.cards += _rows(call, place, card, result, options.key)
        outcome.unassessed += [
            UnassessedRow(*call, one.recommendation, one.section, _anonymous(one.reason, options.key))
            for one in card.not_assessed
        ]


def _rows(
    call: tuple[str, str, str], place: int, card: Card, result: HookResult, key: bytes | None
) -> Iterator[CardRow]:
    wordings = {verdict.rule.id: one.wording for verdict, one in _fired(result)}
    evidence = "; ".join(f"{one.reference}: {one.says}" for one in card.evidence)
    shared = (card.indicator.name.lower(), card.summary, _anonymous(evidence, key))
    for rule in card.recommendations:
        yield CardRow(*call, place, card.source.topic_code, rule, wordings.get(rule, ""), *shared)


def _fired(result: HookResult) -> Iterator[tuple[Any, Fires]]:
    return ((verdict, one) for verdict in result.verdicts for one in verdict.said if isinstance(one, Fires))


def _note_codes(chart: Chart, site: Site, outcome: Outcome) -> None:
    """Codes of the site's own that words explain, and the units of what is measured."""
    known = [one for one in chart.resources if one.get("resourceType") in TYPES]
    observations = typed(known, Observation)
    outcome.proposed = proposals([*typed(known, Condition), *observations], site.content.terminology)
    outcome.units = seen_units(observations, site.content.terminology)


_NAMED = re.compile(rf"\b({'|'.join((*TYPES, 'Medication'))})/([A-Za-z0-9\-._~]+)")


def pseudonym(identity: str, key: bytes | None) -> str:
    """What stands for an id in the results: the same id and key give the same, and nobody the way back."""
    if key is None:
        return identity
    return hashlib.blake2b(identity.encode(), key=key, digest_size=10).hexdigest()


def _anonymous(text: str, key: bytes | None) -> str:
    """The text with a pseudonym for the id of each resource that it names."""
    return text if key is None else _NAMED.sub(lambda one: f"{one[1]}/{pseudonym(one[2], key)}", text)
