"""A fresh store for each test, once in SQLite and once in PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from service.hooks.feedback import FeedbackItem, GivenReason
from service.store.database import Store, open_store
from service.store.issued import KeptAdvice, KeptCard, ShownCards
from service.store.memory import facts_digest, patient_key, recipient_key
from tests import postgresql

SECRET = b"0123456789abcdef0123456789abcdef"
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL, for psycopg, of a PostgreSQL server that lives as long as the tests."""
    if not postgresql.is_available():
        pytest.skip(postgresql.MISSING)
    with postgresql.postgresql() as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield postgresql_server.replace("/postgres?", f"/{name}?").replace(
            "postgresql:", "postgresql+psycopg:"
        )
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.sqlite3"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def _open(url: str) -> Iterator[Store]:
    store = open_store(url, secret=SECRET)
    yield store
    store.engine.dispose()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    yield from _open(database_url)


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    yield from _open(sqlite_url)


@pytest.fixture
def postgresql_store(postgresql_url: str) -> Iterator[Store]:
    yield from _open(postgresql_url)


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def shown(now: datetime) -> Callable[..., ShownCards]:
    """Make a card that was shown to Practitioner/1 for patient p1, alone in its answer.

    A suggestion has the id of its rule, so that tests can accept it.
    """

    def make(
        *rules: str,
        issuer: str = "https://ehr.example.org",
        tenant: str = "",
        patient_id: str = "p1",
        user_id: str = "Practitioner/1",
        issued_at: datetime = now,
        facts: str = "",
        wording: str = "missing",
        indicator: str = "warning",
        is_shadow: bool = False,
    ) -> ShownCards:
        whom = {"issuer": issuer, "tenant": tenant, "patient_id": patient_id}
        patient = patient_key(SECRET, **whom)
        digest = facts_digest(SECRET, patient=patient, facts=facts)
        advice = tuple(KeptAdvice(rule, wording, indicator, digest, "1+a", (rule,)) for rule in rules)
        group = "workup" if len(rules) > 1 else ""
        return ShownCards(
            uuid=str(uuid4()),
            service_id="net-patient-view",
            issuer=issuer,
            tenant=tenant,
            hook_instance=str(uuid4()),
            issued_at=issued_at,
            recipient=recipient_key(SECRET, user_id=user_id, **whom),
            cards={str(uuid4()): KeptCard(indicator, rules, group, is_shadow, advice)},
            patient=patient,
            hook="patient-view",
            phase="initial",
            language="en",
            content_version="1+a",
        )

    return make


@pytest.fixture
def uuid_of() -> Callable[[ShownCards], str]:
    """The uuid of the only card of an answer."""

    def uuid_of(shown: ShownCards) -> str:
        (uuid,) = shown.cards
        return uuid

    return uuid_of


@pytest.fixture
def overridden(now: datetime) -> Callable[..., FeedbackItem]:
    def make(card: str, *, at: datetime = now, **reason: str) -> FeedbackItem:
        return FeedbackItem(card, "overridden", at, reason=GivenReason(**reason))

    return make


@pytest.fixture
def accepted(now: datetime) -> Callable[..., FeedbackItem]:
    def make(card: str, *suggestions: str, at: datetime = now) -> FeedbackItem:
        return FeedbackItem(card, "accepted", at, suggestions or ("s1",))

    return make


@pytest.fixture
def start_process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python on a source text with arguments; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", source, *arguments],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
