"""One hook call: gather the record, ask the rules, enforce what their words rest on, render the cards.

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

from service.cards import Knowledge
from service.errors import MissingData
from service.facts.patient import Patient
from service.facts.phase import phase
from service.facts.tumour import may_hide_a_tumour, names_a_tumour, names_only_a_site
from service.fhir.access import FhirAccess
from service.fhir.bookings import name_bookings
from service.fhir.medications import Medications, reads_of
from service.fhir.phrasebook import Phrases
from service.fhir.queries import QUERIES
from service.fhir.read import Entry, Reading, State, holds_code, read_key, read_resources
from service.fhir.reasons import Reason, Why
from service.fhir.record import DRAFTS, Record, Shelf, assemble, names_in, shelve
from service.hooks.card import Card, Indicator, NotAssessed
from service.hooks.override_reasons import ReasonClass
from service.hooks.recall import Asked, Recall, Remembered, Report
from service.hooks.request import HookRequest
from service.rendering import Page, indicator_of, page, render_card, render_group, render_incomplete
from service.rules import PRIORITY, RULES_OF_HOOK, SAFETY_RULES
from service.rules.base import Answers, Fires, Rule, Silent, for_this_person, hushed, out_of_scope
from service.rules.key_facts import key_facts
from service.rules.phases import decided, group_of

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
    def reason(self) -> Reason | None:
        """Why not."""


Fetch = Callable[[FhirAccess, str, Collection[str]], Mapping[str, Fetched]]
"""``(access, patient id, keys) -> key -> outcome``; never raises for a server.

A key is one of prefetch, or names a resource as ``Medication/1``.
"""

Said = Fires | Silent | NotAssessed
"""What becomes of a rule's answer where a part of the record could not be read."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says; suggestions that could not be offered are among ``said`` as not assessed."""

    rule: Rule
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class HookResult:
    """The cards, and what a log line or ``evaluate --why`` wants to know of how they came about.

    ``shadowed`` are cards that would have been shown, of rules that a site only tries out. ``phase`` names
    the phase of care, empty where it is not told.
    """

    cards: tuple[Card, ...]
    verdicts: tuple[Verdict, ...]
    record: Record | None
    milliseconds: Mapping[str, float]
    shadowed: tuple[Card, ...] = ()
    phase: str = ""


def _remember_nothing(asked: Sequence[Asked]) -> Sequence[Remembered]:
    return [Remembered()] * len(asked)


def respond(
    request: HookRequest,
    *,
    knowledge: Knowledge,
    now: datetime,
    fetch: Fetch | None = None,
    recall: Recall = _remember_nothing,
    shadow_rules: Collection[str] = (),
    ask_all: bool = False,
) -> HookResult:
    """Answer one hook call; ``now`` is the time to judge by.

    ``recall`` tells of each answer that fires what is remembered of it for this patient. The cards of
    ``shadow_rules`` are made and not shown. ``ask_all`` reads the whole record and asks every rule even
    where there is no tumour, for ``--why``. Raises MissingData when the conditions cannot be known,
    MalformedRequest for a mixed-up chart.
    """
    if _is_for_patients(request):
        return HookResult((), (), None, {})
    marks = [time.perf_counter()]
    record = gather(request, knowledge=knowledge, fetch=fetch, whole=ask_all)
    marks.append(time.perf_counter())
    if not ask_all and not names_a_tumour(record):
        said = _incomplete_problem_list(record, knowledge, now)
        is_heard = said and any(rule.id not in shadow_rules for rule in _asked(request.hook, knowledge, now))
        return HookResult(said if is_heard else (), (), record, _durations(marks))
    patient = patient_of(request, record, knowledge, now=now)
    verdicts = ask_rules(patient, knowledge)
    shown, shadowed = _cards(verdicts, patient, knowledge, recall, frozenset(shadow_rules))
    marks.append(time.perf_counter())
    return HookResult(shown, verdicts, record, _durations(marks), shadowed, phase(patient).value)


def _durations(marks: Sequence[float]) -> dict[str, float]:
    steps = zip(("read", "rules"), marks[:-1], marks[1:], strict=False)
    return {name: round((after - before) * 1000, 3) for name, before, after in steps}


def _is_for_patients(request: HookRequest) -> bool:
    """Clinicians' advice is not shown to patients and their relatives."""
    return _PATIENT_OR_RELATIVE.match(request.user_id) is not None


