"""Which advice a clinician has lately declined for a patient.

https://cds-hooks.hl7.org/2.0/#overridden-guidance

Feedback names a card and neither patient nor user. So the row of an answer keeps the rules of its cards and
a keyed digest of (client, tenant, patient, user): enough to recognise the four when they come again, and
worth nothing to a reader of the database who lacks the key. A hook call asks the database, so an override
holds on every worker and server once it is acknowledged and its card is written, whichever comes first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

import orjson
from sqlalchemy import bindparam, func, select

from service.errors import StoreUnavailable
from service.store.database import Store, in_utc, reading_if_up
from service.store.tables import FEEDBACK, ISSUED_ANSWER, ISSUED_CARD, is_shown_card

_LONGEST_KEY = hashlib.blake2b.MAX_KEY_SIZE
_MOST_ANSWERS = 200
"""The newest to the same clinician on the same patient that are looked at: far more than a month has, and few
enough for a hook call where a program asks again and again."""

_NEWEST = (
    select(ISSUED_ANSWER.c.id)
    .where(ISSUED_ANSWER.c.recipient == bindparam("recipient"))
    .order_by(ISSUED_ANSWER.c.issued_at.desc())
    .limit(_MOST_ANSWERS)
)
# Counted for each card and not joined: PostgreSQL would begin with all feedback while it has no statistics.
_OVERRIDES = (
    select(func.count())
    .select_from(FEEDBACK)
    .where(is_shown_card(FEEDBACK, ISSUED_CARD), FEEDBACK.c.outcome == "overridden")
    .where(FEEDBACK.c.received_at > bindparam("since"))
    .correlate(ISSUED_CARD)
    .scalar_subquery()
)
_DECLINED = select(ISSUED_CARD.c.rules).where(ISSUED_CARD.c.answer.in_(_NEWEST), _OVERRIDES > 0)


def recipient_key(secret: bytes, *, issuer: str, tenant: str, patient_id: str, user_id: str) -> str:
    """The digest that stands for the four, 32 hexadecimal digits; empty if patient or user is unknown.

    The client is its ``issuer``, empty where calls are open, and not its ``fhirServer``. That is optional and
    goes with ``fhirAuthorization`` (https://cds-hooks.hl7.org/2.0/#http-request_1), which an EHR is set up to
    send for some hooks and not for others, and one EHR may have several addresses: advice declined on one
    hook would come back on the next. EHRs that must be told apart have to be registered. One ``issuer`` may
    serve several hospitals, whose patient ids are not each other's: its tokens tell them by ``tenant``.
    """
    if not patient_id or not user_id:
        return ""
    four = orjson.dumps([issuer, tenant, patient_id, user_id])
    return hashlib.blake2b(four, key=secret[:_LONGEST_KEY], digest_size=16).hexdigest()


def declined_rules(
    store: Store, rule_ids: Collection[str], *, recipient: str, since: datetime
) -> frozenset[str]:
    """Those of the rules that this recipient declined after ``since``, which has its zone.

    It is the moment of receipt that counts, by our clock. While the store cannot be read nothing is declined,
    as advice matters more. Never raises for it.
    """
    if not recipient:
        return frozenset()
    try:
        with reading_if_up(store) as connection:
            cards = connection.execute(_DECLINED, {"recipient": recipient, "since": in_utc(since)}).scalars()
            declined = {rule for rules in cards for rule in orjson.loads(rules)}
    except StoreUnavailable:
        return frozenset()
    return frozenset(declined.intersection(rule_ids))
