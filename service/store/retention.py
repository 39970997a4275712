"""Delete what is older than the operator keeps, and tokens that have expired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

from service.store.database import Store, in_utc, unhurried, writing
from service.store.tables import FEEDBACK, ISSUED_ANSWER, ISSUED_CARD, OPENING, SEEN_TOKEN

_TOKEN_LINGERS = timedelta(hours=1)
"""Far more than the leeway with which an expired token is still let in, on a clock that is a bit off."""


@dataclass(frozen=True, slots=True)
class Purged:
    """How much was deleted."""

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
        old_cards = select(func.count()).select_from(ISSUED_CARD).where(ISSUED_CARD.c.issued_at < limit)
        issued_cards = connection.execute(old_cards).scalar_one()
        connection.execute(delete(ISSUED_ANSWER).where(ISSUED_ANSWER.c.issued_at < limit))
        connection.execute(delete(OPENING).where(OPENING.c.day < limit.date()))
        return Purged(
            issued_cards=issued_cards,
            feedback=connection.execute(delete(FEEDBACK).where(FEEDBACK.c.received_at < limit)).rowcount,
            tokens=connection.execute(
                delete(SEEN_TOKEN).where(SEEN_TOKEN.c.expires_at < in_utc(now - _TOKEN_LINGERS))
            ).rowcount,
        )