def patient_of(request: HookRequest, record: Record, knowledge: Knowledge, *, now: datetime) -> Patient:
    """The patient whom the facts are about."""
    return Patient(
        record=record,
        hook=request.hook,
        now=now,
        defaults=knowledge.defaults,
        terminology=knowledge.terminology,
        phrases=knowledge.phrases,
        selections=frozenset(request.selections),
        encounter_id=request.encounter_id,
    )


_NAMING_A_TUMOUR = ("patient", "conditions")
"""The keys that tell whether there is a tumour; for nearly all patients no other has to be read."""


def gather(
    request: HookRequest, *, knowledge: Knowledge, fetch: Fetch | None = None, whole: bool = False
) -> Record:
    """The record from prefetch, completed by what a FHIR server gives.

    Where the conditions are known and none names a tumour or an organ in which one begins, and no histology
    was sent, nothing else is read, unless the ``whole`` record is wanted.
    Raises MissingData when the conditions cannot be known.
    """
    assembled = partial(assemble, patient_id=request.patient_id, phrases=knowledge.phrases)
    readings = {key: _prefetched(request, key) for key in _NAMING_A_TUMOUR}
    shelves = _shelves(readings, request, knowledge)
    if not whole and shelves["conditions"].state is State.KNOWN:
        record = assembled(shelves)
        if not (
            names_a_tumour(record) or names_only_a_site(record) or _holds_a_histology(request, knowledge)
        ):
            return record
    readings |= {key: _prefetched(request, key) for key in QUERIES if key not in readings}
    readings[DRAFTS] = read_resources(request.drafts, DRAFTS)
    shelves |= _shelves(readings, request, knowledge, known=shelves)
    if completed := _completed(shelves, request, fetch, knowledge.phrases):
        # The Patient may have come only now, and with it the names by which the others are told.
        readings |= completed
        shelves = _shelves(readings, request, knowledge)
    if drugs := _drugs_read_singly(shelves, request, fetch):
        shelves = _shelves(readings | {"drugs": drugs}, request, knowledge)
    record = assembled(shelves)
    if record.state("conditions") is State.UNKNOWN:
        raise MissingData(
            "The patient's conditions are needed: send prefetch.conditions, or fhirServer and "
            f"fhirAuthorization that allow to read them ({record.why_not_known('conditions')})."
        )
    return record


def _holds_a_histology(request: HookRequest, knowledge: Knowledge) -> bool:
    """Whether one of the few results that can name a tumour was sent; the others are not even looked at."""
    codes = knowledge.terminology.histology_codes
    return request.may_hold("observations", codes) and holds_code(request.sent("observations"), codes)


def _prefetched(request: HookRequest, key: str) -> Reading:
    return read_key(key, request.sent(key))


def _shelves(
    readings: Mapping[str, Reading],
    request: HookRequest,
    knowledge: Knowledge,
    *,
    known: Collection[str] = (),
) -> dict[str, Shelf]:
    names = names_in(readings["patient"], request.patient_id)
    name_bookings(readings.values())
    medications = Medications.among(readings.values())
    return {
        key: shelve(reading, names, medications, knowledge.terminology)
        for key, reading in readings.items()
        if key not in known
    }


def _completed(
    shelves: Mapping[str, Shelf], request: HookRequest, fetch: Fetch | None, phrases: Phrases
) -> dict[str, Reading]:
    """The readings of what the FHIR server gave, where it may be asked and something is missing."""
    if fetch is None or request.fhir_access is None:
        return {}
    wanted = [key for key in QUERIES if shelves[key].could_be_completed]
    if not wanted:
        return {}
    outcomes = fetch(request.fhir_access, request.patient_id, wanted)
    return {key: _answered(key, outcome, request, phrases) for key, outcome in outcomes.items()}


def _drugs_read_singly(
    shelves: Mapping[str, Shelf], request: HookRequest, fetch: Fetch | None
) -> Reading | None:
    """The drugs that orders and drafts name, and that came neither beside them nor with their search."""
    if fetch is None or request.fhir_access is None:
        return None
    lacked = [one for shelf in shelves.values() for one in shelf.medications_lacked]
    reads = reads_of(lacked, request.fhir_access.base_url)
    outcomes = fetch(request.fhir_access, request.patient_id, reads).values() if reads else ()
    found = [Entry(one.resource) for one in outcomes if one.resource is not None]
    return read_resources(found, "drugs") if found else None


