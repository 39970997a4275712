from __future__ import annotations

import json
import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.store import overrides
from service.store.database import Store, open_store
from service.store.feedback import record_feedback
from service.store.issued import IssuedCardWriter, record_issued
from service.store.overrides import DeclinedAdvice, recipient_key
from service.store.retention import purge

_EHR = "https://ehr.example.org"
_WHO = {"issuer": _EHR, "patient_id": "p1", "user_id": "Practitioner/1"}
_MONTH = timedelta(days=30)
_RULES = ("ki67", "sstr-imaging", "tnm")
_TWO_WORKERS = """
import json, multiprocessing, sys, time
from datetime import UTC, datetime, timedelta
from sqlalchemy import select
from service.hooks.feedback import FeedbackItem
from service.store import issued
from service.store.database import open_store, reading
from service.store.feedback import record_feedback
from service.store.issued import IssuedCardWriter, ShownCards
from service.store.overrides import DeclinedAdvice, recipient_key
from service.store.tables import ISSUED_CARD

issued._REFRESH_SECONDS = 3600  # nothing but the shared memory tells a worker
issued._POLL_SECONDS = float(sys.argv[2])
WHO = {"issuer": "", "patient_id": "p1", "user_id": "Practitioner/1"}
store = open_store(sys.argv[1], secret=b"k" * 32)
declined = DeclinedAdvice(store, lasts=timedelta(days=30))
writer = IssuedCardWriter(store, retention_days=365, declined=declined)

def ask(rule):
    return sorted(declined.among((rule, "tnm"), now=datetime.now(UTC), **WHO))

def show(rule):
    recipient = recipient_key(store.secret, **WHO)
    cards = {f"card-{rule}": ("info", (rule,))}
    writer.put(ShownCards("s", "", "", datetime.now(UTC), recipient, cards))

def wait(rule):
    query = select(ISSUED_CARD.c.uuid).where(ISSUED_CARD.c.uuid == f"card-{rule}")
    while True:
        with reading(store) as connection:
            if connection.execute(query).first():
                return
        time.sleep(0.02)

def override(rule):
    item = FeedbackItem(f"card-{rule}", "overridden", datetime.now(UTC))
    record_feedback(store, [item], service_id="s", issuer="", received_at=datetime.now(UTC))

def work(connection):
    writer.after_fork()
    while order := connection.recv():
        connection.send(globals()[order[0]](order[1]))
    writer.close()

def start():
    ours, theirs = multiprocessing.Pipe()
    multiprocessing.get_context("fork").Process(target=work, args=(theirs,), daemon=True).start()
    def tell(*order):
        ours.send(order)
        return ours.recv()
    return tell

first, second = start(), start()
"""


def _report(store, item, *, now, issuer=_EHR):
    record_feedback(store, [item], service_id="net-patient-view", issuer=issuer, received_at=now)


def _declined(store, *, now, lasts=_MONTH, **who):
    """What a worker that knows nothing yet says of the rules."""
    return set(DeclinedAdvice(store, lasts=lasts).among(_RULES, now=now, **(_WHO | who)))


@pytest.fixture
def overridden_card(store, now, shown, overridden, uuid_of):
    """A card of two rules that Practitioner/1 overrode for p1."""
    card = shown("ki67", "sstr-imaging")
    record_issued(store, [card])
    _report(store, overridden(uuid_of(card)), now=now)
    return card


def test_every_rule_of_an_overridden_card_is_declined(store, now, overridden_card):
    assert _declined(store, now=now) == {"ki67", "sstr-imaging"}


def test_only_the_rules_that_are_asked_for_are_told(store, now, overridden_card):
    declined = DeclinedAdvice(store, lasts=_MONTH)
    assert set(declined.among({"ki67", "tnm"}, now=now, **_WHO)) == {"ki67"}
    assert not declined.among((), now=now, **_WHO)


@pytest.mark.parametrize(
    "other",
    [
        {"patient_id": "p2"},
        {"user_id": "Practitioner/2"},
        {"issuer": "https://other.example.org"},
        {"user_id": ""},
        {"patient_id": ""},
    ],
)
def test_nothing_is_declined_for_anybody_else(store, now, overridden_card, other):
    assert _declined(store, now=now, **other) == set()


def test_an_accepted_card_declines_nothing(store, now, shown, accepted, uuid_of):
    card = shown("ki67")
    record_issued(store, [card])
    _report(store, accepted(uuid_of(card)), now=now)
    assert _declined(store, now=now) == set()


