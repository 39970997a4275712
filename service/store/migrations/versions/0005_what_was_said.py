"""What each rule said and on what it rested, cards that were not shown, and the number of calls.

Revises: 0004. Advice declined before is shown once more, as it was not kept what it rested on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ADDED = ("patient", "hook", "phase", "language", "content_version")
_CARDS_BEFORE = {
    "sqlite": """
        CREATE VIEW issued_card AS
        SELECT card.key AS uuid, answer.id AS answer, {columns},
            json_extract(card.value, '$[0]') AS indicator, json_extract(card.value, '$[1]') AS rules
        FROM issued_answer AS answer, json_each(answer.cards) AS card
    """,
    "postgresql": """
        CREATE VIEW issued_card AS
        SELECT card.key AS uuid, answer.id AS answer, {columns},
            card.value ->> 0 AS indicator, card.value ->> 1 AS rules
        FROM issued_answer AS answer, json_each(answer.cards::json) AS card
    """,
}
_CARDS = {
    "sqlite": """
        CREATE VIEW issued_card AS
        SELECT card.key AS uuid, answer.id AS answer, {columns},
            json_extract(card.value, '$[0]') AS indicator, json_extract(card.value, '$[1]') AS rules,
            coalesce(json_extract(card.value, '$[2]'), '') AS card_group,
            coalesce(json_extract(card.value, '$[3]'), 0) = 1 AS is_shadow,
            json_extract(card.value, '$[4]') AS advice
        FROM issued_answer AS answer, json_each(answer.cards) AS card
    """,
    "postgresql": """
        CREATE VIEW issued_card AS
        SELECT card.key AS uuid, answer.id AS answer, {columns},
            card.value ->> 0 AS indicator, card.value ->> 1 AS rules,
            coalesce(card.value ->> 2, '') AS card_group,
            coalesce(card.value ->> 3, '0') = '1' AS is_shadow,
            card.value ->> 4 AS advice
        FROM issued_answer AS answer, json_each(answer.cards::json) AS card
    """,
}
# A card from before has no objects, and its rules stand for them.
_ADVICE = {
    "sqlite": """
        CREATE VIEW issued_advice AS
        SELECT uuid, answer, {columns}, card_group, is_shadow,
            CASE one.type WHEN 'object' THEN json_extract(one.value, '$.rule') ELSE one.value END AS rule,
            CASE one.type WHEN 'object' THEN json_extract(one.value, '$.wording') ELSE '' END AS wording,
            CASE one.type WHEN 'object' THEN json_extract(one.value, '$.indicator') ELSE indicator END
                AS indicator,
            CASE one.type WHEN 'object' THEN json_extract(one.value, '$.facts') ELSE '' END AS facts,
            CASE one.type WHEN 'object' THEN json_extract(one.value, '$.digest') ELSE '' END AS digest,
            CASE one.type WHEN 'object' THEN json_extract(one.value, '$.suggestions') ELSE '[]' END
                AS suggestions
        FROM issued_card, json_each(coalesce(advice, rules)) AS one
    """,
    "postgresql": """
        CREATE VIEW issued_advice AS
        SELECT uuid, answer, {columns}, card_group, is_shadow,
            coalesce(one.value ->> 'rule', one.value #>> '{{}}') AS rule,
            coalesce(one.value ->> 'wording', '') AS wording,
            coalesce(one.value ->> 'indicator', indicator) AS indicator,
            coalesce(one.value ->> 'facts', '') AS facts,
            coalesce(one.value ->> 'digest', '') AS digest,
            coalesce(one.value ->> 'suggestions', '[]') AS suggestions
        FROM issued_card, json_array_elements(coalesce(advice, rules)::json) AS one
    """,
}
_COLUMNS = "service_id, issuer, tenant, hook_instance, issued_at, recipient"


def upgrade() -> None:
    """Add what is empty for the answers that are there."""
    dialect = op.get_bind().dialect.name
    op.execute("DROP VIEW issued_card")
    for name in _ADDED:
        kind = sa.String(32) if name == "patient" else sa.Text()
        op.add_column("issued_answer", sa.Column(name, kind, nullable=False, server_default=""))
    op.drop_index("ix_issued_answer_recipient", "issued_answer")
    op.create_index("ix_issued_answer_patient", "issued_answer", ["patient", "issued_at"])
    columns = ", ".join((_COLUMNS, *_ADDED))
    op.execute(_CARDS[dialect].format(columns=columns))
    op.execute(_ADVICE[dialect].format(columns=columns))
    op.create_table(
        "opening",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("hook", sa.String(60), primary_key=True),
        sa.Column("issuer", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("calls", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Keep the cards that were shown, without what each of their rules said."""
    dialect = op.get_bind().dialect.name
    op.drop_table("opening")
    op.execute("DROP VIEW issued_advice")
    op.execute("DROP VIEW issued_card")
    op.drop_index("ix_issued_answer_patient", "issued_answer")
    for name in reversed(_ADDED):
        op.drop_column("issued_answer", name)
    op.create_index("ix_issued_answer_recipient", "issued_answer", ["recipient", "issued_at"])
    op.execute(_CARDS_BEFORE[dialect].format(columns=_COLUMNS))
