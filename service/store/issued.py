"""Cards that were shown, written by a thread beside the hot path.

https://cds-hooks.hl7.org/2.0/#feedback (which card a report speaks of)

A hook call only puts its cards into a bounded queue, and wakes nobody: the thread looks every quarter of a
second, so that under load many cards share one transaction. While the store is down the queue fills, and
then cards are dropped and counted: advice matters more than the record of it.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
from uuid_utils import uuid7

from service.errors import ConfigurationError, StoreUnavailable
from service.hooks.card import Advice, Card
from service.hooks.request import HookRequest
from service.metrics import DROPPED
from service.store.database import (
    Store,
    add_to,
    after_fork,
    check,
    in_utc,
    insert_new,
    migrate,
    storable,
    writing,
)
from service.store.memory import facts_digest, patient_key, recipient_key
from service.store.retention import purge
from service.store.tables import ISSUED_ANSWER, OPENING

_QUEUE_LENGTH = 2_000  # answers
_BATCH = 200
_POLL_SECONDS = 0.25
_PAUSE_SECONDS = 1.0
_LOG_INTERVAL_SECONDS = 60.0
_FIRST_HOUSEKEEPING_SECONDS = 60.0
_HOUSEKEEPING_SECONDS = 3600.0
_CHECK_SECONDS = 3.0
_CLOSE_SECONDS = 3.0
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptAdvice:
    """What one rule said on a card. ``facts`` is a keyed digest, ``suggestions`` are uuids."""

    rule: str
    wording: str
    indicator: str
    facts: str
    digest: str
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptCard:
    """One card: its rules with what each said, and whether it was not shown but only tried out."""

    indicator: str
    rules: tuple[str, ...]
    group: str = ""
    is_shadow: bool = False
    advice: tuple[KeptAdvice, ...] | None = None

    def row(self) -> list[Any]:
        """As the table keeps it."""
        return [self.indicator, self.rules, self.group, int(self.is_shadow), self.advice]


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose call was answered (both empty where calls are open), and from what the cards were made."""

    issuer: str
    tenant: str
    content_version: str
    language: str
    phase: str


@dataclass(frozen=True, slots=True)
class Call:
    """A hook call as it is counted: on which day (UTC), of what kind and from whom."""

    day: date
    hook: str
    issuer: str
    tenant: str


@dataclass(frozen=True, slots=True)
class ShownCards:
    """What is kept of the cards of an answer: no identifier of patient or user.

    ``uuid`` is that of the answer, so that it is one row however often it is written. ``cards`` gives what is
    kept of each by its own uuid.
    """

    uuid: str
    service_id: str
    issuer: str
    tenant: str
    hook_instance: str
    issued_at: datetime
    recipient: str  # the digest of client, tenant, patient and user
    cards: Mapping[str, KeptCard]
    patient: str = ""  # the digest of client, tenant and patient
    hook: str = ""
    phase: str = ""
    language: str = ""
    content_version: str = ""


def shown_cards(
    cards: Iterable[tuple[Card, Mapping[str, Any]]],
    *,
    shadowed: Iterable[tuple[Card, Mapping[str, Any]]] = (),
    request: HookRequest,
    origin: Origin,
    secret: bytes,
    now: datetime,
) -> ShownCards:
    """Describe the cards of an answer, each with the JSON object made of it, which has the uuids.

    ``shadowed`` ones were made and not sent.
    """
    whom = {"issuer": origin.issuer, "tenant": origin.tenant, "patient_id": request.patient_id}
    patient = patient_key(secret, **whom)
    kept = {wire["uuid"]: _kept_card(card, wire, secret, patient) for card, wire in cards}
    unseen = {wire["uuid"]: _kept_card(card, wire, secret, patient) for card, wire in shadowed}
    return ShownCards(
        uuid=str(uuid7()),
        service_id=request.service_id,
        issuer=origin.issuer,
        tenant=origin.tenant,
        hook_instance=_uuid_or_nothing(request.hook_instance),
        issued_at=now,
        recipient=recipient_key(secret, user_id=request.user_id, **whom),
        cards=kept | {uuid: replace(card, is_shadow=True) for uuid, card in unseen.items()},
        patient=patient,
        hook=request.hook,
        content_version=origin.content_version,
        language=origin.language,
        phase=origin.phase,
    )


def _kept_card(card: Card, wire: Mapping[str, Any], secret: bytes, patient: str) -> KeptCard:
    offered: dict[str, list[str]] = {}
    for suggestion, sent in zip(card.suggestions, wire.get("suggestions", ()), strict=True):
        offered.setdefault(suggestion.rule, []).append(sent["uuid"])
    advice = tuple([_kept(one, offered.get(one.rule, ()), secret, patient) for one in card.advice])
    # A card of no rule, such as the one on incomplete data, stands for itself.
    rules = card.recommendations or (card.source.topic_code,)
    return KeptCard(card.indicator.name.lower(), rules, card.group, advice=advice or None)


def _kept(advice: Advice, suggestions: Iterable[str], secret: bytes, patient: str) -> KeptAdvice:
    return KeptAdvice(
        advice.rule,
        advice.wording,
        advice.indicator.name.lower(),
        facts_digest(secret, patient=patient, facts=advice.facts),
        advice.digest,
        tuple(suggestions),
    )


def _uuid_or_nothing(text: str) -> str:
    # A client that sends something else as hookInstance may have put anything there.
    lower = text.lower()
    return lower if _UUID.fullmatch(lower) else ""


