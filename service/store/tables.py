"""The tables of the store; ``migrations/`` creates them and a test holds the two together.

Moments are UTC without zone, because SQLite keeps none; :func:`service.store.database.in_utc` makes them.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    ForeignKey,
    FromClause,
    Index,
    MetaData,
    String,
    Table,
    Text,
    and_,
)

METADATA = MetaData()

ISSUED_ANSWER = Table(
    "issued_answer",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("service_id", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("hook_instance", Text, nullable=False),
    Column("issued_at", DateTime, nullable=False, index=True),
    Column("recipient", String(32), nullable=False),
    Column("cards", Text, nullable=False),
    Index("ix_issued_answer_recipient", "recipient", "issued_at"),
)
"""An answer that had cards, in one row: a row for each card would cost a hook call three times as much.
``issuer`` and ``tenant`` are those of the client's token, empty where calls are open. ``recipient`` is the
digest of client, tenant, patient and user, empty where patient or user is not known. ``cards`` is a JSON
object: uuid of the card -> array of its indicator and an array of its rules."""

ISSUED_CARD = Table(
    "issued_card",
    MetaData(),
    Column("uuid", String(36)),
    Column("answer", String(36)),
    Column("service_id", Text),
    Column("issuer", Text),
    Column("tenant", Text),
    Column("hook_instance", Text),
    Column("indicator", Text),
    Column("issued_at", DateTime),
    Column("recipient", String(32)),
    Column("rules", Text),
)
"""A view of ``issued_answer`` with a row for each card that was shown; ``rules`` is a JSON array. It has no
index on ``uuid``: come from the recipient or the time, and go on to the feedback."""

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("fingerprint", String(64), primary_key=True),
    Column("card_uuid", String(200), nullable=False, index=True),
    Column("service_id", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("reason_code", Text),
    Column("reason_system", Text),
    Column("reason_display", Text),
    Column("user_comment", Text),
    Column("outcome_timestamp", DateTime, nullable=False),
    Column("received_at", DateTime, nullable=False, index=True),
)
"""One report of a client. It has no foreign key, because it may come before its card is written, or
for a card that this store never saw. ``fingerprint`` digests what was reported, so that a repeated
report finds its row. ``user_comment`` is free text and may speak of the patient."""

ACCEPTED_SUGGESTION = Table(
    "accepted_suggestion",
    METADATA,
    Column(
        "fingerprint", String(64), ForeignKey("feedback.fingerprint", ondelete="CASCADE"), primary_key=True
    ),
    Column("suggestion_uuid", String(200), primary_key=True),
)
"""The suggestions that an accepting report names."""

SEEN_TOKEN = Table(
    "seen_token",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("expires_at", DateTime, nullable=False, index=True),
)
"""A JWT that was used, by the digest of its ``iss`` and ``jti``."""


def is_shown_card(reports: FromClause, cards: FromClause) -> ColumnElement[bool]:
    """Joins reports with the cards that they name: of the same client and the same tenant only."""
    return and_(
        reports.c.card_uuid == cards.c.uuid,
        reports.c.issuer == cards.c.issuer,
        reports.c.tenant == cards.c.tenant,
    )
