"""``python -m service migrate``, ``feedback report`` and ``feedback purge``.

``add_commands`` gives each parser its handler as ``run``: called with the arguments and the settings, it
prints its answer and returns the exit code.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from service.config import Settings
from service.store.database import Store, migrate, open_store
from service.store.printed_report import FORMATS
from service.store.report import KEYS, report
from service.store.retention import purge

_Subparsers = argparse._SubParsersAction  # the type that add_subparsers returns has no public name


def add_commands(subparsers: _Subparsers[argparse.ArgumentParser]) -> None:
    """Add the commands of the store."""
    migration = subparsers.add_parser("migrate", help="create or upgrade the tables of the store")
    migration.set_defaults(run=run_migrate)
    feedback = subparsers.add_parser("feedback", help="what became of the cards that were shown")
    actions = feedback.add_subparsers(required=True, metavar="ACTION")
    _add_report(actions)
    removal = actions.add_parser("purge", help="delete cards and feedback that are older than is kept")
    removal.add_argument("--older-than-days", type=_days, metavar="N", help="default: NET_CDS_RETENTION_DAYS")
    removal.set_defaults(run=run_purge)


def _add_report(actions: _Subparsers[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("report", help="acceptance and override rates of each rule")
    parser.add_argument(
        "--since", type=_day, metavar="YYYY-MM-DD", help="first day (UTC); default: 90 days ago"
    )
    parser.add_argument(
        "--until", type=_day, metavar="YYYY-MM-DD", help="day after the last one; default: now"
    )
    parser.add_argument(
        "--by", type=_keys, default=("rule",), metavar="NAMES", help=f"split by these: {','.join(KEYS)}"
    )
    parser.add_argument("--shadow", action="store_true", help="count the cards that were only tried out")
    parser.add_argument("--format", choices=sorted(FORMATS), default="table")
    parser.add_argument(
        "--comments", action="store_true", help="show what clinicians wrote; it may speak of patients"
    )
    parser.set_defaults(run=run_report)


def run_migrate(_arguments: argparse.Namespace, settings: Settings) -> int:
    """Bring the tables up to date. Raises StoreUnavailable, ConfigurationError."""
    with _opened(settings) as store:
        migrate(store)
    sys.stdout.write("The tables of the store are up to date.\n")
    return 0


def run_report(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the report. Raises StoreUnavailable, ConfigurationError."""
    until = arguments.until or datetime.now(UTC)
    since = arguments.since or until - timedelta(days=90)
    with _opened(settings) as store:
        found = report(
            store,
            since=since,
            until=until,
            by=arguments.by,
            is_shadow=arguments.shadow,
            comments=arguments.comments,
        )
    sys.stdout.write(FORMATS[arguments.format](found))
    return 0


def run_purge(arguments: argparse.Namespace, settings: Settings) -> int:
    """Delete what is old and say how much it was. Raises StoreUnavailable, ConfigurationError."""
    days = settings.retention_days if arguments.older_than_days is None else arguments.older_than_days
    with _opened(settings) as store:
        purged = purge(store, older_than_days=days, now=datetime.now(UTC))
    sys.stdout.write(
        f"Deleted what is older than {days} days: {purged.issued_cards} issued cards, "
        f"{purged.feedback} reports, {purged.tokens} expired tokens.\n"
    )
    return 0


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    # These commands make and compare no digests: any key will do, and no key file is made on the way.
    store = open_store(settings.database_url, secret=secrets.token_bytes(32))
    try:
        yield store
    finally:
        store.engine.dispose()


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a day as 2026-11-23: {text!r}") from None


def _keys(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in KEYS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(KEYS)}")
    return names


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"not a number of days: {text!r}")
    return int(text)
