"""Open the store, create and migrate its tables, and translate its errors.

https://www.sqlite.org/wal.html, https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS

How SQLite is used: write-ahead logging, so that readers never wait; every writing transaction takes the
write lock at its beginning, so that it waits for the others in place of failing half-way; the file is
never created by a connection, so that a deleted store is noticed and not silently replaced.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    Connection,
    Engine,
    Insert,
    Table,
    create_engine,
    delete,
    event,
    insert,
    inspect,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError

from service import tracing
from service.errors import ConfigurationError, StoreUnavailable
from service.store.patience import patience, take_your_time
from service.store.tables import SEEN_TOKEN

LATEST_REVISION = "0005"
"""The newest revision under ``migrations/versions``; kept here so that a database that is up to date is
recognised without loading Alembic, which costs a worker time and memory."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_WAIT_SECONDS = 2.0
_OUTAGE_SECONDS = 5.0
_SLOW_SECONDS = 0.5
_LATELY_SECONDS = 15.0  # a check comes every few seconds, and may take as many
_PROBE = os.urandom(16)  # with the id of the process, the row that this process writes to try the disk
_MIGRATION_LOCK = 0x6E65742D636473
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Outage:
    """Until when the store is taken to be down, and when it last worked, both on the monotonic clock."""

    until: float = 0.0
    worked_at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Store:
    """An open store. ``secret`` is the key of the digests that stand for patient and user."""

    engine: Engine
    secret: bytes
    outage: Outage = field(default_factory=Outage)


def open_store(url: str, *, secret: bytes) -> Store:
    """Open the store at ``url`` (``sqlite:///FILE`` or ``postgresql+psycopg://...``) and bring it up to date.

    A store that cannot be reached is logged and opened all the same, because cards are answered
    without it; :class:`IssuedCardWriter` tries again. Raises ConfigurationError for a URL that can
    never work, and for tables made by a newer version of the service.
    """
    check_url(url)
    store = Store(_engine(_read_url(url)), secret)
    try:
        migrate(store)
    except StoreUnavailable:
        _log.error("The store cannot be used now; cards are answered, feedback is refused until it can.")
    return store


def existing_store(url: str) -> Store:
    """The store at ``url`` as it is, neither made nor upgraded, to ``check`` it.

    Raises ConfigurationError for a URL that can never work.
    """
    return Store(_engine(_read_url(url)), b"")


def check_url(url: str) -> None:
    """Raise ConfigurationError for a URL that can never work, such as that of a file in no folder."""
    known = _read_url(url)
    if known.drivername != "sqlite":
        return
    try:
        folder = Path(str(known.database)).resolve().parent
        is_there = folder.is_dir()
    except (OSError, RuntimeError):  # a name that is too long, links that go in a circle
        raise ConfigurationError(["NET_CDS_DATABASE_URL: no file can have this name"]) from None
    if not is_there:
        raise ConfigurationError([f"NET_CDS_DATABASE_URL: no folder {str(folder)!r} for the SQLite file"])


def without_password(url: str) -> str:
    """The URL of a store as it may be shown. Raises ConfigurationError for a URL that can never work."""
    known = _read_url(url)
    query = {name: "***" if "password" in name else value for name, value in known.query.items()}
    return known.set(query=query).render_as_string(hide_password=True)


def migrate(store: Store) -> None:
    """Create or upgrade the tables; may be called by many processes at once, and again at no cost.

    Closes the connections that are not in use, which also helps where a store has become usable again: a
    connection keeps what was so when it was opened, such as that the PostgreSQL server was a standby.
    Raises StoreUnavailable, or ConfigurationError if the tables are of a newer version.
    """
    try:
        with store_errors():
            _MIGRATE[store.engine.dialect.name](store.engine)
        store.outage.until = 0.0
        store.outage.worked_at = time.monotonic()
    finally:
        # A process that forks after this must not hand its connections to its children.
        store.engine.dispose()


