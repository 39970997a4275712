"""Which advice a clinician has lately declined for a patient.

https://cds-hooks.hl7.org/2.0/#overridden-guidance

Feedback names a card and neither patient nor user. So the row of an issued card keeps, for each of its
rules, a keyed digest of (client, patient, user, rule): enough to recognise the four when they come again,
and worth nothing to a reader of the database who lacks the key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

import orjson
from sqlalchemy import Select, and_, select

from service.store.database import Store, in_utc, reading_if_up
from service.store.tables import FEEDBACK, ISSUED_CARD, ISSUED_RULE


def override_key(secret: bytes, *, issuer: str, patient_id: str, user_id: str, rule_id: str) -> str:
    """The digest that stands for the four, 64 hexadecimal digits; empty if patient or user is unknown."""
    if not patient_id or not user_id:
        return ""
    message = orjson.dumps([issuer, patient_id, user_id, rule_id])
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def overridden_rules(
    store: Store, *, issuer: str, patient_id: str, user_id: str, rule_ids: Iterable[str], since: datetime
) -> frozenset[str]:
    """Those of the rules that this user overrode for this patient after ``since`` (with its zone).

    It is the moment of receipt that counts, by our clock, and only feedback of the client that was shown
    the card. Raises StoreUnavailable.
    """
    keys = {
        override_key(store.secret, issuer=issuer, patient_id=patient_id, user_id=user_id, rule_id=rule): rule
        for rule in rule_ids
    }
    keys.pop("", None)
    if not keys:
        return frozenset()
    with reading_if_up(store) as connection:
        found = connection.execute(_overridden_keys(keys, since=in_utc(since)))
        return frozenset(keys[key] for key in found.scalars())


def _overridden_keys(keys: Iterable[str], *, since: datetime) -> Select[str]:
    same_card = and_(FEEDBACK.c.card_uuid == ISSUED_CARD.c.uuid, FEEDBACK.c.issuer == ISSUED_CARD.c.issuer)
    return (
        select(ISSUED_RULE.c.override_key)
        .join(ISSUED_CARD, ISSUED_CARD.c.uuid == ISSUED_RULE.c.card_uuid)
        .join(FEEDBACK, same_card)
        .where(ISSUED_RULE.c.override_key.in_(list(keys)))
        .where(FEEDBACK.c.outcome == "overridden", FEEDBACK.c.received_at > since)
    )
