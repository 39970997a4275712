from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import func, select

from service.errors import StoreUnavailable
from service.hooks.request import HookRequest
from service.hooks.response import response_document
from service.store.database import Store, check, open_store, reading
from service.store.issued import IssuedCardWriter, record_issued, shown_cards
from service.store.tables import ISSUED_ANSWER, ISSUED_CARD
from tests.web.support import a_card

_HOOK_INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
_CARD = {
    "uuid": "4e0a3a1e-8fae-4bdb-ab6e-5bb8ee5ff3ab",
    "indicator": "warning",
    "summary": "SUMMARY-MARK",
    "suggestions": [{"uuid": "0e1ea5d2-3e1e-43f2-9a5c-4e2c0e9db87c", "label": "x"}],
    "extension": {"net-cds.explanation": {"recommendations": ["ki67", "tnm"]}},
}
_FORKER = """
import os, sys
from datetime import UTC, datetime
from uuid import uuid4
from service.store.database import open_store
from service.store.issued import IssuedCardWriter, ShownCards

def card():
    cards = {str(uuid4()): ("info", ("ki67",))}
    return ShownCards(str(uuid4()), "net-patient-view", "", "", "", datetime.now(UTC), "", cards)

writer = IssuedCardWriter(open_store(sys.argv[1], secret=b"k"), retention_days=365)
for _ in range(2):
    if os.fork() == 0:
        writer.after_fork()
        for _ in range(20):
            writer.put(card())
        sys.exit(0)  # the exit handlers write what is waiting
os.wait(), os.wait()
"""


_CALL = {"issuer": "e", "tenant": "north", "recipient": "r"}


def _rows(store):
    with reading(store) as connection:
        return connection.execute(select(ISSUED_CARD)).mappings().all()


def _wait_for_rows(store, count):
    deadline = time.monotonic() + 20
    while len(_rows(store)) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(_rows(store)) == count


@pytest.fixture
def hook_request():
    return HookRequest(
        "net-patient-view", "patient-view", _HOOK_INSTANCE, "PATIENT-MARK", "Practitioner/USER-MARK"
    )


@pytest.fixture
def writer(store):
    writer = IssuedCardWriter(store, retention_days=365)
    yield writer
    writer.close()


def test_a_card_is_kept_with_its_rules_and_its_recipient(store, now, hook_request):
    record_issued(store, [shown_cards([_CARD], request=hook_request, now=now, **_CALL)])
    (card,) = (dict(row) for row in _rows(store))
    assert UUID(card.pop("answer")).version == 7
    assert card == {
        "uuid": _CARD["uuid"],
        "service_id": "net-patient-view",
        "issuer": "e",
        "tenant": "north",
        "hook_instance": _HOOK_INSTANCE,
        "indicator": "warning",
        "issued_at": now.replace(tzinfo=None),
        "recipient": "r",
        "rules": '["ki67","tnm"]',
    }


def test_no_identifier_and_no_text_of_a_card_reaches_the_file(sqlite_store, now, hook_request):
    record_issued(sqlite_store, [shown_cards([_CARD], request=hook_request, now=now, **_CALL)])
    for file in Path(sqlite_store.engine.url.database).parent.iterdir():
        assert b"MARK" not in file.read_bytes()


def test_a_card_of_no_rule_is_kept(store, now, hook_request):
    card = {
        "uuid": _CARD["uuid"],
        "indicator": "info",
        "extension": {"net-cds.explanation": {"evidence": []}},
    }
    record_issued(store, [shown_cards([card], request=hook_request, now=now, **_CALL)])
    assert [row["rules"] for row in _rows(store)] == ["[]"]


def test_a_hook_instance_that_is_no_uuid_is_not_kept(now):
    odd = HookRequest("net-patient-view", "patient-view", "Jane Doe, born 1950", "p1", "Practitioner/1")
    shown = shown_cards([_CARD], request=odd, now=now, **_CALL)
    assert shown.hook_instance == ""


def test_a_hook_instance_in_capitals_is_kept_as_any_other(now):
    shouted = HookRequest("net-patient-view", "patient-view", _HOOK_INSTANCE.upper(), "p1", "Practitioner/1")
    shown = shown_cards([_CARD], request=shouted, now=now, **_CALL)
    assert shown.hook_instance == _HOOK_INSTANCE


def test_the_cards_of_an_answer_are_a_row_each_of_one_that_is_written(store, now, hook_request):
    answer = response_document([a_card(), a_card(recommendations=("tnm",))])["cards"]
    record_issued(store, [shown_cards(answer, request=hook_request, now=now, **_CALL)])
    found = {row["uuid"]: json.loads(row["rules"]) for row in _rows(store)}
    assert found == {
        card["uuid"]: card["extension"]["net-cds.explanation"]["recommendations"] for card in answer
    }
    with reading(store) as connection:
        assert connection.execute(select(func.count()).select_from(ISSUED_ANSWER)).scalar() == 1


def test_the_same_card_twice_is_one_row(store, shown):
    card = shown("ki67", "tnm")
    record_issued(store, [card])
    record_issued(store, [card])
    assert len(_rows(store)) == 1


def test_cards_are_written_beside_the_caller(store, writer, shown):
    writer.put(shown("ki67"))
    writer.put(shown("tnm"))
    _wait_for_rows(store, 2)
    assert writer.dropped == 0


