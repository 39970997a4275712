"""Connections to PostgreSQL that hold no call for long, whatever became of the server.

https://www.postgresql.org/docs/current/runtime-config-client.html (the limits of a statement)

The limits of the server end a statement that is slow. They do not help where the server accepts what it is
sent and never answers, as one with a hung disk does: there it is the connection that loses its patience.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL

_ARGUMENTS = {
    "connect_timeout": 2,  # seconds
    "tcp_user_timeout": 5000,  # milliseconds; a server that vanished must not hold a hook call
    "options": "-c statement_timeout=1400 -c lock_timeout=1200 -c jit=off",  # milliseconds
}
_MOST_CONNECTIONS = 10
"""Of a worker; a call waits no longer for one of them than for an answer."""


class ImpatientConnection(psycopg.Connection[Any]):
    """To inherit is psycopg's way of changing how it waits. None waits for ever."""

    patience_seconds: float | None = 1.5

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer; raises OperationalError when it takes too long."""
        try:
            return super().wait(gen, interval, timeout or self.patience_seconds)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                # The answer may still come, and nothing else can be asked on this connection before.
                self.pgconn.finish()
            raise


def postgresql_engine(url: URL) -> Engine:
    """Connect where ``url`` says; what it sets itself comes before the settings here."""
    arguments = {name: value for name, value in _ARGUMENTS.items() if name not in url.query}
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=_MOST_CONNECTIONS,
        max_overflow=0,
        pool_timeout=ImpatientConnection.patience_seconds or 0,
        connect_args=arguments,
    )
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "checkin", _lose_patience)
    return engine


def _connect(_dialect: Any, _record: Any, positional: Any, named: Any) -> Any:
    return ImpatientConnection.connect(*positional, **named)


def _lose_patience(connection: Any, _record: Any) -> None:
    # A connection that was given up on comes back as None.
    if connection is not None:
        connection.patience_seconds = ImpatientConnection.patience_seconds
