"""What became of the cards that were shown, acknowledged only once it is on disk.

https://cds-hooks.hl7.org/2.0/#feedback
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any

import orjson

from service.hooks.feedback import FeedbackItem
from service.store.database import Store, in_utc, insert_new, storable, writing
from service.store.tables import ACCEPTED_SUGGESTION, FEEDBACK


def record_feedback(
    store: Store,
    items: Sequence[FeedbackItem],
    *,
    service_id: str,
    issuer: str,
    tenant: str,
    received_at: datetime,
) -> None:
    """Write the items in one transaction; when this returns they survive a crash and a power cut.

    A report that is there already is not written again. ``issuer`` and ``tenant`` are those of the client's
    token, empty where calls are open. Raises StoreUnavailable, and then nothing was written.
    """
    # In one order, because two requests with the same items must not wait for each other's rows.
    reports = sorted({_fingerprint(item, issuer, tenant): item for item in items}.items())
    if not reports:
        return
    call = {
        "service_id": storable(service_id),
        "issuer": issuer,
        "tenant": tenant,
        "received_at": in_utc(received_at),
    }
    with writing(store, durable=True) as connection:
        insert_new(connection, FEEDBACK, [_row(mark, item) | call for mark, item in reports])
        insert_new(
            connection,
            ACCEPTED_SUGGESTION,
            [
                {"fingerprint": mark, "suggestion_uuid": storable(suggestion)}
                for mark, item in reports
                for suggestion in sorted(set(item.accepted_suggestions))
            ],
        )


def _fingerprint(item: FeedbackItem, issuer: str, tenant: str) -> str:
    """What makes two reports the same: everything the client said. The service id is not part of it."""
    return hashlib.sha256(orjson.dumps([issuer, tenant, *astuple(item)])).hexdigest()


def _row(fingerprint: str, item: FeedbackItem) -> dict[str, Any]:
    said = {
        "card_uuid": item.card,
        "outcome": item.outcome,
        "reason_code": item.reason.code,
        "reason_system": item.reason.system,
        "reason_display": item.reason.display,
        "user_comment": item.reason.comment,
    }
    row: dict[str, Any] = {name: None if text is None else storable(text) for name, text in said.items()}
    return row | {"fingerprint": fingerprint, "outcome_timestamp": in_utc(item.outcome_timestamp)}
