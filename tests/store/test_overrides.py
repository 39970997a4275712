from __future__ import annotations

import logging
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from service.store import overrides
from service.store.database import Store, open_store
from service.store.feedback import record_feedback
from service.store.issued import record_issued
from service.store.overrides import declined_rules, recipient_key
from service.store.retention import purge

_EHR = "https://ehr.example.org"
_WHO = {"issuer": _EHR, "tenant": "", "patient_id": "p1", "user_id": "Practitioner/1"}
_MONTH = timedelta(days=30)
_RULES = ("ki67", "sstr-imaging", "tnm")


def _report(store, item, *, now, issuer=_EHR, tenant=""):
    call = {"service_id": "net-patient-view", "issuer": issuer, "tenant": tenant}
    record_feedback(store, [item], received_at=now, **call)


def _declined(store, *, now, rules=_RULES, **who):
    recipient = recipient_key(store.secret, **(_WHO | who))
    return declined_rules(store, rules, recipient=recipient, since=now - _MONTH)


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
    assert _declined(store, now=now, rules={"ki67", "tnm"}) == {"ki67"}
    assert _declined(store, now=now, rules=()) == set()


@pytest.mark.parametrize(
    "other",
    [
        {"patient_id": "p2"},
        {"user_id": "Practitioner/2"},
        {"issuer": "https://other.example.org"},
        {"tenant": "north"},
        {"user_id": ""},
        {"patient_id": ""},
    ],
)
def test_nothing_is_declined_for_anybody_else(store, now, overridden_card, other):
    assert _declined(store, now=now, **other) == set()


def test_what_one_tenant_of_a_client_declines_the_other_is_still_told(store, now, shown, overridden, uuid_of):
    cards = {tenant: shown("ki67", tenant=tenant) for tenant in ("t1", "t2")}
    record_issued(store, list(cards.values()))
    _report(store, overridden(uuid_of(cards["t1"])), now=now, tenant="t1")
    assert _declined(store, now=now, tenant="t1") == {"ki67"}
    assert _declined(store, now=now, tenant="t2") == set()


@pytest.mark.parametrize("other", [{"tenant": "t2"}, {"tenant": ""}, {"issuer": "https://other.example.org"}])
def test_feedback_of_another_tenant_or_client_does_not_silence_a_rule(
    store, now, shown, overridden, uuid_of, other
):
    card = shown("ki67", tenant="t1")
    record_issued(store, [card])
    _report(store, overridden(uuid_of(card)), now=now, **({"tenant": "t1"} | other))
    for tenant in ("t1", "t2", ""):
        assert _declined(store, now=now, tenant=tenant) == set()


def test_an_accepted_card_declines_nothing(store, now, shown, accepted, uuid_of):
    card = shown("ki67")
    record_issued(store, [card])
    _report(store, accepted(uuid_of(card)), now=now)
    assert _declined(store, now=now) == set()


@pytest.mark.parametrize(("seconds", "still"), [(-1, {"ki67"}), (0, set()), (1, set())])
def test_an_override_is_in_force_for_its_time_and_no_longer(
    store, now, shown, overridden, seconds, still, uuid_of
):
    card = shown("ki67", issued_at=now - timedelta(days=2))
    record_issued(store, [card])
    # The client's clock is days ahead; what counts is when the report came.
    _report(store, overridden(uuid_of(card), at=now + timedelta(days=5)), now=now)
    assert _declined(store, now=now) == {"ki67"}
    assert _declined(store, now=now + _MONTH + timedelta(seconds=seconds)) == still


def test_a_later_override_of_the_same_advice_begins_its_time_anew(store, now, shown, overridden, uuid_of):
    cards = [shown("ki67"), shown("ki67")]
    record_issued(store, cards)
    for card, received in zip(cards, (now, now - timedelta(days=20)), strict=True):
        _report(store, overridden(uuid_of(card)), now=received)
    assert _declined(store, now=now + timedelta(days=29)) == {"ki67"}


