"""One hook call: gather the record, read the facts, ask the rules, render the cards.

https://cds-hooks.hl7.org/2.0/#cds-service-response. No HTTP here: a request goes in, cards come out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from service.charts import ChartMemory
from service.errors import MissingData
from service.facts import Facts, read_facts
from service.facts.context import Context
from service.fhir.access import FhirAccess
from service.fhir.bundles import digest_of, whole, why_partial
from service.fhir.medications import KEYS as MEDICATION_KEYS
from service.fhir.medications import UNNAMED, lacks_a_medication
from service.fhir.queries import QUERIES
from service.fhir.record import Record, State, build_record
from service.hooks.card import Card, Indicator, NotAssessed
from service.hooks.request import HookRequest
from service.rendering import Page, indicator_of, page, render_card, render_group, render_incomplete
from service.rules import PRIORITY, RULES_OF_HOOK
from service.rules.base import (
    Answer,
    Answers,
    Fires,
    Rule,
    Silent,
    out_of_scope,
    person_out_of_scope,
)
from service.wording import Knowledge

# Some clients write the whole URL of the user.
_PATIENT_OR_RELATIVE = re.compile(r"(?:https?://.+/)?(?:Patient|RelatedPerson)/")


class Fetched(Protocol):
    """What reading one query from a FHIR server gave."""

    @property
    def resource(self) -> Any:
        """The resource or Bundle; None where nothing could be read."""

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""

    @property
    def reason(self) -> str | None:
        """Why not, in words without patient data."""


Fetch = Callable[[FhirAccess, str, Collection[str]], Mapping[str, Fetched]]
"""``(access, patient id, prefetch keys) -> prefetch key -> outcome``; never raises for a server."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule said."""

    rule: Rule
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class HookResult:
    """The cards, and what a log line or ``evaluate --why`` wants to know of how they came about."""

    cards: tuple[Card, ...]
    verdicts: tuple[Verdict, ...]
    record: Record | None
    milliseconds: Mapping[str, float]


def _nothing(_rule_ids: Collection[str]) -> Collection[str]:
    return ()


def respond(
    request: HookRequest,
    *,
    knowledge: Knowledge,
    now: datetime,
    fetch: Fetch | None = None,
    charts: ChartMemory | None = None,
    overridden: Callable[[Collection[str]], Collection[str]] = _nothing,
    ask_all: bool = False,
) -> HookResult:
    """Answer one hook call.

    ``now`` is the time to judge by; what ``charts`` remembers was judged when it was first read.
    ``overridden`` is given the rules that fire and gives those that this user lately declined for this
    patient. ``ask_all`` asks every rule even where the patient has no tumour, for ``--why``.
    Raises MissingData when the conditions cannot be known, MalformedRequest for a mixed-up chart.
    """
    if _is_for_patients(request):
        return HookResult((), (), None, {})
    marks = [time.perf_counter()]
    facts = _facts(request, knowledge=knowledge, now=now, fetch=fetch, charts=charts)
    marks.append(time.perf_counter())
    if not ask_all and not facts.chart.may_have_a_tumour:
        return HookResult(
            _incomplete_problem_list(facts.record, knowledge), (), facts.record, _durations(marks)
        )
    verdicts = ask_rules(facts, knowledge)
    cards = _cards(verdicts, facts, knowledge, overridden)
    marks.append(time.perf_counter())
    return HookResult(cards, verdicts, facts.record, _durations(marks))


def _durations(marks: Sequence[float]) -> dict[str, float]:
    steps = zip(("fetch", "rules"), marks[:-1], marks[1:], strict=False)
    return {name: round((after - before) * 1000, 3) for name, before, after in steps}


def _is_for_patients(request: HookRequest) -> bool:
    """Clinicians' advice is not shown to patients and their relatives."""
    return _PATIENT_OR_RELATIVE.match(request.user_id) is not None


def _facts(
    request: HookRequest,
    *,
    knowledge: Knowledge,
    now: datetime,
    fetch: Fetch | None,
    charts: ChartMemory | None,
) -> Facts:
    """The facts of the chart, from memory where it is the same as a moment ago."""
    context, read = _context(request), _reader(request, fetch)
    to_fetch = _incomplete_keys(request) if read else ()
    digest = b"" if to_fetch else digest_of(request.prefetch)
    known = charts.recall(digest, context, now=now) if charts and digest else None
    if known is not None:
        return known
    record = gather(request, read(to_fetch) if read and to_fetch else {}, knowledge=knowledge)
    facts = read_facts(record, context, now=now, defaults=knowledge.defaults)
    if charts and digest and facts.chart.may_have_a_tumour:
        charts.keep(digest, facts)
    return facts


