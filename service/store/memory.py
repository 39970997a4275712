"""What was said of advice earlier for a patient: declined, accepted, or shown a short while ago (Y-11).

https://cds-hooks.hl7.org/2.0/#overridden-guidance

Feedback names a card and neither patient nor user. So the row of an answer keeps, beside what its rules
said, keyed digests of (client, tenant, patient), of these and the user, and of what each rule's advice
rested on: enough to recognise them when they come again, and worth nothing to a reader of the database who
lacks the key. A hook call asks the database, so a report holds on every worker and server once it is
acknowledged and its card is written, whichever comes first. Whatever cannot be recognised is shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, func, or_, select

from service.errors import StoreUnavailable
from service.facts.defaults import Defaults
from service.hooks.override_reasons import ReasonClass, class_of
from service.hooks.recall import ACCEPTED, SELDOM, Asked, Remembered, Report
from service.store.database import Store, in_utc, reading_if_up
from service.store.tables import ACCEPTED_SUGGESTION, FEEDBACK, ISSUED_ANSWER, ISSUED_CARD, is_shown_card

_LONGEST_KEY = hashlib.blake2b.MAX_KEY_SIZE
_MOST_ANSWERS = 200
"""The newest for the same patient that are looked at: far more than half a year has, and few enough for a
hook call where a program asks again and again."""

_FOR_ALL = (ReasonClass.DONE_ELSEWHERE, ReasonClass.PATIENT_DECLINES, ReasonClass.DECIDED)
"""What these classes report is true whoever asks; they are also printed, and the others are opinions."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at whom: the digests of the patient, and of patient and user; empty where not known."""

    patient: str
    recipient: str


def patient_key(secret: bytes, *, issuer: str, tenant: str, patient_id: str) -> str:
    """The digest that stands for the three, 32 hexadecimal digits; empty if the patient is unknown.

    The client is its ``issuer``, empty where calls are open, and not its ``fhirServer``. That is optional and
    goes with ``fhirAuthorization`` (https://cds-hooks.hl7.org/2.0/#http-request_1), which an EHR is set up to
    send for some hooks and not for others, and one EHR may have several addresses: advice declined on one
    hook would come back on the next. EHRs that must be told apart have to be registered. One ``issuer`` may
    serve several hospitals, whose patient ids are not each other's: its tokens tell them by ``tenant``.
    """
    return _digest(secret, [issuer, tenant, patient_id]) if patient_id else ""


def recipient_key(secret: bytes, *, issuer: str, tenant: str, patient_id: str, user_id: str) -> str:
    """As ``patient_key``, with the user; empty if patient or user is unknown."""
    return _digest(secret, [issuer, tenant, patient_id, user_id]) if patient_id and user_id else ""


def facts_digest(secret: bytes, *, patient: str, facts: str) -> str:
    """The digest of what advice rests on, and of the patient, so that equal facts of two do not show."""
    return _digest(secret, [patient, facts])


def _digest(secret: bytes, parts: list[str]) -> str:
    return hashlib.blake2b(orjson.dumps(parts), key=secret[:_LONGEST_KEY], digest_size=16).hexdigest()


def recall(
    store: Store,
    asked: Sequence[Asked],
    *,
    viewer: Viewer,
    own_reasons: Mapping[str, frozenset[str]],
    limits: Defaults,
    now: datetime,
) -> Sequence[Remembered]:
    """What is remembered of each answer; of nothing while the store cannot be read, as advice matters more.

    ``own_reasons`` are the codes of reasons that belong to one rule only, by its id. It is the moment
    of receipt that counts, by our clock; ``now`` has its zone. Never raises.
    """
    memories = _read(store, viewer, asked, limits=limits, now=now) if viewer.patient else []
    holds = _Holds(store.secret, viewer, own_reasons, limits, in_utc(now))
    return [holds.of(one, memories) for one in asked]


