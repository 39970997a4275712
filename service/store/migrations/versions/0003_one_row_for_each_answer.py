"""One row for each answer, in place of one for each of its cards; ``issued_card`` becomes a view.

Revises: 0002. An answer has some five cards, and to write them was the most that a hook call cost the store.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SHARED = 34  # characters that the uuids of the cards of one answer have in common
_CARD = "service_id, issuer, hook_instance, issued_at, recipient"
_VIEW = {
    "sqlite": """
        CREATE VIEW issued_card AS
        SELECT card.key AS uuid, answer.id AS answer, service_id, issuer, hook_instance,
            json_extract(card.value, '$[0]') AS indicator, issued_at, recipient,
            json_extract(card.value, '$[1]') AS rules
        FROM issued_answer AS answer, json_each(answer.cards) AS card
    """,
    "postgresql": """
        CREATE VIEW issued_card AS
        SELECT card.key AS uuid, answer.id AS answer, service_id, issuer, hook_instance,
            card.value ->> 0 AS indicator, issued_at, recipient, card.value ->> 1 AS rules
        FROM issued_answer AS answer, json_each(answer.cards::json) AS card
    """,
}
_CARDS = {
    "sqlite": "json_group_object(uuid, json_array(indicator, json(rules)))",
    "postgresql": "json_object_agg(uuid, json_build_array(indicator, rules::json))::text",
}


def upgrade() -> None:
    """Gather the cards of each answer."""
    dialect = op.get_bind().dialect.name
    op.create_table(
        "issued_answer",
        sa.Column("id", sa.String(_SHARED), primary_key=True),
        sa.Column("service_id", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("hook_instance", sa.Text, nullable=False),
        sa.Column("issued_at", sa.DateTime, nullable=False),
        sa.Column("recipient", sa.String(32), nullable=False),
        sa.Column("cards", sa.Text, nullable=False),
    )
    op.create_index("ix_issued_answer_issued_at", "issued_answer", ["issued_at"])
    # Nothing here comes from outside: the names are those above.
    op.execute(
        f"INSERT INTO issued_answer (id, {_CARD}, cards) "  # noqa: S608
        f"SELECT substr(uuid, 1, {_SHARED}), min(service_id), min(issuer), min(hook_instance), "
        f"min(issued_at), min(recipient), {_CARDS[dialect]} "
        f"FROM issued_card GROUP BY substr(uuid, 1, {_SHARED})"
    )
    op.drop_table("issued_card")
    op.execute(_VIEW[dialect])


def downgrade() -> None:
    """Give each card a row of its own again."""
    op.create_table(
        "card_of_its_own",
        sa.Column("uuid", sa.String(36), primary_key=True),
        sa.Column("service_id", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("hook_instance", sa.Text, nullable=False),
        sa.Column("indicator", sa.Text, nullable=False),
        sa.Column("issued_at", sa.DateTime, nullable=False),
        sa.Column("recipient", sa.String(32), nullable=False, server_default=""),
        sa.Column("rules", sa.Text, nullable=False, server_default="[]"),
    )
    op.execute(
        f"INSERT INTO card_of_its_own (uuid, indicator, rules, {_CARD}) "  # noqa: S608
        f"SELECT uuid, indicator, rules, {_CARD} FROM issued_card"
    )
    op.execute("DROP VIEW issued_card")
    op.drop_table("issued_answer")
    op.rename_table("card_of_its_own", "issued_card")
    op.create_index("ix_issued_card_issued_at", "issued_card", ["issued_at"])