def record_issued(
    store: Store, shown: Sequence[ShownCards], *, calls: Mapping[Call, int] | None = None
) -> None:
    """Write the cards of these answers and the calls now, in one transaction. Raises StoreUnavailable."""
    with writing(store) as connection:
        insert_new(connection, ISSUED_ANSWER, [_row(one) for one in shown])
        # In one order, because two workers must not wait for each other's rows.
        for call in sorted(calls or (), key=astuple):
            add_to(connection, OPENING, asdict(call), calls=(calls or {})[call])


def _row(shown: ShownCards) -> dict[str, Any]:
    return {
        "id": shown.uuid,
        "service_id": shown.service_id,
        "issuer": storable(shown.issuer),
        "tenant": shown.tenant,
        "hook_instance": shown.hook_instance,
        "issued_at": in_utc(shown.issued_at),
        "recipient": shown.recipient,
        "cards": orjson.dumps({uuid: card.row() for uuid, card in shown.cards.items()}).decode(),
        "patient": shown.patient,
        "hook": shown.hook,
        "phase": shown.phase,
        "language": shown.language,
        "content_version": shown.content_version,
    }


class IssuedCardWriter:
    """The queue of a worker process, its count of calls, and the thread that writes them.

    The thread also deletes old rows every hour and repairs the store. ``start`` belongs after the fork of a
    worker; the first card starts the thread otherwise. ``dropped`` counts the cards that could not be kept
    since the process began.
    """

    def __init__(self, store: Store, *, retention_days: int, queue_length: int = _QUEUE_LENGTH) -> None:
        self.dropped = 0
        self._store = store
        self._retention_days = retention_days
        self._queue_length = queue_length
        self._begin_in_this_process()

    def _begin_in_this_process(self) -> None:
        self._process = os.getpid()
        self._queue: deque[ShownCards] = deque()
        self._calls: Counter[Call] = Counter()
        self._counting = threading.Lock()
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._next_log = 0.0

    def after_fork(self) -> None:
        """Call in each worker: leaves the parent its connections and its queue, and starts the thread."""
        after_fork(self._store)
        self._begin_in_this_process()
        self.start()

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="issued-cards", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def put(self, shown: ShownCards) -> None:
        """Hand the cards over; never waits and never raises. What finds no room is dropped and counted."""
        self._be_in_this_process()
        if len(self._queue) < self._queue_length:
            self._queue.append(shown)
        else:
            self._drop([shown])

    def count(self, call: Call) -> None:
        """Count a hook call; never waits for the store and never raises."""
        self._be_in_this_process()
        with self._counting:
            self._calls[call] += 1

    def _be_in_this_process(self) -> None:
        if self._process != os.getpid():
            self.after_fork()
        if self._thread is None:
            self.start()

    def close(self, seconds: float = _CLOSE_SECONDS) -> None:
        """Write what is waiting, for at most so many seconds, and end the thread."""
        self._stopping.set()
        if self._thread is not None and self._process == os.getpid():
            self._thread.join(seconds)

    def _run(self) -> None:
        next_housekeeping = time.monotonic() + _FIRST_HOUSEKEEPING_SECONDS
        next_check = time.monotonic()
        while True:
            # Asked before the queue is emptied, so that nothing put before the stop stays behind.
            stopping = self._stopping.is_set()
            batch, calls = self._next_batch(), self._next_calls()
            if batch or calls:
                self._write(batch, calls)
            elif stopping:
                return
            if time.monotonic() >= next_check:
                next_check = time.monotonic() + _CHECK_SECONDS
                self._repair_if_down()
            if time.monotonic() >= next_housekeeping:
                next_housekeeping = time.monotonic() + _HOUSEKEEPING_SECONDS
                self._keep_house()
            if len(batch) < _BATCH:
                self._stopping.wait(_POLL_SECONDS)

    def _next_batch(self) -> list[ShownCards]:
        """All that are waiting, up to the size of a batch."""
        return [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH))]

    def _next_calls(self) -> Counter[Call]:
        with self._counting:
            calls, self._calls = self._calls, Counter()
        return calls

    def _write(self, batch: list[ShownCards], calls: Counter[Call]) -> None:
        while True:
            try:
                record_issued(self._store, batch, calls=calls)
            except StoreUnavailable:
                if self._stopping.wait(_PAUSE_SECONDS):
                    self._drop(batch)
                    return
                self._repair()
            else:
                return

    def _repair_if_down(self) -> None:
        # Not only when a card cannot be written: where every call needs the store, none is shown meanwhile.
        try:
            check(self._store)
        except StoreUnavailable:
            self._repair()

    def _repair(self) -> None:
        """The store may have been down at start-up, or its file deleted: then the tables are not there."""
        try:
            migrate(self._store)
        except (StoreUnavailable, ConfigurationError) as problem:
            _log.debug("The tables of the store cannot be made yet: %s", type(problem).__name__)

    def _keep_house(self) -> None:
        try:
            purge(self._store, older_than_days=self._retention_days, now=datetime.now(UTC))
        except StoreUnavailable:
            _log.warning("Old rows were not deleted; it is tried again within the hour.")

    def _drop(self, lost: Iterable[ShownCards]) -> None:
        dropped = sum(len(shown.cards) for shown in lost)
        self.dropped += dropped
        DROPPED.inc(dropped)
        if time.monotonic() >= self._next_log:
            self._next_log = time.monotonic() + _LOG_INTERVAL_SECONDS
            _log.error("The store does not keep up: %d issued cards were not recorded so far.", self.dropped)
