from __future__ import annotations

import logging
import signal
import sqlite3
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import select, text

from service.errors import StoreUnavailable
from service.store.database import open_store, reading
from service.store.feedback import record_feedback
from service.store.tables import ACCEPTED_SUGGESTION, FEEDBACK

_CALL = {"service_id": "net-patient-view", "issuer": "https://ehr.example.org", "tenant": ""}
_WORKER = """
import os, sys
from datetime import UTC, datetime
from service.hooks.feedback import FeedbackItem
from service.store.database import open_store
from service.store.feedback import record_feedback

store = open_store(sys.argv[1], secret=b"k" * 32)
now = datetime.now(UTC)
for number in range(1000000):
    item = FeedbackItem(f"card-{number}", "accepted", now, ("s1", "s2"))
    record_feedback(store, [item], service_id="net-patient-view", issuer="", tenant="", received_at=now)
    print(number, flush=True)
"""
_REPEATER = """
import random, sys
from datetime import UTC, datetime
from service.hooks.feedback import FeedbackItem
from service.store.database import open_store
from service.store.feedback import record_feedback

store = open_store(sys.argv[1], secret=b"k" * 32)
now = datetime(2026, 11, 24, tzinfo=UTC)
items = [FeedbackItem(f"card-{number}", "accepted", now, ("s1",)) for number in range(50)]
sys.stdin.readline()
for _ in range(20):
    random.shuffle(items)
    record_feedback(store, items, service_id="net-patient-view", issuer="", tenant="", received_at=now)
print("done", flush=True)
"""


def _rows(store, table=FEEDBACK):
    with reading(store) as connection:
        return connection.execute(select(table)).mappings().all()


def test_an_override_is_kept_with_its_reason_and_comment(store, now, overridden):
    item = overridden(
        "c1", code="contraindicated", system="urn:s", display="Contraindicated", comment="as she said"
    )
    record_feedback(store, [item], received_at=now, **_CALL)
    (row,) = _rows(store)
    kept = (
        "card_uuid",
        "outcome",
        "reason_code",
        "reason_system",
        "reason_display",
        "user_comment",
        "issuer",
    )
    assert [row[name] for name in kept] == [
        "c1",
        "overridden",
        "contraindicated",
        "urn:s",
        "Contraindicated",
        "as she said",
        "https://ehr.example.org",
    ]
    assert row["outcome_timestamp"] == now.replace(tzinfo=None)


def test_an_acceptance_is_kept_with_its_suggestions(store, now, accepted):
    record_feedback(store, [accepted("c1", "s1", "s2", "s1")], received_at=now, **_CALL)
    assert {row["suggestion_uuid"] for row in _rows(store, ACCEPTED_SUGGESTION)} == {"s1", "s2"}


def test_the_same_report_twice_is_one_row(store, now, accepted):
    for minutes in range(3):
        record_feedback(
            store, [accepted("c1"), accepted("c1")], received_at=now + timedelta(minutes=minutes), **_CALL
        )
    assert len(_rows(store)) == 1
    assert len(_rows(store, ACCEPTED_SUGGESTION)) == 1


def test_another_suggestion_of_the_same_card_is_another_report(store, now, accepted):
    record_feedback(store, [accepted("c1", "s1"), accepted("c1", "s2")], received_at=now, **_CALL)
    assert len(_rows(store)) == 2


def test_the_same_report_of_another_tenant_is_another_report(store, now, accepted):
    for tenant in ("north", "south"):
        record_feedback(store, [accepted("c1")], received_at=now, **(_CALL | {"tenant": tenant}))
    assert [row["tenant"] for row in _rows(store)] == ["north", "south"]


def test_an_empty_request_changes_nothing(store, now):
    record_feedback(store, [], received_at=now, **_CALL)
    assert _rows(store) == []


def test_a_nul_character_is_no_reason_to_refuse(store, now, overridden):
    record_feedback(store, [overridden("c\0", comment="a\0b")], received_at=now, **_CALL)
    assert _rows(store)[0]["user_comment"] == "a\N{REPLACEMENT CHARACTER}b"


def test_a_large_request_is_kept_whole(store, now, accepted):
    record_feedback(store, [accepted(f"c{n}") for n in range(2500)], received_at=now, **_CALL)
    assert len(_rows(store)) == 2500


def test_what_was_acknowledged_survives_the_kill_of_the_worker(database_url, start_process):
    worker = start_process(_WORKER, database_url)
    for _ in range(20):
        worker.stdout.readline()
    worker.send_signal(signal.SIGKILL)
    acknowledged = 20 + len(worker.communicate(timeout=30)[0].splitlines())
    store = open_store(database_url, secret=b"k" * 32)
    # The worker may have died between the commit and the line that acknowledges it.
    assert len(_rows(store)) in (acknowledged, acknowledged + 1)
    assert len(_rows(store, ACCEPTED_SUGGESTION)) == 2 * len(_rows(store))
    store.engine.dispose()


@pytest.mark.slow
def test_a_locked_database_is_unavailable_and_then_available_again(sqlite_store, now, accepted):
    other = sqlite3.connect(sqlite_store.engine.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        record_feedback(sqlite_store, [accepted("c1")], received_at=now, **_CALL)
    other.execute("ROLLBACK")
    other.close()
    record_feedback(sqlite_store, [accepted("c1")], received_at=now, **_CALL)
    assert len(_rows(sqlite_store)) == 1


def test_a_locked_table_does_not_hold_the_caller(postgresql_store, now, accepted):
    with postgresql_store.engine.connect() as other:
        other.execute(text("LOCK TABLE feedback IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(StoreUnavailable):
            record_feedback(postgresql_store, [accepted("c1")], received_at=now, **_CALL)
    record_feedback(postgresql_store, [accepted("c1")], received_at=now, **_CALL)
    assert len(_rows(postgresql_store)) == 1


def test_a_server_that_closed_the_connections_is_asked_again(postgresql_store, now, accepted):
    record_feedback(postgresql_store, [accepted("c1")], received_at=now, **_CALL)
    plain_url = postgresql_store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    record_feedback(postgresql_store, [accepted("c2")], received_at=now, **_CALL)
    assert len(_rows(postgresql_store)) == 2


def test_two_processes_with_the_same_reports_keep_each_once(database_url, start_process):
    writers = [start_process(_REPEATER, database_url) for _ in range(2)]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.communicate(timeout=60)[0] for writer in writers] == ["done\n"] * 2
    store = open_store(database_url, secret=b"k" * 32)
    assert len(_rows(store)) == 50
    store.engine.dispose()


def test_a_failure_logs_nothing_of_what_was_reported(sqlite_store, now, overridden, caplog):
    other = sqlite3.connect(sqlite_store.engine.url.database, isolation_level=None)
    other.execute("DROP TABLE feedback")
    other.close()
    with caplog.at_level(logging.DEBUG), pytest.raises(StoreUnavailable) as refused:
        record_feedback(
            sqlite_store, [overridden("CARD-MARK", comment="COMMENT-MARK")], received_at=now, **_CALL
        )
    assert "The store failed" in caplog.text
    assert "MARK" not in caplog.text + str(refused.value)
