"""Delete what is older than the operator keeps, and tokens that have expired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete

from service.store.database import Store, in_utc, unhurried, writing
from service.store.tables import FEEDBACK, ISSUED_CARD, SEEN_TOKEN

_TOKEN_LINGERS = timedelta(hours=1)
"""Far more than the leeway with which an expired token is still let in, on a clock that is a bit off."""


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows were deleted."""

    issued_cards: int
    feedback: int
    tokens: int


def purge(store: Store, *, older_than_days: int, now: datetime) -> Purged:
    """Delete cards shown, and feedback received, more than ``older_than_days`` before ``now``.

    Raises StoreUnavailable.
    """
    limit = in_utc(now - timedelta(days=older_than_days))
    with writing(store) as connection:
        unhurried(connection)
        return Purged(
            issued_cards=connection.execute(
                delete(ISSUED_CARD).where(ISSUED_CARD.c.issued_at < limit)
            ).rowcount,
            feedback=connection.execute(delete(FEEDBACK).where(FEEDBACK.c.received_at < limit)).rowcount,
            tokens=connection.execute(
                delete(SEEN_TOKEN).where(SEEN_TOKEN.c.expires_at < in_utc(now - _TOKEN_LINGERS))
            ).rowcount,
        )