def test_what_is_waiting_is_written_when_the_process_ends(store, writer, shown):
    for _ in range(1200):
        writer.put(shown("ki67"))
    writer.close(30)
    assert len(_rows(store)) == 1200


def test_forked_workers_each_write_their_cards(database_url, start_process):
    forker = start_process(_FORKER, database_url)
    forker.communicate(timeout=60)
    assert forker.returncode == 0
    store = open_store(database_url, secret=b"k")
    assert len(_rows(store)) == 40
    store.engine.dispose()


@pytest.mark.slow
def test_cards_wait_while_the_database_is_locked(sqlite_store, shown):
    other = sqlite3.connect(sqlite_store.engine.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer = IssuedCardWriter(sqlite_store, retention_days=365)
    writer.put(shown("ki67"))
    time.sleep(2.5)  # longer than a connection waits for the lock
    other.execute("ROLLBACK")
    other.close()
    _wait_for_rows(sqlite_store, 1)
    writer.close()


def test_a_deleted_file_is_made_anew_for_the_next_cards(sqlite_store, shown):
    file = Path(sqlite_store.engine.url.database)
    writer = IssuedCardWriter(sqlite_store, retention_days=365)
    writer.put(shown("ki67"))
    _wait_for_rows(sqlite_store, 1)
    for part in file.parent.glob("store.sqlite3*"):
        part.unlink()
    writer.put(shown("ki67"))
    writer.close(10)
    assert not file.exists()  # ending: it does not wait for repairs
    writer.after_fork()
    pool = sqlite_store.engine.pool
    writer.put(shown("ki67"))
    _wait_for_repair(sqlite_store, pool)
    _wait_for_rows(sqlite_store, 1)
    writer.close()


def test_a_deleted_file_is_made_anew_without_a_card(sqlite_store):
    # Where every call needs the store, none is answered and no card is shown until it is back.
    for part in Path(sqlite_store.engine.url.database).parent.glob("store.sqlite3*"):
        part.unlink()
    writer = IssuedCardWriter(sqlite_store, retention_days=365)
    _run_until_repaired(writer, sqlite_store)
    check(sqlite_store)


def test_a_server_that_was_a_standby_is_used_once_it_takes_writes(postgresql_store, postgresql_url):
    name = postgresql_store.engine.url.database

    def take_writes(setting: str) -> None:
        with psycopg.connect(postgresql_url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
            connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {setting}')

    take_writes("on")  # each new connection keeps it to its end, as one to a standby does
    with pytest.raises(StoreUnavailable):
        check(postgresql_store)
    take_writes("off")
    writer = IssuedCardWriter(postgresql_store, retention_days=365)
    _run_until_repaired(writer, postgresql_store)
    check(postgresql_store)


def _run_until_repaired(writer: IssuedCardWriter, store: Store) -> None:
    pool = store.engine.pool
    writer.start()
    _wait_for_repair(store, pool)
    writer.close(20)


def _wait_for_repair(store: Store, pool: object) -> None:
    # Nothing else uses the store meanwhile: a connection in use would be left to the garbage collector.
    deadline = time.monotonic() + 20
    while store.engine.pool is pool and time.monotonic() < deadline:
        time.sleep(0.05)


def test_while_the_store_is_down_cards_are_dropped_counted_and_logged_once(tmp_path, shown, caplog):
    store = open_store(f"sqlite:///{tmp_path}/no/folder/store.sqlite3", secret=b"k")
    writer = IssuedCardWriter(store, retention_days=365, queue_length=5)
    with caplog.at_level(logging.ERROR):
        caplog.clear()
        for _ in range(20):
            writer.put(shown("ki67"))
    assert 10 <= writer.dropped <= 15  # the thread may have emptied the queue once by then
    assert [record.getMessage() for record in caplog.records].count(
        "The store does not keep up: 1 issued cards were not recorded so far."
    ) == 1
    assert len([record for record in caplog.records if "does not keep up" in record.getMessage()]) == 1
    writer.close(5)


def test_old_rows_and_expired_tokens_are_deleted_while_the_worker_runs(sqlite_store, shown, now, monkeypatch):
    monkeypatch.setattr("service.store.issued._FIRST_HOUSEKEEPING_SECONDS", 0.0)
    record_issued(sqlite_store, [shown("ki67", issued_at=now - timedelta(days=40000))])
    writer = IssuedCardWriter(sqlite_store, retention_days=36500)
    writer.start()
    _wait_for_rows_to_go(sqlite_store)
    writer.close()


def _wait_for_rows_to_go(store):
    deadline = time.monotonic() + 20
    while _rows(store) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _rows(store) == []


def test_a_killed_worker_leaves_a_database_that_opens(database_url, start_process):
    worker = start_process(
        _FORKER.partition("writer = ")[0]
        + """
writer = IssuedCardWriter(open_store(sys.argv[1], secret=b"k"), retention_days=365)
print("ready", flush=True)
while True:
    writer.put(card())
""",
        database_url,
    )
    worker.stdout.readline()
    time.sleep(0.5)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    store = open_store(database_url, secret=b"k")
    assert {row["recipient"] for row in _rows(store)} == {""}
    store.engine.dispose()