def _answered(key: str, outcome: Fetched, request: HookRequest, phrases: Phrases) -> Reading:
    """What the server gave; what was prefetched where it gave nothing."""
    value = request.sent(key) if outcome.resource is None else outcome.resource
    return read_key(key, value, why_incomplete=why_incomplete(outcome, phrases))


def why_incomplete(outcome: Fetched, phrases: Phrases) -> str:
    """Why a query gave not all, in words without patient data; empty where it did."""
    return "" if outcome.complete else (outcome.reason or Reason(Why.UNREAD)).in_words(phrases)


def ask_rules(patient: Patient, knowledge: Knowledge) -> tuple[Verdict, ...]:
    """What every rule says that belongs to the hook and has a card to show."""
    asked = _asked(patient.hook, knowledge, patient.now)
    return tuple([_verdict(rule, patient, knowledge) for rule in asked])


def ask_rule(rule_id: str, patient: Patient, knowledge: Knowledge) -> tuple[Said, ...]:
    """What one rule says; nothing where it does not belong to the hook or has no card to show."""
    asked = _asked(patient.hook, knowledge, patient.now)
    return next((_verdict(rule, patient, knowledge).said for rule in asked if rule.id == rule_id), ())


def _asked(hook: str, knowledge: Knowledge, now: datetime) -> Iterable[Rule]:
    """The rules of a hook that have a card to show."""
    return [rule for rule in RULES_OF_HOOK.get(hook, ()) if knowledge.shows(rule.id, now.date())]


def _answers(rule: Rule, patient: Patient) -> Answers:
    return for_this_person(rule, patient) or hushed(ask(rule, patient), patient)


def ask(rule: Rule, patient: Patient) -> Answers:
    """A rule's own answer, as if everything had been read."""
    return out_of_scope(rule, patient) or decided(rule, patient)


def _verdict(rule: Rule, patient: Patient, knowledge: Knowledge) -> Verdict:
    answers = _answers(rule, patient)
    several = answers if isinstance(answers, tuple) else (answers,)
    return Verdict(
        rule, tuple([said for answer in several for said in _said(rule, answer, patient, knowledge)])
    )


def _said(rule: Rule, answer: Fires | Silent, patient: Patient, knowledge: Knowledge) -> Iterable[Said]:
    """An answer that rests on nothing unread; else what may be said in its place."""
    if isinstance(answer, Silent):
        silence = knowledge.silence(rule.id, answer.because)
        return (_unread(rule, silence.rests_on, patient.record) or answer,)
    if not_assessed := _unread(rule, answer.also_rests_on, patient.record):
        return (not_assessed,)
    text = knowledge.cards[rule.id]
    wordings = [text.wordings[name] for name in (answer.wording, *text.wordings[answer.wording].otherwise)]
    shown = next((one for one in wordings if patient.record.is_known(*one.rests_on)), None)
    if shown is None:
        return tuple(filter(None, (_unread(rule, wordings[0].rests_on, patient.record),)))
    return _with_offered_suggestions(rule, replace(answer, wording=shown.name), patient.record, knowledge)


def _unread(rule: Rule, sections: Iterable[str], record: Record) -> NotAssessed | None:
    """The first of these sections that was not read completely."""
    unread = next((name for name in sections if not record.is_known(name)), None)
    return NotAssessed(rule.id, unread, record.why_not_known(unread)) if unread else None


def _with_offered_suggestions(
    rule: Rule, fires: Fires, record: Record, knowledge: Knowledge
) -> Iterable[Fires | NotAssessed]:
    """The answer without the suggestions that rest on something unread, which is then named."""
    offered = [
        one
        for one in knowledge.cards[rule.id].suggestions
        if fires.wording in one.wordings and one.id not in fires.omit
    ]
    refused = [one for one in offered if not record.is_known(*one.rests_on)]
    if not refused:
        return (fires,)
    named = [_unread(rule, one.rests_on, record) for one in refused]
    without = replace(fires, omit=fires.omit | {one.id for one in refused})
    return (without, *dict.fromkeys(filter(None, named)))


