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
from service.hooks.response import EXPLANATION
from service.store.database import Store, after_fork, in_utc, insert_new, migrate, storable, writing
from service.store.overrides import override_key
from service.store.retention import purge
from service.store.tables import ISSUED_CARD, ISSUED_RULE, ISSUED_SUGGESTION

_QUEUE_LENGTH = 10_000
_BATCH = 500
_POLL_SECONDS = 0.25
_PAUSE_SECONDS = 1.0
_LOG_INTERVAL_SECONDS = 60.0
_FIRST_HOUSEKEEPING_SECONDS = 60.0
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
    cards: Iterable[Mapping[str, Any]], *, request: HookRequest, issuer: str, secret: bytes, now: datetime
) -> tuple[ShownCard, ...]:
    """Describe the cards of an answer (JSON objects); ``issuer`` is empty where calls are open."""
    return tuple(
        ShownCard(
            uuid=card["uuid"],
            service_id=request.service_id,
            issuer=issuer,
            hook_instance=_uuid_or_nothing(request.hook_instance),
            indicator=card["indicator"],
            issued_at=now,
            override_keys=_override_keys(card, request, issuer=issuer, secret=secret),
            suggestions=tuple(suggestion["uuid"] for suggestion in card.get("suggestions", ())),
        )
        for card in cards
    )


def _override_keys(
    card: Mapping[str, Any], request: HookRequest, *, issuer: str, secret: bytes
) -> dict[str, str]:
    # An incomplete-data card is made by no rule, and says so by leaving the list out.
    rules = card["extension"][EXPLANATION].get("recommendations", ())
    return {
        rule: override_key(
            secret, issuer=issuer, patient_id=request.patient_id, user_id=request.user_id, rule_id=rule
        )
        for rule in rules
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

    ``start`` belongs after the fork of a worker; the first card starts the thread otherwise. ``dropped``
    counts the cards that could not be kept since the process began.
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
            self.start()

    def close(self, seconds: float = _CLOSE_SECONDS) -> None:
        """Write what is waiting, for at most so many seconds, and end the thread."""
        self._stopping.set()
        if self._thread is not None and self._process == os.getpid():
            self._thread.join(seconds)

    def _run(self) -> None:
        next_housekeeping = time.monotonic() + _FIRST_HOUSEKEEPING_SECONDS
        while True:
            if batch := self._next_batch():
                self._write(batch)
            elif self._stopping.is_set():
                return
            if time.monotonic() >= next_housekeeping:
                next_housekeeping = time.monotonic() + _HOUSEKEEPING_SECONDS
                self._keep_house()

    def _next_batch(self) -> list[ShownCard]:
        """Wait a moment for cards and take all that are there, up to the size of a batch."""
        batch: list[ShownCard] = []
        try:
            batch.append(self._queue.get(timeout=_POLL_SECONDS))
            while len(batch) < _BATCH:
                batch.append(self._queue.get_nowait())
        except Empty:
            return batch
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