def _reader(
    request: HookRequest, fetch: Fetch | None
) -> Callable[[Collection[str]], Mapping[str, Fetched]] | None:
    """Reads prefetch keys of this patient from the FHIR server; None where no server may be read."""
    if fetch is None or request.fhir_access is None:
        return None
    return partial(fetch, request.fhir_access, request.patient_id)


def _context(request: HookRequest) -> Context:
    return Context(
        hook=request.hook,
        drafts=request.draft_orders,
        selections=frozenset(request.selections),
        appointments=request.appointments,
        encounter_id=request.encounter_id,
    )


def _incomplete_keys(request: HookRequest) -> Collection[str]:
    """The prefetch keys that a FHIR server could complete."""
    prefetch = whole(request.prefetch)
    return [key for key in QUERIES if _is_incomplete(prefetch, key)]


def gather(request: HookRequest, fetched: Mapping[str, Fetched], *, knowledge: Knowledge) -> Record:
    """The record from prefetch, completed with what a FHIR server gave."""
    values = {key: value for key, value in whole(request.prefetch).items() if key in QUERIES}
    faults: dict[str, str] = {}
    for key, outcome in fetched.items():
        if outcome.resource is not None:
            values[key] = outcome.resource
        if not outcome.complete:
            faults[key] = outcome.reason or "the FHIR server could not be read"
    for key in MEDICATION_KEYS:
        if lacks_a_medication(values.get(key)):
            faults.setdefault(key, UNNAMED)
    record = build_record(
        values, patient_id=request.patient_id, terminology=knowledge.terminology, faults=faults
    )
    if record.sections["conditions"].state is State.UNKNOWN:
        raise MissingData(
            "The patient's conditions are needed: send prefetch.conditions, or fhirServer and "
            f"fhirAuthorization that allow to read them ({record.why_not_known('conditions')})."
        )
    return record


def _is_incomplete(values: Mapping[str, Any], key: str) -> bool:
    """Whether a key is absent, failed, or holds only a part of the results."""
    if key not in values:
        return True
    value = values[key]
    if not isinstance(value, dict):
        return value is not None
    if value.get("resourceType") == "OperationOutcome":
        return True
    if key in MEDICATION_KEYS and lacks_a_medication(value):
        return True
    return why_partial(value) is not None


def ask_rules(facts: Facts, knowledge: Knowledge) -> tuple[Verdict, ...]:
    """The answer of every rule that belongs to the hook and has a card to show."""
    cards = knowledge.cards
    rules = [rule for rule in RULES_OF_HOOK.get(facts.context.hook, ()) if rule.id in cards]
    refusal = person_out_of_scope(facts)
    if refusal is not None:
        return tuple([Verdict(rule, (refusal,)) for rule in rules])
    # Many rules are for the same patients, so that is asked once for each audience.
    representatives = {rule.audience: rule for rule in rules}
    refusals = {name: out_of_scope(rule, facts) for name, rule in representatives.items()}
    return tuple([Verdict(rule, _answers(refusals[rule.audience] or rule.decide(facts))) for rule in rules])


def _answers(answer: Answers) -> tuple[Answer, ...]:
    return answer if isinstance(answer, tuple) else (answer,)


def _incomplete_problem_list(record: Record, knowledge: Knowledge) -> tuple[Card, ...]:
    """No tumour was found; where the problem list was not read to its end, that has to be said."""
    if record.sections["conditions"].state is State.KNOWN:
        return ()
    reason = record.why_not_known("conditions")
    missing = NotAssessed("workup", "conditions", reason)
    return (render_incomplete([missing], knowledge, notes=_notes(record)),)


def _notes(record: Record) -> tuple[str, ...]:
    """What was odd in the record: reasons for doubt first, then harmless defects; each once."""
    sections = record.sections.values()
    reasons = [f"{section.name}: {reason}" for section in sections for reason in section.reasons]
    notes = [f"{section.name}: {note}" for section in sections for note in section.notes]
    return tuple(dict.fromkeys(reasons + notes))


_Piece = tuple[str, tuple[tuple[Rule, Fires], ...]]
"""A card to be: the group's name (empty for a rule of its own) and its rules with their answers."""

JOINS_WORKUP = (
    "discordant-grade",
    "chromogranin-a-interpretation",
    "hiaa-interference",
    "carcinoid-syndrome-record",
)
"""Rules that move into the work-up card when there is no room for a card of their own."""