def check(store: Store) -> None:
    """Raise StoreUnavailable unless the tables fit this version and can be written to.

    Those of a newer version do: a migration only adds (``service/adr/0011-migrations-add.md``), so that a
    replica that is still of the old version goes on while others are upgraded. It takes as long as the
    database does: a thread beside the calls does it, for :func:`readiness`.
    """
    try:
        with writing(store, although_down=True) as connection:
            if (_revision(connection) or "") < LATEST_REVISION:
                raise StoreUnavailable(
                    "The tables of the store are not of this version; run: python -m service migrate"
                )
            # Only a row that is written finds out whether the disk is full.
            probe = hashlib.sha256(_PROBE + str(os.getpid()).encode()).hexdigest()
            connection.execute(delete(SEEN_TOKEN).where(SEEN_TOKEN.c.digest == probe))
            connection.execute(insert(SEEN_TOKEN).values(digest=probe, expires_at=in_utc(datetime.now(UTC))))
    except StoreUnavailable:
        store.outage.worked_at = float("-inf")
        raise
    store.outage.until, store.outage.worked_at = 0.0, time.monotonic()


def readiness(store: Store) -> None:
    """Raise StoreUnavailable unless a check went well lately; never waits for the database."""
    if time.monotonic() - store.outage.worked_at > _LATELY_SECONDS:
        raise StoreUnavailable("The store could not be used when it was last checked.")


def after_fork(store: Store) -> None:
    """Forget connections inherited from the parent process, without closing them for it.

    A process that uses SQLite should have none when it forks, because its locks do not pass to the child;
    ``open_store`` leaves none open.
    """
    store.engine.dispose(close=False)


@contextmanager
def reading(store: Store) -> Iterator[Connection]:
    """A transaction that reads. Raises StoreUnavailable."""
    with store_errors(store), _step("read", store), patience(), store.engine.begin() as connection:
        yield connection


@contextmanager
def reading_if_up(store: Store) -> Iterator[Connection]:
    """As ``reading``, for a hook call that can do without.

    Where it was found down, the next calls are told at once, for some seconds, and do not try.
    """
    _require_up(store)
    try:
        with reading(store) as connection:
            yield connection
    except StoreUnavailable:
        store.outage.until = time.monotonic() + _OUTAGE_SECONDS
        _log.warning("Advice declined lately is shown again, because the store cannot be read.")
        raise


def _require_up(store: Store) -> None:
    """To find out that a server does not answer takes seconds, which not every call has to wait."""
    if time.monotonic() < store.outage.until:
        raise StoreUnavailable("The store did not answer a moment ago.")


@contextmanager
def writing(store: Store, *, durable: bool = False, although_down: bool = False) -> Iterator[Connection]:
    """A transaction that writes, committed at its end. Raises StoreUnavailable.

    Every commit survives the death of the process. ``durable`` ones survive a power cut as well, at the
    cost of waiting for the disk; it makes no difference to PostgreSQL, which always waits. While the store is
    taken to be down, calls are told at once, unless they are there to find out (``although_down``).
    """
    if not although_down:
        _require_up(store)
    engine = store.engine.execution_options(sqlite_writes=True, sqlite_durable=durable)
    with store_errors(store), _step("write", store), patience(), engine.begin() as connection:
        yield connection


def _step(operation: str, store: Store) -> AbstractContextManager[None]:
    return tracing.step(f"{operation} store", {"db.system.name": store.engine.dialect.name})


@contextmanager
def store_errors(store: Store | None = None) -> Iterator[None]:
    """Turn the errors of the database into StoreUnavailable, and leave a silent ``store`` alone for a while.

    What the database says may quote the values of a row, so only the kind of error is logged.
    """
    began = time.monotonic()
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as problem:
        cause = getattr(problem, "orig", None) or problem
        _log.warning("The store failed: %s", type(cause).__name__)
        # Whoever was refused at once, or told by the server that a row is locked, does not make others wait.
        no_answer = getattr(cause, "sqlstate", "") is None
        if store and no_answer and time.monotonic() - began > _SLOW_SECONDS:
            store.outage.until = time.monotonic() + _OUTAGE_SECONDS
        raise StoreUnavailable("The store could not be read or written.") from None


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows that are not there yet."""
    if rows:
        connection.execute(_insert_if_absent(connection, table), list(rows))


def insert_one(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert the row; False if it was there already."""
    # SQLAlchemy keeps the count of an INSERT only on demand.
    statement = _insert_if_absent(connection, table).execution_options(preserve_rowcount=True)
    return connection.execute(statement, dict(row)).rowcount == 1


