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
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from uuid_utils import uuid7

from service.errors import ConfigurationError, StoreUnavailable
from service.hooks.request import HookRequest
from service.hooks.response import EXPLANATION
from service.metrics import DROPPED
from service.store.database import Store, after_fork, check, in_utc, insert_new, migrate, storable, writing
from service.store.retention import purge
from service.store.tables import ISSUED_ANSWER

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
class ShownCards:
    """What is kept of the cards of an answer: no identifier of patient or user.

    ``uuid`` is that of the answer, so that it is one row however often it is written. ``cards`` gives the
    indicator and the rules of each by its own uuid.
    """

    uuid: str
    service_id: str
    issuer: str
    tenant: str
    hook_instance: str
    issued_at: datetime
    recipient: str  # the digest of client, tenant, patient and user
    cards: Mapping[str, tuple[str, Sequence[str]]]


def shown_cards(
    cards: Iterable[Mapping[str, Any]],
    *,
    request: HookRequest,
    issuer: str,
    tenant: str,
    recipient: str,
    now: datetime,
) -> ShownCards:
    """Describe the cards of an answer (JSON objects).

    ``issuer`` and ``tenant`` are empty where calls are open; ``recipient_key`` makes the ``recipient``.
    """
    return ShownCards(
        uuid=str(uuid7()),
        service_id=request.service_id,
        issuer=issuer,
        tenant=tenant,
        hook_instance=_uuid_or_nothing(request.hook_instance),
        issued_at=now,
        recipient=recipient,
        # A card that names no rule is kept all the same.
        cards={
            card["uuid"]: (card["indicator"], card["extension"][EXPLANATION].get("recommendations", ()))
            for card in cards
        },
    )


def _uuid_or_nothing(text: str) -> str:
    # A client that sends something else as hookInstance may have put anything there.
    lower = text.lower()
    return lower if _UUID.fullmatch(lower) else ""


def record_issued(store: Store, shown: Sequence[ShownCards]) -> None:
    """Write the cards of these answers now, in one transaction. Raises StoreUnavailable."""
    with writing(store) as connection:
        insert_new(connection, ISSUED_ANSWER, [_row(one) for one in shown])


def _row(shown: ShownCards) -> dict[str, Any]:
    return {
        "id": shown.uuid,
        "service_id": shown.service_id,
        "issuer": storable(shown.issuer),
        "tenant": shown.tenant,
        "hook_instance": shown.hook_instance,
        "issued_at": in_utc(shown.issued_at),
        "recipient": shown.recipient,
        "cards": orjson.dumps(shown.cards).decode(),
    }


class IssuedCardWriter:
    """The queue of a worker process and the thread that empties it.

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
        if self._process != os.getpid():
            self.after_fork()
        if len(self._queue) < self._queue_length:
            self._queue.append(shown)
        else:
            self._drop([shown])
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
            batch = self._next_batch()
            if batch:
                self._write(batch)
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

    def _write(self, batch: list[ShownCards]) -> None:
        while True:
            try:
                record_issued(self._store, batch)
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
