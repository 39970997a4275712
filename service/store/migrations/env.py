"""Run by Alembic: migrate on the connection, and in the transaction, that ``database.migrate`` gives.

https://alembic.sqlalchemy.org/en/latest/cookbook.html#connection-sharing
"""

from __future__ import annotations

from alembic import context

from service.store.tables import METADATA

# Both databases undo table changes with the transaction; for SQLite, Alembic assumes that they cannot.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