def _incomplete_problem_list(record: Record, knowledge: Knowledge, now: datetime) -> tuple[Card, ...]:
    """No tumour was found; where the problem list was not read to its end, that has to be said."""
    if not may_hide_a_tumour(record):
        return ()
    missing = NotAssessed("workup", "conditions", record.why_not_known("conditions"))
    notes = _notes(record, knowledge.phrases)
    return (render_incomplete([missing], knowledge, today=now.date(), notes=notes),)


def _notes(record: Record, phrases: Phrases) -> tuple[str, ...]:
    """What was odd in the record: reasons for doubt first, then what was left out; each once."""
    named = [(phrases.name("names.section", one.name), one) for one in record.sections.values()]
    reasons = [f"{name}: {reason}" for name, section in named for reason in section.reasons]
    notes = [f"{name}: {note}" for name, section in named for note in section.notes]
    return tuple(dict.fromkeys(reasons + notes))


_Fired = tuple[Rule, Fires]
_Piece = tuple[str, tuple[_Fired, ...]]
"""A card to be: the group's name (empty for a rule of its own) and its rules with their answers."""

JOINS_WORKUP = (
    "discordant-grade",
    "chromogranin-a-interpretation",
    "hiaa-interference",
    "carcinoid-syndrome-record",
)
"""Rules that move into the work-up card when there is no room for a card of their own."""


def _cards(
    verdicts: Sequence[Verdict],
    patient: Patient,
    knowledge: Knowledge,
    recall: Recall,
    shadow_rules: frozenset[str],
) -> tuple[tuple[Card, ...], tuple[Card, ...]]:
    """The cards to show, and those of rules that are only tried out: neither takes room from the other."""
    fired, missing = _loud_enough(*_spoken(verdicts), knowledge)
    if fired:
        fired = _recalled(fired, patient, knowledge, recall, shadow_rules)
    shown = [one for one in fired if one[0].id not in shadow_rules]
    unread = [one for one in missing if one.recommendation not in shadow_rules]
    is_heard = any(one.rule.id not in shadow_rules for one in verdicts)
    cards = _of_pieces(shown, unread, patient, knowledge) if is_heard else ()
    tried = [one for one in fired if one[0].id in shadow_rules]
    return cards, _of_pieces(tried, [], patient, knowledge) if tried else ()


def _of_pieces(
    fired: list[_Fired], missing: list[NotAssessed], patient: Patient, knowledge: Knowledge
) -> tuple[Card, ...]:
    most = int(knowledge.defaults.most_cards)
    pieces = _grouped(fired, patient)
    if len(pieces) > most:
        pieces = _grouped(fired, patient, joining=JOINS_WORKUP)
    pieces.sort(key=lambda piece: _urgency(piece, knowledge))
    cards = _rendered(pieces[:most], patient, knowledge)
    return _with_the_rest(cards, pieces[most:], missing, patient, knowledge)


def _spoken(verdicts: Iterable[Verdict]) -> tuple[list[_Fired], list[NotAssessed]]:
    """The rules that fire, and those that could not be assessed."""
    fired = [(one.rule, said) for one in verdicts for said in one.said if isinstance(said, Fires)]
    missing = [said for one in verdicts for said in one.said if isinstance(said, NotAssessed)]
    return fired, list(dict.fromkeys(missing))


def _loud_enough(
    fired: list[_Fired], missing: list[NotAssessed], knowledge: Knowledge
) -> tuple[list[_Fired], list[NotAssessed]]:
    """Without what is less urgent than this site shows; the rules on safety are shown whatever they say."""
    if knowledge.lowest_indicator is Indicator.INFO:
        return fired, missing
    could_be = {
        name: max([one.indicator for one in card.wordings.values()]) for name, card in knowledge.cards.items()
    }
    heard = {
        name for name, loudest in could_be.items() if loudest >= knowledge.lowest_indicator
    } | SAFETY_RULES
    shown = [one for one in fired if is_shown(*one, knowledge)]
    return shown, [one for one in missing if one.recommendation in heard]


def is_shown(rule: Rule, fires: Fires, knowledge: Knowledge) -> bool:
    """Whether what a rule says is urgent enough for this site."""
    return rule.id in SAFETY_RULES or indicator_of(rule, fires, knowledge) >= knowledge.lowest_indicator


