from __future__ import annotations

from datetime import timedelta

import pytest

from service.errors import StoreUnavailable
from service.store.database import open_store
from service.store.retention import purge
from service.store.tokens import remember_token

_RACER = """
import sys
from datetime import UTC, datetime, timedelta
from service.store.database import open_store
from service.store.tokens import remember_token

store = open_store(sys.argv[1], secret=b"k" * 32)
soon = datetime.now(UTC) + timedelta(minutes=5)
print("ready", flush=True)
sys.stdin.readline()
passed = [remember_token(store, "https://ehr.example.org", f"token-{n}", soon) for n in range(200)]
print(sum(passed), flush=True)
"""


def test_a_token_is_good_once(store, now):
    assert remember_token(store, "https://ehr.example.org", "a", now)
    assert not remember_token(store, "https://ehr.example.org", "a", now)


def test_another_token_and_the_same_id_of_another_client_are_good(store, now):
    remember_token(store, "https://ehr.example.org", "a", now)
    assert remember_token(store, "https://ehr.example.org", "b", now)
    assert remember_token(store, "https://other.example.org", "a", now)


def test_issuer_and_id_are_not_run_together(store, now):
    remember_token(store, "ab", "c", now)
    assert remember_token(store, "a", "bc", now)


@pytest.mark.parametrize("jti", ["", "\0", "\ud800", "x" * 100_000])
def test_an_odd_id_is_good_once(store, now, jti):
    assert remember_token(store, "https://ehr.example.org", jti, now)
    assert not remember_token(store, "https://ehr.example.org", jti, now)


def test_a_used_token_stays_used_after_a_restart(database_url, store, now):
    remember_token(store, "https://ehr.example.org", "a", now)
    reopened = open_store(database_url, secret=b"another")
    assert not remember_token(reopened, "https://ehr.example.org", "a", now)
    reopened.engine.dispose()


def test_of_two_processes_with_the_same_token_exactly_one_may_pass(database_url, start_process):
    racers = [start_process(_RACER, database_url) for _ in range(2)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert sum(int(racer.communicate(timeout=60)[0]) for racer in racers) == 200


def test_an_expired_token_is_forgotten_after_the_leeway(store, now):
    remember_token(store, "https://ehr.example.org", "old", now - timedelta(hours=2))
    remember_token(store, "https://ehr.example.org", "young", now - timedelta(minutes=2))
    assert purge(store, older_than_days=1, now=now).tokens == 1
    assert not remember_token(store, "https://ehr.example.org", "young", now)


def test_a_store_that_cannot_be_reached_lets_no_token_pass(now):
    store = open_store("postgresql://127.0.0.1:1/nobody-listens", secret=b"k")
    with pytest.raises(StoreUnavailable):
        remember_token(store, "https://ehr.example.org", "a", now)
