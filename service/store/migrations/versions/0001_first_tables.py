"""The first tables: issued cards, feedback, used tokens.

Revises: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table and index."""
    _create_issued_cards()
    _create_feedback()
    op.create_table(
        "seen_token",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("expires_at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_seen_token_expires_at", "seen_token", ["expires_at"])


def downgrade() -> None:
    """Drop every table, and with it what was recorded."""
    for table in ("seen_token", "accepted_suggestion", "feedback", "issued_card"):
        op.drop_table(table)


def _create_issued_cards() -> None:
    op.create_table(
        "issued_card",
        sa.Column("uuid", sa.String(36), primary_key=True),
        sa.Column("service_id", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("hook_instance", sa.Text, nullable=False),
        sa.Column("indicator", sa.Text, nullable=False),
        sa.Column("issued_at", sa.DateTime, nullable=False),
        sa.Column("override_keys", sa.Text, nullable=False),
    )
    op.create_index("ix_issued_card_issued_at", "issued_card", ["issued_at"])


def _create_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("card_uuid", sa.String(200), nullable=False),
        sa.Column("service_id", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("reason_code", sa.Text),
        sa.Column("reason_system", sa.Text),
        sa.Column("reason_display", sa.Text),
        sa.Column("user_comment", sa.Text),
        sa.Column("outcome_timestamp", sa.DateTime, nullable=False),
        sa.Column("received_at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_feedback_card_uuid", "feedback", ["card_uuid"])
    op.create_index("ix_feedback_received_at", "feedback", ["received_at"])
    op.create_table(
        "accepted_suggestion",
        sa.Column(
            "fingerprint",
            sa.String(64),
            sa.ForeignKey("feedback.fingerprint", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("suggestion_uuid", sa.String(200), primary_key=True),
    )