@pytest.mark.parametrize(("seconds", "still"), [(-1, {"ki67"}), (0, set()), (1, set())])
def test_an_override_is_in_force_for_its_time_and_no_longer(
    store, now, shown, overridden, seconds, still, uuid_of
):
    card = shown("ki67")
    record_issued(store, [card])
    declined = DeclinedAdvice(store, lasts=_MONTH)
    # The client's clock is days ahead; what counts is when the report came.
    _report(store, overridden(uuid_of(card), at=now + timedelta(days=5)), now=now)
    at_the_end = now + _MONTH + timedelta(seconds=seconds)
    assert declined.among(_RULES, now=now, **_WHO) == {"ki67"}
    assert set(declined.among(_RULES, now=at_the_end, **_WHO)) == still
    assert _declined(store, now=at_the_end) == still


def test_a_later_override_of_the_same_advice_begins_its_time_anew(store, now, shown, overridden, uuid_of):
    cards = [shown("ki67"), shown("ki67")]
    record_issued(store, cards)
    for card, received in zip(cards, (now, now - timedelta(days=20)), strict=True):
        _report(store, overridden(uuid_of(card)), now=received)
    assert _declined(store, now=now + timedelta(days=29)) == {"ki67"}


def test_feedback_of_another_client_does_not_silence_a_rule(store, now, shown, overridden, uuid_of):
    card = shown("ki67")
    record_issued(store, [card])
    _report(store, overridden(uuid_of(card)), now=now, issuer="https://other.example.org")
    assert _declined(store, now=now) == set()


def test_a_card_for_an_unknown_user_is_never_recognised(store, now, shown, overridden, uuid_of):
    card = shown("ki67", user_id="")
    record_issued(store, [card])
    _report(store, overridden(uuid_of(card)), now=now)
    assert _declined(store, now=now, user_id="") == set()


def test_another_key_recognises_nothing(store, now, overridden_card):
    stranger = Store(store.engine, b"another key, of some 32 characters")
    assert _declined(stranger, now=now) == set()


def test_an_override_is_in_force_on_the_next_call_of_every_worker(database_url, start_process):
    answers = start_process(
        _TWO_WORKERS
        + """
before = [worker("ask", "ki67") for worker in (first, second)]
first("show", "ki67"), first("wait", "ki67"), first("override", "ki67")
after = [worker("ask", "ki67") for worker in (second, first)]
print(json.dumps([before, after]))
""",
        database_url,
        "0.02",
    ).communicate(timeout=60)[0]
    assert json.loads(answers) == [[[], []], [["ki67"], ["ki67"]]]


def test_feedback_that_comes_before_its_card_is_written_counts_once_it_is(database_url, start_process):
    answers = start_process(
        _TWO_WORKERS
        + """
first("show", "warm-up"), first("wait", "warm-up")  # from here the thread of the first worker waits
first("show", "ki67"), second("override", "ki67")
before = [worker("ask", "ki67") for worker in (second, first)]
first("wait", "ki67")
time.sleep(0.5)  # the row is there a moment before the news of it
print(json.dumps([before, [worker("ask", "ki67") for worker in (second, first)]]))
""",
        database_url,
        "3",
    ).communicate(timeout=60)[0]
    assert json.loads(answers) == [[[], []], [["ki67"], ["ki67"]]]


def test_another_server_learns_of_an_override_when_it_looks(
    database_url, store, now, shown, overridden, uuid_of
):
    other = open_store(database_url, secret=store.secret)
    declined = DeclinedAdvice(other, lasts=_MONTH)
    assert not declined.among(_RULES, now=now, **_WHO)
    card = shown("ki67")
    record_issued(store, [card])
    _report(store, overridden(uuid_of(card)), now=now)
    assert not declined.among(_RULES, now=now, **_WHO)
    declined.refresh(now)
    assert declined.among(_RULES, now=now, **_WHO) == {"ki67"}
    other.engine.dispose()


def test_the_thread_that_writes_cards_looks_by_itself(
    sqlite_store, sqlite_url, shown, overridden, monkeypatch, uuid_of
):
    now = datetime.now(UTC)
    monkeypatch.setattr("service.store.issued._REFRESH_SECONDS", 0.1)
    other = open_store(sqlite_url, secret=sqlite_store.secret)
    declined = DeclinedAdvice(other, lasts=_MONTH)
    writer = IssuedCardWriter(other, retention_days=36500, declined=declined)
    assert not declined.among(_RULES, now=now, **_WHO)
    writer.start()
    card = shown("ki67")
    record_issued(sqlite_store, [card])
    _report(sqlite_store, overridden(uuid_of(card)), now=now)
    deadline = time.monotonic() + 20
    while not declined.among(_RULES, now=now, **_WHO) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert declined.among(_RULES, now=now, **_WHO) == {"ki67"}
    writer.close()
    other.engine.dispose()