def _recalled(
    fired: Sequence[_Fired],
    patient: Patient,
    knowledge: Knowledge,
    recall: Recall,
    shadow_rules: frozenset[str],
) -> list[_Fired]:
    """The answers with what they rest on and what was reported of them, without those that are held back."""
    told = [
        (rule, replace(fires, facts="\n".join(key_facts(rule.id, patient, fires)))) for rule, fires in fired
    ]
    remembered = recall([_question(rule, fires, knowledge, shadow_rules) for rule, fires in told])
    recalled = [
        (rule, _as_remembered(rule, fires, memory, patient, knowledge))
        for (rule, fires), memory in zip(told, remembered, strict=True)
    ]
    return [(rule, fires) for rule, fires in recalled if fires is not None]


def _question(rule: Rule, fires: Fires, knowledge: Knowledge, shadow_rules: frozenset[str]) -> Asked:
    return Asked(
        rule.id,
        fires.facts,
        done_elsewhere_days=getattr(knowledge.defaults, rule.done_elsewhere_for),
        is_critical=indicator_of(rule, fires, knowledge) is Indicator.CRITICAL,
        is_seldom=fires.is_seldom,
        is_shadow=rule.id in shadow_rules,
        is_for_user_only=rule.is_overridden_for_user_only,
    )


def _as_remembered(
    rule: Rule, fires: Fires, memory: Remembered, patient: Patient, knowledge: Knowledge
) -> Fires | None:
    """The answer with what was reported of it; None where it is held back."""
    if not memory.held_by:
        return replace(fires, reported=_reported(memory.reports, knowledge)) if memory.reports else fires
    declines = ReasonClass.PATIENT_DECLINES.value
    if memory.held_by != {declines}:
        return None
    days = [report.day for report in memory.reports if report.reason_class == declines]
    return _declined(rule, fires, max(days), patient, knowledge)


def _declined(rule: Rule, fires: Fires, day: str, patient: Patient, knowledge: Knowledge) -> Fires | None:
    """The same answer in the words for a patient who declines; None where the rule has none."""
    name = rule.when_declined.get(fires.wording)
    if name is None:
        return None
    if not patient.record.is_known(*knowledge.cards[rule.id].wordings[name].rests_on):
        return fires
    return replace(
        fires, wording=name, values={**fires.values, "declined": knowledge.phrases("reported.on", day=day)}
    )


def _reported(reports: Iterable[Report], knowledge: Knowledge) -> tuple[str, ...]:
    return tuple([knowledge.phrases(f"reported.{one.reason_class}", day=one.day) for one in reports])


def _grouped(fired: Iterable[_Fired], patient: Patient, joining: Collection[str] = ()) -> list[_Piece]:
    groups: dict[str, list[_Fired]] = {}
    singles: list[_Piece] = []
    for one in fired:
        rule = one[0]
        group = "workup" if rule.id in joining else group_of(rule, patient)
        if group:
            groups.setdefault(group, []).append(one)
        else:
            singles.append(("", (one,)))
    return singles + [(name, tuple(members)) for name, members in groups.items()]


_RANKS = {name: rank for rank, name in enumerate(PRIORITY)}


def _urgency(piece: _Piece, knowledge: Knowledge) -> tuple[int, int]:
    group, members = piece
    loudest = max([indicator_of(rule, fires, knowledge) for rule, fires in members])
    return (-loudest, _RANKS.get(group or members[0][0].id, len(_RANKS)))


def _rendered(pieces: Sequence[_Piece], patient: Patient, knowledge: Knowledge) -> list[Card]:
    if not pieces:
        return []
    on = page(patient, knowledge)
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
    patient: Patient,
    knowledge: Knowledge,
) -> tuple[Card, ...]:
    """Say what could not be assessed, what had no room, and what was odd in the record."""
    record = patient.record
    if not record.is_known("conditions"):
        missing.append(NotAssessed("workup", "conditions", record.why_not_known("conditions")))
    crowded_out = [
        knowledge.phrases("answer.no-room", rule=rule.id)
        for _group, members in no_room
        for rule, _fires in members
    ]
    notes = (*crowded_out, *_notes(record, knowledge.phrases))
    if missing and len(cards) < int(knowledge.defaults.most_cards):
        cards.append(render_incomplete(missing, knowledge, today=patient.now.date(), notes=notes))
    elif cards:
        cards[-1] = replace(cards[-1], not_assessed=tuple(missing), notes=notes)
    return tuple(cards)


def because(rule: Rule, silent: Silent, knowledge: Knowledge) -> str:
    """A reason for silence in words."""
    return knowledge.silence(rule.id, silent.because).because.format_map(silent.values)