def test_a_card_for_an_unknown_user_is_never_recognised(store, now, shown, overridden, uuid_of):
    card = shown("ki67", user_id="")
    record_issued(store, [card])
    _report(store, overridden(uuid_of(card)), now=now)
    assert _declined(store, now=now, user_id="") == set()


def test_another_key_recognises_nothing(store, now, overridden_card):
    stranger = Store(store.engine, b"another key, of some 32 characters")
    assert _declined(stranger, now=now) == set()


def test_an_override_is_in_force_at_once_on_every_server(
    database_url, store, now, shown, overridden, uuid_of
):
    other = open_store(database_url, secret=store.secret)
    assert _declined(other, now=now) == set()
    card = shown("ki67")
    record_issued(store, [card])
    _report(store, overridden(uuid_of(card)), now=now)
    assert _declined(other, now=now) == {"ki67"}
    other.engine.dispose()


def test_feedback_that_comes_before_its_card_is_written_counts_once_it_is(
    store, now, shown, overridden, uuid_of
):
    card = shown("ki67")
    _report(store, overridden(uuid_of(card)), now=now)
    assert _declined(store, now=now) == set()
    record_issued(store, [card])
    assert _declined(store, now=now) == {"ki67"}


def test_what_was_deleted_is_forgotten(store, now, overridden_card):
    purge(store, older_than_days=0, now=now + timedelta(seconds=1))
    assert _declined(store, now=now) == set()


def test_a_program_that_asks_again_and_again_has_its_newest_answers_looked_at(
    store, now, shown, overridden, uuid_of
):
    old, *others = [
        shown(rule, issued_at=now + timedelta(seconds=seconds))
        for seconds, rule in enumerate(["tnm"] + ["ki67"] * overrides._MOST_ANSWERS)
    ]
    record_issued(store, [old, *others[:-1]])
    _report(store, overridden(uuid_of(old)), now=now)
    assert _declined(store, now=now) == {"tnm"}
    record_issued(store, others[-1:])
    assert _declined(store, now=now) == set()


def test_the_database_is_asked_once(store, now, overridden_card):
    asked = []
    event.listen(store.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert _declined(store, now=now)
    assert [statement.split()[0] for statement in asked if "FROM" in statement] == ["SELECT"]
    assert _declined(store, now=now, user_id="") == set()
    assert len([statement for statement in asked if "FROM" in statement]) == 1


def test_the_parts_of_a_key_are_not_run_together():
    one = recipient_key(b"k", issuer="a", tenant="b", patient_id="c", user_id="d")
    other = recipient_key(b"k", issuer="ab", tenant="", patient_id="c", user_id="d")
    assert one != other


@pytest.mark.slow
def test_a_server_that_does_not_answer_holds_one_call_and_not_every_one(now, caplog):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.0)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        store = open_store(f"postgresql+psycopg://user@{address}/db", secret=b"k")
        attempts_to_open = _waiting(silent)
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            for _ in range(3):
                assert not _declined(store, now=now)
        assert (attempts_to_open, _waiting(silent)) == (1, 1)
    assert [record.getMessage() for record in caplog.records if "shown again" in record.getMessage()] == [
        "Advice declined lately is shown again, because the store cannot be read."
    ]


def test_after_a_failure_the_store_is_asked_again_in_time(
    sqlite_store, now, shown, overridden, monkeypatch, caplog, uuid_of
):
    monkeypatch.setattr("service.store.database._OUTAGE_SECONDS", 0.0)
    card = shown("ki67")
    record_issued(sqlite_store, [card])
    _report(sqlite_store, overridden(uuid_of(card)), now=now)
    file = Path(sqlite_store.engine.url.database)
    aside = file.rename(file.with_suffix(".aside"))
    assert not _declined(sqlite_store, now=now)
    assert "shown again" in caplog.text
    aside.rename(file)
    assert _declined(sqlite_store, now=now) == {"ki67"}


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
