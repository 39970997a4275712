from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path

import pytest

from service.errors import StoreUnavailable
from service.store.database import Store, open_store
from service.store.feedback import record_feedback
from service.store.issued import record_issued
from service.store.overrides import overridden_rules, override_key

_EHR = "https://ehr.example.org"
_WHO = {"issuer": _EHR, "patient_id": "p1", "user_id": "Practitioner/1"}
_MONTH = timedelta(days=30)
_RULES = ("ki67", "sstr-imaging", "tnm")


def _report(store, item, *, now, issuer=_EHR):
    record_feedback(store, [item], service_id="net-patient-view", issuer=issuer, received_at=now)


@pytest.fixture
def overridden_card(store, now, shown, overridden):
    """A card of two rules that Practitioner/1 overrode for p1."""
    card = shown("ki67", "sstr-imaging")
    record_issued(store, [card])
    _report(store, overridden(card.uuid), now=now)
    return card


def test_every_rule_of_an_overridden_card_is_overridden(store, now, overridden_card):
    assert overridden_rules(store, rule_ids=_RULES, since=now - _MONTH, **_WHO) == {
        "ki67",
        "sstr-imaging",
    }


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
def test_nothing_is_overridden_for_anybody_else(store, now, overridden_card, other):
    assert overridden_rules(store, rule_ids=_RULES, since=now - _MONTH, **(_WHO | other)) == frozenset()


def test_an_accepted_card_overrides_nothing(store, now, shown, accepted):
    card = shown("ki67")
    record_issued(store, [card])
    _report(store, accepted(card.uuid), now=now)
    assert overridden_rules(store, rule_ids=_RULES, since=now - _MONTH, **_WHO) == frozenset()


@pytest.mark.parametrize(("seconds", "still"), [(-1, {"ki67"}), (0, set()), (1, set())])
def test_only_overrides_after_the_given_moment_count(store, now, shown, overridden, seconds, still):
    card = shown("ki67")
    record_issued(store, [card])
    # The client's clock is days ahead; what counts is when the report came.
    _report(store, overridden(card.uuid, at=now + timedelta(days=5)), now=now)
    since = now + timedelta(seconds=seconds)
    assert overridden_rules(store, rule_ids=_RULES, since=since, **_WHO) == still


def test_feedback_that_comes_before_its_card_is_written_counts(store, now, shown, overridden):
    card = shown("ki67")
    _report(store, overridden(card.uuid), now=now)
    record_issued(store, [card])
    assert overridden_rules(store, rule_ids=_RULES, since=now - _MONTH, **_WHO) == {"ki67"}


def test_feedback_of_another_client_does_not_silence_a_rule(store, now, shown, overridden):
    card = shown("ki67")
    record_issued(store, [card])
    _report(store, overridden(card.uuid), now=now, issuer="https://other.example.org")
    assert overridden_rules(store, rule_ids=_RULES, since=now - _MONTH, **_WHO) == frozenset()


def test_a_card_for_an_unknown_user_is_never_recognised(store, now, shown, overridden):
    card = shown("ki67", user_id="")
    record_issued(store, [card])
    _report(store, overridden(card.uuid), now=now)
    assert (
        overridden_rules(store, rule_ids=_RULES, since=now - _MONTH, **(_WHO | {"user_id": ""}))
        == frozenset()
    )


def test_another_key_recognises_nothing(store, now, overridden_card):
    stranger = Store(store.engine, b"another key, of some 32 characters")
    assert overridden_rules(stranger, rule_ids=_RULES, since=now - _MONTH, **_WHO) == frozenset()


def test_no_rule_asked_is_no_question_to_the_database(now):
    assert overridden_rules(Store(None, b"k"), rule_ids=(), since=now - _MONTH, **_WHO) == frozenset()


def test_the_parts_of_a_key_are_not_run_together():
    one = override_key(b"k", issuer="a", patient_id="bc", user_id="d", rule_id="e")
    other = override_key(b"k", issuer="ab", patient_id="c", user_id="d", rule_id="e")
    assert one != other


def test_a_server_that_does_not_answer_holds_one_call_and_not_every_one(now):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.0)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        store = open_store(f"postgresql+psycopg://user@{address}/db", secret=b"k")
        attempts_to_open = _waiting(silent)
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                overridden_rules(store, rule_ids=_RULES, since=now, **_WHO)
        assert (attempts_to_open, _waiting(silent)) == (1, 1)


def test_after_a_failure_the_store_is_asked_again_in_time(sqlite_store, now, monkeypatch):
    monkeypatch.setattr("service.store.database._OUTAGE_SECONDS", 0.0)
    file = Path(sqlite_store.engine.url.database)
    aside = file.rename(file.with_suffix(".aside"))
    with pytest.raises(StoreUnavailable):
        overridden_rules(sqlite_store, rule_ids=_RULES, since=now, **_WHO)
    aside.rename(file)
    assert overridden_rules(sqlite_store, rule_ids=_RULES, since=now, **_WHO) == frozenset()


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
