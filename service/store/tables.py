"""The tables of the store; ``migrations/`` creates them and a test holds the two together.

Moments are UTC without zone, because SQLite keeps none; :func:`service.store.database.in_utc` makes them.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    ForeignKey,
    FromClause,
    Index,
    Integer,
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
    Column("patient", String(32), nullable=False, server_default=""),
    Column("hook", Text, nullable=False, server_default=""),
    Column("phase", Text, nullable=False, server_default=""),
    Column("language", Text, nullable=False, server_default=""),
    Column("content_version", Text, nullable=False, server_default=""),
    Index("ix_issued_answer_patient", "patient", "issued_at"),
)
"""An answer that had cards, in one row: a row for each card would cost a hook call three times as much.
``issuer`` and ``tenant`` are those of the client's token, empty where calls are open. ``patient`` is the
digest of client, tenant and patient, ``recipient`` that of these and the user, empty where one is not known.
``cards`` is a JSON object: uuid of the card -> array of its indicator, its rules, its group, whether it was
not shown but only tried out (0 or 1), and an object for each rule, as ``ISSUED_ADVICE`` has them."""

ISSUED_CARD = Table(
    "issued_card",
    MetaData(),
    Column("uuid", String(36)),
    Column("answer", String(36)),
    Column("service_id", Text),
    Column("issuer", Text),
    Column("tenant", Text),
    Column("hook_instance", Text),
    Column("issued_at", DateTime),
    Column("recipient", String(32)),
    Column("patient", String(32)),
    Column("hook", Text),
    Column("phase", Text),
    Column("language", Text),
    Column("content_version", Text),
    Column("indicator", Text),
    Column("rules", Text),
    Column("card_group", Text),
    Column("is_shadow", Boolean),
    Column("advice", Text),
)
"""A view of ``issued_answer`` with a row for each card; ``rules`` and ``advice`` are JSON arrays, and the
latter is null for a card of before there was one. ``is_shadow`` cards were not shown. It has no index
on ``uuid``: come from the patient or the time, and go on to the feedback."""

ISSUED_ADVICE = Table(
    "issued_advice",
    MetaData(),
    *(
        Column(column.name, column.type)
        for column in ISSUED_CARD.columns
        if column.name not in ("indicator", "rules", "advice")
    ),
    Column("rule", Text),
    Column("wording", Text),
    Column("indicator", Text),
    Column("facts", Text),
    Column("digest", Text),
    Column("suggestions", Text),
)
"""A view of ``issued_card`` with a row for each rule of a card. ``facts`` is the keyed digest of what the
advice rests on, ``digest`` stands for its words and limits, ``suggestions`` is a JSON array of uuids."""

OPENING = Table(
    "opening",
    METADATA,
    Column("day", Date, primary_key=True),
    Column("hook", String(60), primary_key=True),
    Column("issuer", Text, primary_key=True),
    Column("tenant", Text, primary_key=True),
    Column("calls", Integer, nullable=False),
)
"""How many hook calls were answered on a day (UTC), with cards or without. Nothing of any patient."""

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
