"""Cards that were shown, written by a thread beside the hot path.

https://cds-hooks.hl7.org/2.0/#feedback (which card a report speaks of)

A hook call only puts its cards into a bounded queue. While the store is down the queue fills, and then
cards are dropped and counted: advice matters more than the record of it.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, Full, Queue
from typing import Any
from uuid import UUID

from service.errors import ConfigurationError, StoreUnavailable
from service.hooks.request import HookRequest
from service.hooks.response import IssuedCard
from service.store.database import Store, after_fork, in_utc, insert_new, migrate, storable, writing
from service.store.overrides import override_key
from service.store.retention import purge
from service.store.tables import ISSUED_CARD, ISSUED_RULE, ISSUED_SUGGESTION

_QUEUE_LENGTH = 10_000
_BATCH = 500
_PAUSE_SECONDS = 1.0
_LOG_INTERVAL_SECONDS = 60.0
_HOUSEKEEPING_SECONDS = 3600.0
_CLOSE_SECONDS = 3.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShownCard:
    """What is kept of a card that was shown: no identifier of patient or user."""

    uuid: str
    service_id: str
    issuer: str
    hook_instance: str
    indicator: str
    issued_at: datetime
    override_keys: Mapping[str, str]  # rule id -> digest
    suggestions: tuple[str, ...] = ()


def shown_cards(
    issued: Iterable[IssuedCard], *, request: HookRequest, issuer: str, secret: bytes, now: datetime
) -> tuple[ShownCard, ...]:
    """Describe the cards that answered a request; ``issuer`` is the client's ``iss``, empty in open mode."""
    return tuple(
        ShownCard(
            uuid=each.uuid,
            service_id=request.service_id,
            issuer=issuer,
            hook_instance=_uuid_or_nothing(request.hook_instance),
            indicator=each.card.indicator.name.lower(),
            issued_at=now,
            override_keys=_override_keys(each, request, issuer=issuer, secret=secret),
            suggestions=each.suggestion_uuids,
        )
        for each in issued
    )


def _override_keys(issued: IssuedCard, request: HookRequest, *, issuer: str, secret: bytes) -> dict[str, str]:
    return {
        rule: override_key(
            secret, issuer=issuer, patient_id=request.patient_id, user_id=request.user_id, rule_id=rule
        )
        for rule in issued.card.recommendations
    }


def _uuid_or_nothing(text: str) -> str:
    # A client that sends something else as hookInstance may have put anything there.
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def record_issued(store: Store, cards: Sequence[ShownCard]) -> None:
    """Write the cards now, in one transaction. Raises StoreUnavailable."""
    with writing(store) as connection:
        insert_new(connection, ISSUED_CARD, [_card_row(card) for card in cards])
        insert_new(connection, ISSUED_RULE, [row for card in cards for row in _rule_rows(card)])
        insert_new(connection, ISSUED_SUGGESTION, [row for card in cards for row in _suggestion_rows(card)])


def _card_row(card: ShownCard) -> dict[str, Any]:
    return {
        "uuid": card.uuid,
        "service_id": card.service_id,
        "issuer": storable(card.issuer),
        "hook_instance": card.hook_instance,
        "indicator": card.indicator,
        "issued_at": in_utc(card.issued_at),
    }


def _rule_rows(card: ShownCard) -> list[dict[str, str]]:
    return [
        {"card_uuid": card.uuid, "rule_id": rule, "override_key": key}
        for rule, key in card.override_keys.items()
    ]


def _suggestion_rows(card: ShownCard) -> list[dict[str, str]]:
    return [{"card_uuid": card.uuid, "uuid": suggestion} for suggestion in card.suggestions]


class IssuedCardWriter:
    """The queue of a worker process and the thread that empties it; it also deletes old rows every hour.

    The thread starts with the first card, so that a process may fork before. ``dropped`` counts the cards
    that could not be kept since the process began.
    """

    def __init__(self, store: Store, *, retention_days: int, queue_length: int = _QUEUE_LENGTH) -> None:
        self.dropped = 0
        self._store = store
        self._retention_days = retention_days
        self._queue_length = queue_length
        self._begin_in_this_process()

    def _begin_in_this_process(self) -> None:
        self._process = os.getpid()
        self._queue: Queue[ShownCard] = Queue(self._queue_length)
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._next_log = 0.0

    def after_fork(self) -> None:
        """Call in each worker after a fork: leaves the parent its connections and its queue."""
        after_fork(self._store)
        self._begin_in_this_process()

    def put(self, cards: Iterable[ShownCard]) -> None:
        """Hand the cards over; never waits and never raises. What finds no room is dropped and counted."""
        if self._process != os.getpid():
            self.after_fork()
        for card in cards:
            try:
                self._queue.put_nowait(card)
            except Full:
                self._drop(1)
        if self._thread is None:
            self._start()

    def close(self, seconds: float = _CLOSE_SECONDS) -> None:
        """Write what is waiting, for at most so many seconds, and end the thread."""
        self._stopping.set()
        if self._thread is not None and self._process == os.getpid():
            self._thread.join(seconds)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="issued-cards", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def _run(self) -> None:
        next_housekeeping = 0.0
        while batch := self._next_batch():
            self._write(batch)
            if time.monotonic() >= next_housekeeping:
                next_housekeeping = time.monotonic() + _HOUSEKEEPING_SECONDS
                self._keep_house()

    def _next_batch(self) -> list[ShownCard]:
        """Wait for cards; an empty list means that the process is ending and nothing is left."""
        batch: list[ShownCard] = []
        while not batch:
            try:
                batch.append(self._queue.get(timeout=_PAUSE_SECONDS / 5))
                while len(batch) < _BATCH:
                    batch.append(self._queue.get_nowait())
            except Empty:
                if not batch and self._stopping.is_set():
                    break
        return batch

    def _write(self, batch: list[ShownCard]) -> None:
        while True:
            try:
                record_issued(self._store, batch)
            except StoreUnavailable:
                if self._stopping.wait(_PAUSE_SECONDS):
                    self._drop(len(batch))
                    return
                self._repair()
            else:
                return

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

    def _drop(self, cards: int) -> None:
        self.dropped += cards
        if time.monotonic() >= self._next_log:
            self._next_log = time.monotonic() + _LOG_INTERVAL_SECONDS
            _log.error("The store does not keep up: %d issued cards were not recorded so far.", self.dropped)
