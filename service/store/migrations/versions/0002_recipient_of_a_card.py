"""One digest for the recipient of a card, in place of one for each of its rules.

Revises: 0001. Advice declined before is shown once more, as its digests cannot be made from the old ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep the rules of each card; its recipient is not known any more."""
    op.add_column("issued_card", sa.Column("recipient", sa.String(32), nullable=False, server_default=""))
    op.add_column("issued_card", sa.Column("rules", sa.Text, nullable=False, server_default="[]"))
    _convert("override_keys", "rules", list)
    op.drop_column("issued_card", "override_keys")


def downgrade() -> None:
    """Keep the rules of each card, without digests."""
    op.add_column("issued_card", sa.Column("override_keys", sa.Text, nullable=False, server_default="{}"))
    _convert("rules", "override_keys", lambda rules: dict.fromkeys(rules, ""))
    op.drop_column("issued_card", "rules")
    op.drop_column("issued_card", "recipient")


def _convert(source: str, target: str, convert: Callable[[Any], Any]) -> None:
    """Write JSON made from one column into another."""
    cards = sa.table("issued_card", sa.column(source, sa.Text), sa.column(target, sa.Text))
    connection = op.get_bind()
    for (value,) in connection.execute(sa.select(cards.c[source]).distinct()).all():
        converted = json.dumps(convert(json.loads(value)))
        connection.execute(sa.update(cards).where(cards.c[source] == value).values({target: converted}))