def _cards(
    verdicts: Iterable[Verdict],
    facts: Facts,
    knowledge: Knowledge,
    overridden: Callable[[Collection[str]], Collection[str]],
) -> tuple[Card, ...]:
    fired, missing = _spoken(verdicts)
    if fired:
        declined = overridden({rule.id for rule, _fires in fired})
        fired = _without_overridden(fired, knowledge, declined) if declined else fired
    most = int(knowledge.defaults.most_cards)
    pieces = _grouped(fired, facts.context.hook)
    if len(pieces) > most:
        pieces = _grouped(fired, facts.context.hook, joining=JOINS_WORKUP)
    pieces.sort(key=lambda piece: _urgency(piece, knowledge))
    cards = _rendered(pieces[:most], facts, knowledge)
    return _with_the_rest(cards, pieces[most:], missing, facts, knowledge)


def _spoken(verdicts: Iterable[Verdict]) -> tuple[list[tuple[Rule, Fires]], list[NotAssessed]]:
    """The rules that fire, and those that could not be assessed."""
    fired: list[tuple[Rule, Fires]] = []
    missing: list[NotAssessed] = []
    for verdict in verdicts:
        for answer in verdict.answers:
            if isinstance(answer, Silent):
                continue
            if isinstance(answer, Fires):
                fired.append((verdict.rule, answer))
            else:
                missing.append(NotAssessed(verdict.rule.id, answer.section, answer.because))
    return fired, missing


def _without_overridden(
    fired: list[tuple[Rule, Fires]], knowledge: Knowledge, overridden: Collection[str]
) -> list[tuple[Rule, Fires]]:
    """Advice that this user lately declined for this patient stays silent, unless it is critical."""
    return [
        (rule, fires)
        for rule, fires in fired
        if rule.id not in overridden or indicator_of(rule, fires, knowledge) is Indicator.CRITICAL
    ]


def _grouped(fired: Iterable[tuple[Rule, Fires]], hook: str, joining: Collection[str] = ()) -> list[_Piece]:
    groups: dict[str, list[tuple[Rule, Fires]]] = {}
    singles: list[_Piece] = []
    for one in fired:
        rule = one[0]
        group = "workup" if rule.id in joining else _group_of(rule, hook)
        if group:
            groups.setdefault(group, []).append(one)
        else:
            singles.append(("", (one,)))
    return singles + [(name, tuple(members)) for name, members in groups.items()]


def _group_of(rule: Rule, hook: str) -> str:
    """The pathway is one card on patient-view; while ordering, each of its rules speaks for itself."""
    return "" if rule.group == "pathway" and hook != "patient-view" else rule.group


_RANKS = {name: rank for rank, name in enumerate(PRIORITY)}


def _urgency(piece: _Piece, knowledge: Knowledge) -> tuple[int, int]:
    group, members = piece
    loudest = max([indicator_of(rule, fires, knowledge) for rule, fires in members])
    return (-loudest, _RANKS.get(group or members[0][0].id, len(_RANKS)))


def _rendered(pieces: Sequence[_Piece], facts: Facts, knowledge: Knowledge) -> list[Card]:
    if not pieces:
        return []
    on = page(facts, knowledge)
    return [_render(piece, on) for piece in pieces]


def _render(piece: _Piece, on: Page) -> Card:
    group, members = piece
    if group:
        return render_group(group, members, on)
    rule, fires = members[0]
    return render_card(rule, fires, on)


def _with_the_rest(
    cards: list[Card],
    no_room: Sequence[_Piece],
    missing: list[NotAssessed],
    facts: Facts,
    knowledge: Knowledge,
) -> tuple[Card, ...]:
    """Say what could not be assessed, what had no room, and what was odd in the record."""
    if facts.record.sections["conditions"].state is not State.KNOWN:
        missing.append(NotAssessed("workup", "conditions", facts.record.why_not_known("conditions")))
    crowded_out = [f"no room for: {rule.id}" for _group, members in no_room for rule, _fires in members]
    notes = (*crowded_out, *_notes(facts.record))
    if missing and len(cards) < int(knowledge.defaults.most_cards):
        cards.append(render_incomplete(missing, knowledge, notes=notes))
    elif cards:
        cards[-1] = replace(cards[-1], not_assessed=tuple(missing), notes=notes)
    return tuple(cards)


def silent_because(verdict: Verdict) -> str:
    """Why a rule is silent, for reports; empty where it is not."""
    return "; ".join(answer.because for answer in verdict.answers if isinstance(answer, Silent))
