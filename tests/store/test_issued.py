from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import func, select

from service.errors import StoreUnavailable
from service.hooks.card import Advice, Indicator, Suggestion
from service.hooks.request import HookRequest
from service.hooks.response import response_document
from service.store.database import Store, check, open_store, reading
from service.store.issued import Call, IssuedCardWriter, Origin, record_issued, shown_cards
from service.store.memory import patient_key, recipient_key
from service.store.tables import ISSUED_ADVICE, ISSUED_ANSWER, ISSUED_CARD, OPENING
from tests.store.conftest import SECRET
from tests.web.support import a_card

_HOOK_INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
_CARD = a_card(
    summary="SUMMARY-MARK",
    indicator=Indicator.WARNING,
    recommendations=("ki67", "tnm"),
    suggestions=(Suggestion("LABEL-MARK", (), rule="tnm"),),
    advice=(
        Advice("ki67", "missing", Indicator.INFO, facts="FACTS-MARK", digest="1+a"),
        Advice("tnm", "missing", Indicator.WARNING, facts="FACTS-MARK", digest="1+a"),
    ),
    group="workup",
)
_FORKER = """
import os, sys
from datetime import UTC, datetime
from uuid import uuid4
from service.store.database import open_store
from service.store.issued import IssuedCardWriter, KeptCard, ShownCards

def card():
    cards = {str(uuid4()): KeptCard("info", ("ki67",))}
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


_CALL = {"origin": Origin("e", "north", "1+a", "en", "initial"), "secret": SECRET}


def _shown(*cards, shadowed=(), **call):
    """The answer with these cards, and the uuids that they were sent with."""
    wire, unsent = response_document(cards)["cards"], response_document(shadowed)["cards"]
    return shown_cards(
        zip(cards, wire, strict=True), shadowed=zip(shadowed, unsent, strict=True), **call, **_CALL
    )


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


def test_a_card_is_kept_with_what_each_rule_said_and_its_recipient(store, now, hook_request):
    shown = _shown(_CARD, request=hook_request, now=now)
    record_issued(store, [shown])
    (card,) = (dict(row) for row in _rows(store))
    assert UUID(card.pop("answer")).version == 7
    (uuid,) = shown.cards
    advice = json.loads(card.pop("advice"))
    whom = {"issuer": "e", "tenant": "north", "patient_id": "PATIENT-MARK"}
    assert card == {
        "uuid": uuid,
        "service_id": "net-patient-view",
        "issuer": "e",
        "tenant": "north",
        "hook_instance": _HOOK_INSTANCE,
        "indicator": "warning",
        "issued_at": now.replace(tzinfo=None),
        "recipient": recipient_key(SECRET, user_id="Practitioner/USER-MARK", **whom),
        "patient": patient_key(SECRET, **whom),
        "hook": "patient-view",
        "phase": "initial",
        "language": "en",
        "content_version": "1+a",
        "rules": '["ki67","tnm"]',
        "card_group": "workup",
        "is_shadow": False,
    }
    assert [(one["rule"], one["indicator"], len(one["suggestions"])) for one in advice] == [
        ("ki67", "info", 0),
        ("tnm", "warning", 1),
    ]


def test_each_rule_of_a_card_can_be_read_alone(store, now, hook_request):
    record_issued(store, [_shown(_CARD, request=hook_request, now=now)])
    with reading(store) as connection:
        rows = connection.execute(select(ISSUED_ADVICE).order_by(ISSUED_ADVICE.c.rule)).all()
    assert [(row.rule, row.wording, row.indicator, row.digest) for row in rows] == [
        ("ki67", "missing", "info", "1+a"),
        ("tnm", "missing", "warning", "1+a"),
    ]


def test_a_card_that_was_only_tried_out_is_kept_as_such(store, now, hook_request):
    record_issued(store, [_shown(_CARD, shadowed=(a_card(),), request=hook_request, now=now)])
    assert {row["card_group"]: row["is_shadow"] for row in _rows(store)} == {"workup": False, "": True}


def test_no_identifier_and_no_text_of_a_card_reaches_the_file(sqlite_store, now, hook_request):
    record_issued(sqlite_store, [_shown(_CARD, request=hook_request, now=now)])
    for file in Path(sqlite_store.engine.url.database).parent.iterdir():
        assert b"MARK" not in file.read_bytes()


def test_a_card_of_no_rule_stands_for_itself(store, now, hook_request):
    record_issued(store, [_shown(a_card(recommendations=(), advice=()), request=hook_request, now=now)])
    (row,) = _rows(store)
    assert (row["rules"], row["advice"]) == (f'["{a_card().source.topic_code}"]', None)


def test_a_hook_instance_that_is_no_uuid_is_not_kept(now):
    odd = HookRequest("net-patient-view", "patient-view", "Jane Doe, born 1950", "p1", "Practitioner/1")
    assert _shown(_CARD, request=odd, now=now).hook_instance == ""


def test_a_hook_instance_in_capitals_is_kept_as_any_other(now):
    shouted = HookRequest("net-patient-view", "patient-view", _HOOK_INSTANCE.upper(), "p1", "Practitioner/1")
    assert _shown(_CARD, request=shouted, now=now).hook_instance == _HOOK_INSTANCE


def test_the_cards_of_an_answer_are_a_row_each_of_one_that_is_written(store, now, hook_request):
    shown = _shown(a_card(), a_card(recommendations=("tnm",)), request=hook_request, now=now)
    record_issued(store, [shown])
    assert {row["uuid"] for row in _rows(store)} == set(shown.cards)
    with reading(store) as connection:
        assert connection.execute(select(func.count()).select_from(ISSUED_ANSWER)).scalar() == 1


def test_calls_are_counted_by_day_hook_and_client(store, now):
    call = Call(now.date(), "patient-view", "e", "north")
    for counts in ({call: 2}, {call: 3, replace(call, hook="order-sign"): 1}):
        record_issued(store, [], calls=counts)
    with reading(store) as connection:
        rows = connection.execute(select(OPENING.c.hook, OPENING.c.calls).order_by(OPENING.c.hook)).all()
    assert [tuple(row) for row in rows] == [("order-sign", 1), ("patient-view", 5)]


def test_calls_are_counted_beside_the_caller_and_by_threads_at_once(store, writer, now):
    call = Call(now.date(), "patient-view", "e", "")
    with ThreadPoolExecutor(4) as pool:
        for _ in range(400):
            pool.submit(writer.count, call)
    writer.close()
    with reading(store) as connection:
        assert connection.execute(select(OPENING.c.calls)).scalars().all() == [400]


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


def test_while_the_store_is_down_cards_are_dropped_counted_and_logged_once(shown, caplog):
    store = open_store("postgresql://127.0.0.1:1/nobody-listens", secret=b"k")
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
    store = open_store(database_url, secret=b"k")
    try:
        until = time.monotonic() + 30
        while not _rows(store) and time.monotonic() < until:
            time.sleep(0.1)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        assert {row["recipient"] for row in _rows(store)} == {""}
    finally:
        store.engine.dispose()
