"""Connections to PostgreSQL that hold no call for long, whatever became of the server.

https://www.postgresql.org/docs/current/runtime-config-client.html (the limits of a statement)

The limits of the server end a statement that is slow. They do not help where the server accepts what it is
sent and never answers, as one with a hung disk does: there it is the connection that loses its patience.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL

from service.store.patience import PATIENCE_SECONDS, seconds_left

_ARGUMENTS = {
    "tcp_user_timeout": 5000,  # milliseconds; a server that vanished must not hold a hook call
    "options": "-c statement_timeout=1400 -c lock_timeout=1200 -c jit=off",  # milliseconds
}
_MOST_CONNECTIONS = 10
"""Of a worker; a call waits for one of them half of the time that it has."""


class ImpatientConnection(psycopg.Connection[Any]):
    """To inherit is psycopg's way of changing how it waits; how long, ``service.store.patience`` says."""

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Any]:
        """The steps of connecting, of which psycopg takes one at least every tenth of a second.

        Its own limit is two seconds or more, for each of several hosts.
        """
        steps = super()._connect_gen(conninfo)
        return _while_patient(steps)

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer; raises OperationalError when it takes too long."""
        try:
            return super().wait(gen, interval, timeout or seconds_left())
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
        pool_timeout=PATIENCE_SECONDS / 2,
        connect_args=arguments,
    )
    event.listen(engine, "do_connect", _connect)
    return engine


def _connect(_dialect: Any, _record: Any, positional: Any, named: Any) -> Any:
    return ImpatientConnection.connect(*positional, **named)


def _while_patient(steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    left = seconds_left()
    until = time.monotonic() + left if left is not None else math.inf
    waits_for = next(steps)
    while True:
        ready = yield waits_for
        if time.monotonic() > until:
            steps.close()
            raise psycopg.errors.ConnectionTimeout("the server did not let in within the time allowed")
        try:
            waits_for = steps.send(ready)
        except StopIteration as done:
            return done.value
