"""The tenant of each call, and ids of answers that do not depend on the uuids of their cards.

Revises: 0003. Advice declined before is shown once more, as its digests cannot be made from the old ones,
which had no tenant. A reason for an override that no card offered may be free text and joins the comment.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SHARED = 34  # characters of a card's uuid that were the id of its answer
_OFFERED_SYSTEMS = (
    "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes",
    "urn:net-cds:override-reason",
)
_VIEW = {
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
_COLUMNS = "service_id, issuer, hook_instance, issued_at, recipient"
_CARDS = {
    "sqlite": "json_group_object(uuid, json_array(indicator, json(rules)))",
    "postgresql": "json_object_agg(uuid, json_build_array(indicator, rules::json))::text",
}


def upgrade() -> None:
    """Add the tenant, which is empty for what is there."""
    op.execute("DROP VIEW issued_card")
    with op.batch_alter_table("issued_answer") as answers:
        answers.alter_column("id", existing_type=sa.String(_SHARED), type_=sa.String(36))
        answers.add_column(sa.Column("tenant", sa.Text, nullable=False, server_default=""))
    op.execute("UPDATE issued_answer SET recipient = ''")
    op.create_index("ix_issued_answer_recipient", "issued_answer", ["recipient", "issued_at"])
    _create_view(f"{_COLUMNS}, tenant")
    op.add_column("feedback", sa.Column("tenant", sa.Text, nullable=False, server_default=""))
    _move_other_reasons()


def downgrade() -> None:
    """Gather the cards by what their uuids have in common; tenants and recipients are not known any more."""
    op.create_table(
        "older_answer",
        sa.Column("id", sa.String(_SHARED), primary_key=True),
        sa.Column("service_id", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("hook_instance", sa.Text, nullable=False),
        sa.Column("issued_at", sa.DateTime, nullable=False),
        sa.Column("recipient", sa.String(32), nullable=False),
        sa.Column("cards", sa.Text, nullable=False),
    )
    op.execute(
        # Nothing here comes from outside: the names are those above.
        f"INSERT INTO older_answer (id, {_COLUMNS}, cards) "  # noqa: S608
        f"SELECT substr(uuid, 1, {_SHARED}), min(service_id), min(issuer), min(hook_instance), "
        f"min(issued_at), '', {_CARDS[op.get_bind().dialect.name]} "
        f"FROM issued_card GROUP BY substr(uuid, 1, {_SHARED})"
    )
    op.execute("DROP VIEW issued_card")
    op.drop_table("issued_answer")
    op.rename_table("older_answer", "issued_answer")
    op.create_index("ix_issued_answer_issued_at", "issued_answer", ["issued_at"])
    _create_view(_COLUMNS)
    op.drop_column("feedback", "tenant")


def _create_view(columns: str) -> None:
    op.execute(_VIEW[op.get_bind().dialect.name].format(columns=columns))


def _move_other_reasons() -> None:
    """What no card offered goes to the comment; the display of what one did is kept with the next report."""
    texts = ("reason_code", "reason_system", "reason_display", "user_comment")
    feedback = sa.table("feedback", *(sa.column(name, sa.Text) for name in texts))
    code, system, display, comment = (feedback.c[name] for name in texts)
    said = sa.func.coalesce(display + " ", "") + code
    is_offered = sa.func.coalesce(system, "").in_(_OFFERED_SYSTEMS)
    op.execute(
        sa.update(feedback)
        .where(code.is_not(None), ~is_offered)
        .values(
            user_comment=sa.func.coalesce(comment + "\n", "") + said, reason_code=None, reason_system=None
        )
    )
    op.execute(sa.update(feedback).values(reason_display=None))