def test_what_was_received_shortly_before_the_last_look_is_not_missed(store, now, shown, overridden, uuid_of):
    card = shown("ki67")
    declined = DeclinedAdvice(store, lasts=_MONTH)
    _report(store, overridden(uuid_of(card)), now=now - timedelta(seconds=50))
    declined.refresh(now)
    assert not declined.among(_RULES, now=now, **_WHO)
    record_issued(store, [card])
    declined._next_whole = float("inf")
    declined.refresh(now)
    assert declined.among(_RULES, now=now, **_WHO) == {"ki67"}


def test_what_was_deleted_is_forgotten_when_everything_is_loaded(store, now, overridden_card, monkeypatch):
    monkeypatch.setattr(overrides, "_WHOLE_SECONDS", 0.0)
    declined = DeclinedAdvice(store, lasts=_MONTH)
    assert declined.among(_RULES, now=now, **_WHO) == {"ki67", "sstr-imaging"}
    purge(store, older_than_days=0, now=now + timedelta(seconds=1))
    declined.refresh(now)
    assert not declined.among(_RULES, now=now, **_WHO)


@pytest.mark.parametrize("at_once", [True, False])
def test_only_the_newest_overrides_are_remembered(
    store, now, shown, overridden, monkeypatch, at_once, uuid_of
):
    monkeypatch.setattr(overrides, "_MOST_KEYS", 2)
    declined = DeclinedAdvice(store, lasts=_MONTH)
    cards = [shown(rule) for rule in _RULES]
    record_issued(store, cards)
    for seconds, card in enumerate(cards):
        _report(store, overridden(uuid_of(card)), now=now + timedelta(seconds=seconds))
        if not at_once:
            declined.among(_RULES, now=now, **_WHO)
    assert declined.among(_RULES, now=now, **_WHO) == {"sstr-imaging", "tnm"}


def test_while_nothing_is_declined_no_digest_is_made(sqlite_store, now, monkeypatch):
    monkeypatch.delattr(overrides, "recipient_key")
    assert _declined(sqlite_store, now=now) == set()


def test_the_parts_of_a_key_are_not_run_together():
    one = recipient_key(b"k", issuer="a", patient_id="bc", user_id="d")
    other = recipient_key(b"k", issuer="ab", patient_id="c", user_id="d")
    assert one != other


def test_a_server_that_does_not_answer_holds_one_call_and_not_every_one(now):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.0)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        store = open_store(f"postgresql+psycopg://user@{address}/db", secret=b"k")
        declined = DeclinedAdvice(store, lasts=_MONTH)
        attempts_to_open = _waiting(silent)
        for _ in range(3):
            assert not declined.among(_RULES, now=now, **_WHO)
        assert (attempts_to_open, _waiting(silent)) == (1, 1)


def test_after_a_failure_the_store_is_asked_again_in_time(
    sqlite_store, now, shown, overridden, monkeypatch, caplog, uuid_of
):
    monkeypatch.setattr("service.store.database._OUTAGE_SECONDS", 0.0)
    card = shown("ki67")
    record_issued(sqlite_store, [card])
    _report(sqlite_store, overridden(uuid_of(card)), now=now)
    declined = DeclinedAdvice(sqlite_store, lasts=_MONTH)
    file = Path(sqlite_store.engine.url.database)
    aside = file.rename(file.with_suffix(".aside"))
    assert not declined.among(_RULES, now=now, **_WHO)
    assert "shown again" in caplog.text
    aside.rename(file)
    assert declined.among(_RULES, now=now, **_WHO) == {"ki67"}


def test_what_is_known_is_told_without_the_store(sqlite_store, now, shown, overridden, caplog, uuid_of):
    card = shown("ki67")
    record_issued(sqlite_store, [card])
    _report(sqlite_store, overridden(uuid_of(card)), now=now)
    declined = DeclinedAdvice(sqlite_store, lasts=_MONTH)
    declined.refresh(now)
    Path(sqlite_store.engine.url.database).unlink()
    with caplog.at_level(logging.DEBUG):
        assert declined.among(_RULES, now=now, **_WHO) == {"ki67"}
        assert caplog.records == []
        declined.refresh(now)
    assert "The store failed" in caplog.text
    assert declined.among(_RULES, now=now, **_WHO) == {"ki67"}


def _waiting(server: socket.socket) -> int:
    """How many connections were made since the last time."""
    count = 0
    while True:
        try:
            connection, _ = server.accept()
        except BlockingIOError:
            return count
        connection.close()
        count += 1
