"""The tables of the store; ``migrations/`` creates them and a test holds the two together.

Moments are UTC without zone, because SQLite keeps none; :func:`service.store.database.in_utc` makes them.
"""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, MetaData, String, Table, Text

METADATA = MetaData()

ISSUED_CARD = Table(
    "issued_card",
    METADATA,
    Column("uuid", String(36), primary_key=True),
    Column("service_id", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("hook_instance", Text, nullable=False),
    Column("indicator", Text, nullable=False),
    Column("issued_at", DateTime, nullable=False, index=True),
    Column("recipient", String(32), nullable=False, server_default=""),
    Column("rules", Text, nullable=False, server_default="[]"),
)
"""A card that was shown. ``issuer`` is the client's ``iss``, empty where calls are open. ``recipient`` is the
digest of client, patient and user, empty where patient or user is not known; ``rules`` is a JSON array of the
rules that speak on the card: a row for each rule would cost a hook call several times as much."""

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("fingerprint", String(64), primary_key=True),
    Column("card_uuid", String(200), nullable=False, index=True),
    Column("service_id", Text, nullable=False),
    Column("issuer", Text, nullable=False),
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