def add_to(connection: Connection, table: Table, row: Mapping[str, Any], **counts: int) -> None:
    """Add to the counts of the row, which is made where it is not there yet."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values({**row, **counts})
    sums = {name: table.c[name] + statement.excluded[name] for name in counts}
    keys = [column.name for column in table.primary_key]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=sums))


def unhurried(connection: Connection) -> None:
    """Lift the time limit from this transaction: it is not part of a hook call."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        take_your_time()


def in_utc(moment: datetime) -> datetime:
    """The moment as the tables keep it: UTC, without zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def storable(value: str) -> str:
    """The text without the NUL characters that PostgreSQL refuses."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _insert_if_absent(connection: Connection, table: Table) -> Insert:
    # Both dialects have the clause, under one name and in a class each.
    dialect_insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return dialect_insert(table).on_conflict_do_nothing()


def _read_url(text_of_url: str) -> URL:
    try:
        url = make_url(text_of_url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(["NET_CDS_DATABASE_URL is not a database URL"]) from None
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and (url.database in (None, "", ":memory:") or url.query):
        raise ConfigurationError(
            ["NET_CDS_DATABASE_URL: SQLite needs the name of a file (sqlite:///FILE) and takes no options"]
        )
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise ConfigurationError(["NET_CDS_DATABASE_URL must begin with sqlite:/// or postgresql+psycopg://"])
    return url


def _engine(url: URL) -> Engine:
    if url.drivername == "sqlite":
        return _sqlite_engine(url)
    # Its driver takes time and memory to load.
    from service.store.postgresql import postgresql_engine

    return postgresql_engine(url)


def _sqlite_engine(url: URL) -> Engine:
    # The path is fixed now: a later change of the working folder must not lead to another file.
    path = Path(str(url.database)).resolve()
    engine = create_engine(
        url.set(database=str(path)), hide_parameters=True, creator=lambda: _connect_sqlite(path)
    )
    event.listen(engine, "connect", _remember_file(path))
    event.listen(engine, "checkout", _refuse_other_file(path))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect_sqlite(path: Path) -> sqlite3.Connection:
    if path.exists() and not _may_write(path):
        # SQLite would open it to read, for as long as the connection lives, and make the files beside it
        # read-only as well, which they remain when the file may be written again.
        raise PermissionError(errno.EACCES, "the database file may not be written")
    # mode=rw: an absent file is an error. isolation_level=None: transactions begin where _begin_sqlite says.
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=_LOCK_WAIT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _file_identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _remember_file(path: Path) -> Any:
    def remember(_connection: Any, record: Any) -> None:
        record.info["file"] = _file_identity(path)

    return remember


def _refuse_other_file(path: Path) -> Any:
    """A connection to a deleted file works on, and everything written to it is lost: open it anew."""

    def refuse(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["file"] is None or record.info["file"] != _file_identity(path):
            raise DisconnectionError("the database file was replaced or deleted")

    return refuse


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("sqlite_writes"):
        connection.exec_driver_sql("BEGIN")
        return
    level = "FULL" if options.get("sqlite_durable") else "NORMAL"
    connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate_sqlite(engine: Engine) -> None:
    path = Path(str(engine.url.database))
    with _one_process_at_a_time(path.with_name(path.name + "-lock")):
        _create_file(path)
        with closing(_connect_sqlite(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with engine.execution_options(sqlite_writes=True, sqlite_durable=True).begin() as transaction:
            _upgrade(transaction)


def _create_file(path: Path) -> None:
    # Only the owner may read the file: comments are free text about patients. A file that is there is not
    # even opened, as to close it would end the locks that connections of this process hold on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _migrate_postgresql(engine: Engine) -> None:
    with patience(), engine.begin() as connection:
        if _revision(connection) == LATEST_REVISION:
            return
        unhurried(connection)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        _upgrade(connection)


_MIGRATE = {"sqlite": _migrate_sqlite, "postgresql": _migrate_postgresql}


@contextmanager
def _one_process_at_a_time(lock_file: Path) -> Iterator[None]:
    # SQLite's own lock does not cover the creation of the file and the switch to write-ahead logging.
    descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _upgrade(connection: Connection) -> None:
    if _revision(connection) == LATEST_REVISION:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    try:
        command.upgrade(configuration, "head")
    except CommandError:
        raise ConfigurationError(
            ["NET_CDS_DATABASE_URL: its tables were made by a newer version of the service than this"]
        ) from None


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision
