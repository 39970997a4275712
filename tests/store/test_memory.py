from __future__ import annotations

import logging
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from service.hooks.recall import Asked, Report
from service.store import memory
from service.store.database import Store, open_store
from service.store.feedback import record_feedback
from service.store.issued import record_issued
from service.store.memory import Viewer, patient_key, recall, recipient_key
from service.store.retention import purge
from tests.asking import knowledge

_EHR = "https://ehr.example.org"
_WHO = {"issuer": _EHR, "tenant": "", "patient_id": "p1", "user_id": "Practitioner/1"}
_MONTH = timedelta(days=30)
_RULES = ("ki67", "sstr-imaging", "tnm")
_SURGEON = {"user_id": "Practitioner/2"}
_OWN_REASONS = {
    "ki67": frozenset({"ki67-reported-elsewhere", "not-enough-tissue"}),
    "sstr-imaging": frozenset({"sstr-imaging-elsewhere"}),
    "somatostatin-analogue": frozenset({"watch-and-wait"}),
}


def _report(store, item, *, now, issuer=_EHR, tenant=""):
    call = {"service_id": "net-patient-view", "issuer": issuer, "tenant": tenant}
    record_feedback(store, [item], received_at=now, **call)


def _asked(rule, **how):
    return Asked(rule, **({"facts": "", "done_elsewhere_days": 365} | how))


def _recalled(store, *asked, now, secret=None, **who):
    who = _WHO | who
    whom = {name: who[name] for name in ("issuer", "tenant", "patient_id")}
    secret = secret or store.secret
    viewer = Viewer(patient_key(secret, **whom), recipient_key(secret, **who))
    limits = knowledge().defaults
    return recall(store, asked, viewer=viewer, own_reasons=_OWN_REASONS, limits=limits, now=now)


def _held(store, *, now, rules=_RULES, how=None, **who):
    """Those of the rules that are held back."""
    asked = [_asked(rule, **(how or {})) for rule in rules]
    found = _recalled(store, *asked, now=now, **who)
    return {one.rule for one, memory in zip(asked, found, strict=True) if memory.held_by}


@pytest.fixture
def told(store, now, shown, overridden, uuid_of):
    """Show a card of these rules to Practitioner/1 and have it overridden for this reason."""

    def tell(*rules, code=None, at=now, **how):
        card = shown(*rules, issued_at=at, **how)
        record_issued(store, [card])
        item = overridden(uuid_of(card), **({"code": code} if code else {}))
        _report(store, item, now=at, tenant=how.get("tenant", ""))
        return card

    return tell


@pytest.fixture
def overridden_card(store, now, shown, overridden, uuid_of):
    """A card of two rules that Practitioner/1 overrode for p1."""
    card = shown("ki67", "sstr-imaging")
    record_issued(store, [card])
    _report(store, overridden(uuid_of(card)), now=now)
    return card


def test_every_rule_of_an_overridden_card_is_held(store, now, overridden_card):
    assert _held(store, now=now) == {"ki67", "sstr-imaging"}


def test_only_the_rules_that_are_asked_for_are_told(store, now, overridden_card):
    assert _held(store, now=now, rules={"ki67", "tnm"}) == {"ki67"}
    assert _held(store, now=now, rules=()) == set()


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
    assert _held(store, now=now, **other) == set()


def test_what_one_tenant_of_a_client_declines_the_other_is_still_told(store, now, shown, overridden, uuid_of):
    cards = {tenant: shown("ki67", tenant=tenant) for tenant in ("t1", "t2")}
    record_issued(store, list(cards.values()))
    _report(store, overridden(uuid_of(cards["t1"])), now=now, tenant="t1")
    assert _held(store, now=now, tenant="t1") == {"ki67"}
    assert _held(store, now=now, tenant="t2") == set()


@pytest.mark.parametrize("other", [{"tenant": "t2"}, {"tenant": ""}, {"issuer": "https://other.example.org"}])
def test_feedback_of_another_tenant_or_client_does_not_silence_a_rule(
    store, now, shown, overridden, uuid_of, other
):
    card = shown("ki67", tenant="t1")
    record_issued(store, [card])
    _report(store, overridden(uuid_of(card)), now=now, **({"tenant": "t1"} | other))
    for tenant in ("t1", "t2", ""):
        assert _held(store, now=now, tenant=tenant) == set()


@pytest.mark.parametrize(("seconds", "still"), [(-1, {"ki67"}), (0, set()), (1, set())])
def test_an_override_is_in_force_for_its_time_and_no_longer(
    store, now, shown, overridden, seconds, still, uuid_of
):
    card = shown("ki67", issued_at=now - timedelta(days=2))
    record_issued(store, [card])
    # The client's clock is days ahead; what counts is when the report came.
    _report(store, overridden(uuid_of(card), at=now + timedelta(days=5)), now=now)
    assert _held(store, now=now) == {"ki67"}
    assert _held(store, now=now + _MONTH + timedelta(seconds=seconds)) == still


def test_a_later_override_of_the_same_advice_begins_its_time_anew(store, now, shown, overridden, uuid_of):
    cards = [shown("ki67"), shown("ki67")]
    record_issued(store, cards)
    for card, received in zip(cards, (now, now - timedelta(days=20)), strict=True):
        _report(store, overridden(uuid_of(card)), now=received)
    assert _held(store, now=now + timedelta(days=29)) == {"ki67"}


def test_a_card_for_an_unknown_user_is_never_recognised(store, now, shown, overridden, uuid_of):
    card = shown("ki67", user_id="")
    record_issued(store, [card])
    _report(store, overridden(uuid_of(card)), now=now)
    assert _held(store, now=now, user_id="") == set()


def test_another_key_recognises_nothing(store, now, overridden_card):
    stranger = Store(store.engine, b"another key, of some 32 characters")
    assert _held(stranger, now=now) == set()


def test_what_it_rests_on_can_be_read_by_nobody_without_the_key(store, shown):
    one, other = shown("ki67", facts="Ki-67 4 %"), shown("ki67", facts="Ki-67 4 %", patient_id="p2")
    digests = {
        advice.facts for card in (one, other) for kept in card.cards.values() for advice in kept.advice
    }
    assert len(digests) == 2
    assert not any("Ki" in digest for digest in digests)


def test_an_override_is_in_force_at_once_on_every_server(
    database_url, store, now, shown, overridden, uuid_of
):
    other = open_store(database_url, secret=store.secret)
    assert _held(other, now=now) == set()
    card = shown("ki67")
    record_issued(store, [card])
    _report(store, overridden(uuid_of(card)), now=now)
    assert _held(other, now=now) == {"ki67"}
    other.engine.dispose()


def test_feedback_that_comes_before_its_card_is_written_counts_once_it_is(
    store, now, shown, overridden, uuid_of
):
    card = shown("ki67")
    _report(store, overridden(uuid_of(card)), now=now)
    assert _held(store, now=now) == set()
    record_issued(store, [card])
    assert _held(store, now=now) == {"ki67"}


def test_what_was_deleted_is_forgotten(store, now, overridden_card):
    purge(store, older_than_days=0, now=now + timedelta(seconds=1))
    assert _held(store, now=now) == set()


def test_a_program_that_asks_again_and_again_has_its_newest_answers_looked_at(
    store, now, shown, overridden, uuid_of
):
    old, *others = [
        shown(rule, issued_at=now + timedelta(seconds=seconds))
        for seconds, rule in enumerate(["tnm"] + ["ki67"] * memory._MOST_ANSWERS)
    ]
    record_issued(store, [old, *others[:-1]])
    _report(store, overridden(uuid_of(old)), now=now)
    assert _held(store, now=now) == {"tnm"}
    record_issued(store, others[-1:])
    assert _held(store, now=now) == set()


def test_the_database_is_asked_once(store, now, overridden_card):
    asked = []
    event.listen(store.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert _held(store, now=now)
    assert [statement.split()[0] for statement in asked if "FROM" in statement] == ["SELECT"]
    assert _held(store, now=now, patient_id="") == set()
    assert len([statement for statement in asked if "FROM" in statement]) == 1


def test_the_parts_of_a_key_are_not_run_together():
    one = recipient_key(b"k", issuer="a", tenant="b", patient_id="c", user_id="d")
    other = recipient_key(b"k", issuer="ab", tenant="", patient_id="c", user_id="d")
    assert one != other


@pytest.mark.parametrize(
    ("code", "for_others", "days"),
    [
        ("sstr-imaging-elsewhere", True, 365),
        ("action-completed", True, 365),
        ("patient-refuses", True, 180),
        ("prefers-alternative", True, 180),
        ("decided-at-board", True, 180),
        ("recipient-disagrees-evidence", False, 180),
        ("some-code-of-next-year", False, 180),
        ("limited-time", False, 7),
        ("inappropriate-recipient", False, 365),
        (None, False, 30),
    ],
)
def test_a_reason_says_for_whom_and_how_long_advice_is_silent(store, now, told, code, for_others, days):
    told("sstr-imaging", code=code)
    last, over = now + timedelta(days=days, seconds=-1), now + timedelta(days=days)
    assert _held(store, now=last) == {"sstr-imaging"}
    assert _held(store, now=last, **_SURGEON) == ({"sstr-imaging"} if for_others else set())
    assert _held(store, now=over) == set()


def test_what_was_done_elsewhere_is_asked_for_when_it_would_be_old(store, now, told):
    told("cross-sectional-imaging", code="imaging-elsewhere")
    how = {"done_elsewhere_days": 90}
    asked = {"rules": ("cross-sectional-imaging",), "how": how, **_SURGEON}
    assert _held(store, now=now + timedelta(days=89), **asked)
    assert not _held(store, now=now + timedelta(days=91), **asked)


def test_other_facts_end_an_override(store, now, told):
    told("ki67", code="patient-refuses", facts="4 %")
    assert _held(store, now=now, how={"facts": "4 %"}) == {"ki67"}
    assert _held(store, now=now, how={"facts": "4 %\n12 %"}) == set()


def test_one_procedure_does_not_speak_for_another(store, now, told):
    told("octreotide-prophylaxis", code="octreotide-in-local-protocol", facts="surgery Procedure/1")
    rules = ("octreotide-prophylaxis",)
    assert _held(store, now=now, rules=rules, how={"facts": "surgery Procedure/1"}, **_SURGEON)
    assert not _held(store, now=now, rules=rules, how={"facts": "surgery Procedure/2"})


@pytest.mark.parametrize("code", ["patient-refuses", "recipient-disagrees-evidence", None])
def test_a_critical_card_is_silent_for_this_user_and_some_hours(store, now, told, code):
    told("octreotide-prophylaxis", code=code, facts="p")
    critical = {"rules": ("octreotide-prophylaxis",), "how": {"facts": "p", "is_critical": True}}
    assert _held(store, now=now + timedelta(hours=11), **critical)
    assert not _held(store, now=now + timedelta(hours=12), **critical)
    assert not _held(store, now=now + timedelta(hours=11), **critical, **_SURGEON)


def test_a_rule_that_nobody_silences_for_others(store, now, told):
    told("prrt-without-sstr", code="sstr-imaging-elsewhere")
    own = {"rules": ("prrt-without-sstr",), "how": {"is_for_user_only": True}}
    assert _held(store, now=now + timedelta(days=29), **own)
    assert not _held(store, now=now + timedelta(days=30), **own)
    assert not _held(store, now=now, **own, **_SURGEON)


def test_an_item_s_own_reason_speaks_of_that_item(store, now, told):
    told("ki67", "sstr-imaging", "tnm", code="sstr-imaging-elsewhere")
    assert _held(store, now=now) == {"sstr-imaging"}
    assert _held(store, now=now, **_SURGEON) == {"sstr-imaging"}


def test_a_general_reason_speaks_of_the_whole_group_and_for_this_user(store, now, told):
    told("ki67", "tnm", code="action-completed")
    assert _held(store, now=now) == {"ki67", "tnm"}
    assert _held(store, now=now, **_SURGEON) == set()


def test_an_accepted_item_is_silent_for_all_for_a_while_and_the_others_are_not(
    store, now, shown, accepted, uuid_of
):
    card = shown("ki67", "tnm")
    record_issued(store, [card])
    _report(store, accepted(uuid_of(card), "tnm"), now=now)
    assert _held(store, now=now) == {"tnm"}
    assert _held(store, now=now + timedelta(days=13), **_SURGEON) == {"tnm"}
    assert _held(store, now=now + timedelta(days=14)) == set()


def test_a_suggestion_that_was_never_made_accepts_no_item_of_a_group(store, now, shown, accepted, uuid_of):
    card = shown("ki67", "tnm")
    record_issued(store, [card])
    _report(store, accepted(uuid_of(card), "unknown"), now=now)
    assert _held(store, now=now) == set()


def test_a_card_of_one_rule_is_accepted_whatever_the_suggestion_is_called(
    store, now, shown, accepted, uuid_of
):
    card = shown("tnm")
    record_issued(store, [card])
    _report(store, accepted(uuid_of(card), "unknown"), now=now)
    assert _held(store, now=now) == {"tnm"}


def test_seldom_advice_is_shown_once_in_a_while_whoever_looks(store, now, shown):
    record_issued(store, [shown("ki67", facts="f")])
    seldom = {"how": {"is_seldom": True, "facts": "f"}}
    for who in ({}, _SURGEON, {"user_id": ""}):
        assert _held(store, now=now + timedelta(days=179), **seldom, **who) == {"ki67"}
        assert _held(store, now=now + timedelta(days=180), **seldom, **who) == set()
    assert _held(store, now=now, how={"facts": "f"}) == set()
    assert _held(store, now=now, how={"is_seldom": True, "facts": "new"}) == set()
    assert _held(store, now=now, **seldom, patient_id="p2") == set()
    assert _held(store, now=now, **seldom, tenant="north") == set()


def test_a_card_that_nobody_saw_holds_back_only_its_like(store, now, shown):
    record_issued(store, [shown("ki67", is_shadow=True)])
    assert _held(store, now=now, how={"is_seldom": True}) == set()
    assert _held(store, now=now, how={"is_seldom": True, "is_shadow": True}) == {"ki67"}


def test_seldom_can_be_switched_off(store, now, shown):
    record_issued(store, [shown("ki67")])
    limits = replace(knowledge().defaults, seldom_days=0)
    viewer = Viewer(patient_key(store.secret, issuer=_EHR, tenant="", patient_id="p1"), "")
    (found,) = recall(
        store, [_asked("ki67", is_seldom=True)], viewer=viewer, own_reasons={}, limits=limits, now=now
    )
    assert not found.held_by


def test_what_was_stated_is_told_to_everybody_also_when_it_silences_no_more(store, now, told):
    told("sstr-imaging", code="sstr-imaging-elsewhere", facts="before")
    told("sstr-imaging", code="limited-time", facts="before")
    (found,) = _recalled(store, _asked("sstr-imaging", facts="after"), now=now, **_SURGEON)
    assert (found.held_by, found.reports) == (frozenset(), (Report("done-elsewhere", "2026-11-24"),))


def test_a_card_of_before_what_it_rested_on_was_kept_holds_nothing_back(
    store, now, shown, overridden, uuid_of
):
    card = shown("ki67")
    (uuid,) = card.cards
    record_issued(store, [replace(card, cards={uuid: replace(card.cards[uuid], advice=None)})])
    _report(store, overridden(uuid), now=now)
    assert _held(store, now=now) == set()


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
                assert not _held(store, now=now)
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
    assert not _held(sqlite_store, now=now)
    assert "shown again" in caplog.text
    aside.rename(file)
    assert _held(sqlite_store, now=now) == {"ki67"}


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
