"""Which advice a clinician has lately declined for a patient.

https://cds-hooks.hl7.org/2.0/#overridden-guidance

Feedback names a card and neither patient nor user. So the row of an issued card keeps its rules and a keyed
digest of (client, patient, user): enough to recognise the three when they come again, and worth nothing to
a reader of the database who lacks the key.

Hook calls do not ask the database. Each worker process remembers the digests in force; shared memory tells
it that there are new ones (``news``), and the thread that writes issued cards looks every few seconds for
what other servers received.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Collection
from datetime import datetime, timedelta

import orjson
from sqlalchemy import select

from service.errors import StoreUnavailable
from service.store.database import Store, in_utc, reading_if_up
from service.store.news import latest
from service.store.tables import FEEDBACK, ISSUED_CARD, is_shown_card

_log = logging.getLogger(__name__)

_MOST_KEYS = 50_000
"""The newest that are remembered, about 15 MB: far more than a hospital's clinicians decline in a month."""

_MARGIN = timedelta(seconds=60)
"""How late a row may be seen: received before its commit, by another machine's clock, or while its card
was still waiting to be written."""

_WHOLE_SECONDS = 600.0
"""After what time everything is loaded anew, which forgets what is expired or deleted."""


def recipient_key(secret: bytes, *, issuer: str, patient_id: str, user_id: str) -> str:
    """The digest that stands for the three, 32 hexadecimal digits; empty if patient or user is unknown.

    The client is its ``issuer``, empty where calls are open, and not its ``fhirServer``. That is optional and
    goes with ``fhirAuthorization`` (https://cds-hooks.hl7.org/2.0/#http-request_1), which an EHR is set up to
    send for some hooks and not for others, and one EHR may have several addresses: advice declined on one
    hook would come back on the next. EHRs that must be told apart have to be registered.
    """
    if not patient_id or not user_id:
        return ""
    three = orjson.dumps([issuer, patient_id, user_id])
    return hashlib.blake2b(three, key=secret[:_LONGEST_KEY], digest_size=16).hexdigest()


_LONGEST_KEY = hashlib.blake2b.MAX_KEY_SIZE


_Declined = tuple[str, str]
"""The key of a recipient, and a rule."""


class DeclinedAdvice:
    """The overrides of the last ``lasts``, in the memory of this process; nothing is read before it is asked.

    It is the moment of receipt that counts, by our clock, and only feedback of the client that was shown
    the card.
    """

    def __init__(self, store: Store, *, lasts: timedelta) -> None:
        self._store = store
        self._lasts = lasts
        self._received: dict[_Declined, datetime] = {}  # when it was last reported, in UTC
        self._known = b""  # the mark of the news that was loaded last
        self._loaded_at: datetime | None = None
        self._next_whole = 0.0
        self._loading = threading.Lock()

    def after_fork(self) -> None:
        """Call in each worker: a thread of the parent may have held the lock."""
        self._loading = threading.Lock()

    def among(
        self, rule_ids: Collection[str], *, issuer: str, patient_id: str, user_id: str, now: datetime
    ) -> Collection[str]:
        """Those of the rules that this user declined for this patient; ``now`` with its zone.

        While the store is down it answers from memory, as advice matters more. Never raises for it.
        """
        if self._known != latest(self._store.news):
            self._catch_up(now)
        if not self._received or not patient_id or not user_id:
            return ()
        since = in_utc(now - self._lasts)
        recipient = recipient_key(self._store.secret, issuer=issuer, patient_id=patient_id, user_id=user_id)
        return {rule for rule in rule_ids if self._received.get((recipient, rule), since) > since}

    def refresh(self, now: datetime) -> None:
        """Load what was received since the last time, and now and then everything; not for hook calls."""
        whole = time.monotonic() >= self._next_whole
        try:
            with self._loading:
                self._load(now, whole=whole)
        except StoreUnavailable:
            # The store has logged it; it is tried again in some seconds.
            return

    def _catch_up(self, now: datetime) -> None:
        try:
            with self._loading:
                if self._known != latest(self._store.news):
                    self._load(now, whole=False)
        except StoreUnavailable:
            _log.warning("Advice declined lately is shown again, because the store cannot be read.")

    def _load(self, now: datetime, *, whole: bool) -> None:
        # The mark is taken first: what is announced while the rows are read is loaded by the next call.
        mark = latest(self._store.news)
        if whole or self._loaded_at is None:
            self._received = _declined_since(self._store, now - self._lasts)
            self._next_whole = time.monotonic() + _WHOLE_SECONDS
        else:
            self._received.update(_declined_since(self._store, self._loaded_at - _MARGIN))
            self._received = _newest(self._received)
        self._known, self._loaded_at = mark, now


def _declined_since(store: Store, since: datetime) -> dict[_Declined, datetime]:
    query = (
        select(FEEDBACK.c.received_at, ISSUED_CARD.c.recipient, ISSUED_CARD.c.rules)
        .join(ISSUED_CARD, is_shown_card(FEEDBACK.c.card_uuid, FEEDBACK.c.issuer))
        .where(FEEDBACK.c.outcome == "overridden", FEEDBACK.c.received_at > in_utc(since))
        .where(ISSUED_CARD.c.recipient != "")
        .order_by(FEEDBACK.c.received_at.desc())
        .limit(_MOST_KEYS)
    )
    found: dict[_Declined, datetime] = {}
    with reading_if_up(store) as connection:
        for received_at, recipient, rules in connection.execute(query):
            for rule in orjson.loads(rules):
                found.setdefault((recipient, rule), received_at)
    return _newest(found)


def _newest(received: dict[_Declined, datetime]) -> dict[_Declined, datetime]:
    if len(received) <= _MOST_KEYS:
        return received
    keys = sorted(received, key=received.__getitem__, reverse=True)
    return {key: received[key] for key in keys[:_MOST_KEYS]}