def _read(
    store: Store, viewer: Viewer, asked: Sequence[Asked], *, limits: Defaults, now: datetime
) -> list[_Memory]:
    # Cards without a report matter only to advice that is seldom shown.
    days = limits.seldom_days if any(one.is_seldom for one in asked) else 0
    given = {"patient": viewer.patient, "seldom_since": in_utc(now - timedelta(days=days))}
    try:
        with reading_if_up(store) as connection:
            rows = connection.execute(_STATEMENTS[connection.dialect.name], given).all()
    except StoreUnavailable:
        return []
    return [_memory(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class _Feedback:
    """A report of a client on a card; moments are UTC without zone."""

    outcome: str
    reason: ReasonClass
    code: str | None
    received: datetime
    accepted: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Memory:
    """A card that was made for the patient; ``advice`` are its rules' objects as the table keeps them."""

    recipient: str
    issued: datetime
    is_shadow: bool
    advice: Mapping[str, Sequence[Mapping[str, Any]]]
    feedback: Sequence[_Feedback]


def _memory(recipient: str, issued: datetime, is_shadow: bool, advice: str, feedback: str | None) -> _Memory:
    by_rule: dict[str, list[Mapping[str, Any]]] = {}
    for one in orjson.loads(advice):
        by_rule.setdefault(one["rule"], []).append(one)
    reports = [_feedback(*one) for one in orjson.loads(feedback or "[]")]
    return _Memory(recipient, issued, is_shadow, by_rule, reports)


def _feedback(outcome: str, code: str | None, received: str, accepted: str | None) -> _Feedback:
    suggestions = frozenset((accepted or "").split(_BETWEEN))
    return _Feedback(outcome, class_of(code), code, datetime.fromisoformat(received), suggestions)


@dataclass(frozen=True, slots=True)
class _Holds:
    """Judges memories by the table of Y-11."""

    secret: bytes
    viewer: Viewer
    own_reasons: Mapping[str, frozenset[str]]
    limits: Defaults
    now: datetime

    def of(self, asked: Asked, memories: Iterable[_Memory]) -> Remembered:
        """Why the answer is held back, and what was reported of its rule by anybody."""
        facts = facts_digest(self.secret, patient=self.viewer.patient, facts=asked.facts)
        held: set[str] = set()
        reports: dict[str, Report] = {}
        for memory in memories:
            for one in memory.advice.get(asked.rule, ()):
                if one["facts"] == facts:
                    held.update(self._reasons(asked, memory, one))
            if asked.rule in memory.advice:
                reports |= {f"{one.day} {one.reason_class}": one for one in self._reports(asked, memory)}
        return Remembered(frozenset(held), tuple([reports[key] for key in sorted(reports)]))

    def _reasons(self, asked: Asked, memory: _Memory, advice: Mapping[str, Any]) -> Iterable[str]:
        is_late = self._is_within(memory.issued, days=self.limits.seldom_days)
        if asked.is_seldom and is_late and memory.is_shadow == asked.is_shadow:
            yield SELDOM
        for one in memory.feedback:
            is_accepted = one.outcome == "accepted" and self._is_accepted(one, memory, advice)
            if is_accepted and self._is_in_force(asked, memory, one, days=self.limits.accepted_grace_days):
                yield ACCEPTED
            if self._is_overridden(asked, memory, one):
                yield one.reason.value

    def _is_accepted(self, one: _Feedback, memory: _Memory, advice: Mapping[str, Any]) -> bool:
        """By a suggestion of this rule; on a card of one rule, whatever the client calls it."""
        return len(memory.advice) == 1 or not one.accepted.isdisjoint(advice["suggestions"])

    def _is_overridden(self, asked: Asked, memory: _Memory, one: _Feedback) -> bool:
        if one.outcome != "overridden" or not self._is_meant(asked.rule, memory, one):
            return False
        is_for_all = one.reason in _FOR_ALL and not self._is_general(memory, one)
        return self._is_in_force(asked, memory, one, days=self._days(asked, one), is_for_all=is_for_all)

    def _is_in_force(
        self, asked: Asked, memory: _Memory, one: _Feedback, *, days: float, is_for_all: bool = True
    ) -> bool:
        """Nobody silences a critical card for others, nor for longer than some hours."""
        if asked.is_critical:
            is_for_all, days = False, self.limits.critical_override_hours / 24
        if not (is_for_all and not asked.is_for_user_only) and not self._is_same_user(memory):
            return False
        return self._is_within(one.received, days=days)

    def _days(self, asked: Asked, one: _Feedback) -> float:
        limits = self.limits
        if asked.is_for_user_only or one.reason is ReasonClass.NONE:
            return limits.override_days
        return {
            ReasonClass.DONE_ELSEWHERE: asked.done_elsewhere_days,
            ReasonClass.PATIENT_DECLINES: limits.declined_days,
            ReasonClass.DECIDED: limits.decided_days,
            ReasonClass.JUDGEMENT: limits.judgement_days,
            ReasonClass.NOT_NOW: limits.not_now_days,
            ReasonClass.NOT_MY_PATIENT: limits.not_my_patient_days,
        }[one.reason]

    def _reports(self, asked: Asked, memory: _Memory) -> Iterable[Report]:
        """What was stated as a fact, by anybody and at any time, of this rule alone."""
        for one in memory.feedback:
            is_stated = one.outcome == "overridden" and one.reason in _FOR_ALL
            if is_stated and not self._is_general(memory, one) and self._is_meant(asked.rule, memory, one):
                yield Report(one.reason.value, f"{one.received:%Y-%m-%d}")

    def _is_meant(self, rule: str, memory: _Memory, one: _Feedback) -> bool:
        """A reason that belongs to some rules of a grouped card speaks of these, another of all."""
        owners = self._owners(memory, one)
        return not owners or rule in owners

    def _is_general(self, memory: _Memory, one: _Feedback) -> bool:
        return len(memory.advice) > 1 and not self._owners(memory, one)

    def _owners(self, memory: _Memory, one: _Feedback) -> list[str]:
        return [rule for rule in memory.advice if one.code in self.own_reasons.get(rule, ())]

    def _is_same_user(self, memory: _Memory) -> bool:
        return bool(self.viewer.recipient) and memory.recipient == self.viewer.recipient

    def _is_within(self, moment: datetime, *, days: float) -> bool:
        return moment > self.now - timedelta(days=days)


_BETWEEN = "\n"
_NEWEST = (
    select(ISSUED_ANSWER.c.id)
    .where(ISSUED_ANSWER.c.patient == bindparam("patient"))
    .order_by(ISSUED_ANSWER.c.issued_at.desc())
    .limit(_MOST_ANSWERS)
)
_ACCEPTED = (
    select(func.aggregate_strings(ACCEPTED_SUGGESTION.c.suggestion_uuid, _BETWEEN))
    .where(ACCEPTED_SUGGESTION.c.fingerprint == FEEDBACK.c.fingerprint)
    .correlate(FEEDBACK)
    .scalar_subquery()
)


def _statement(array: Any, gathered: Any) -> Select[Any]:
    """The cards for a patient that have feedback, with all of it, and those of late.

    ``array`` makes a JSON array of its arguments, ``gathered`` one of rows. Gathered for each card and not
    joined: PostgreSQL would begin with all feedback while it has no statistics.
    """
    report = array(FEEDBACK.c.outcome, FEEDBACK.c.reason_code, FEEDBACK.c.received_at, _ACCEPTED)
    feedback: ColumnElement[Any] = (
        select(cast(gathered(report), Text))
        .where(is_shown_card(FEEDBACK, ISSUED_CARD))
        .correlate(ISSUED_CARD)
        .scalar_subquery()
    )
    exists = (
        select(FEEDBACK.c.fingerprint)
        .where(is_shown_card(FEEDBACK, ISSUED_CARD))
        .correlate(ISSUED_CARD)
        .exists()
    )
    card = ISSUED_CARD.c
    is_late = card.issued_at > bindparam("seldom_since")
    return select(card.recipient, card.issued_at, card.is_shadow, card.advice, feedback).where(
        card.answer.in_(_NEWEST), card.advice.is_not(None), or_(exists, is_late)
    )


_STATEMENTS = {
    "sqlite": _statement(func.json_array, func.json_group_array),
    "postgresql": _statement(func.json_build_array, func.json_agg),
}
