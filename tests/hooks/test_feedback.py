from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.errors import MalformedRequest
from service.hooks.card import OverrideReason
from service.hooks.feedback import FeedbackItem, GivenReason, parse
from service.hooks.override_reasons import OWN_SYSTEM, non_adherence_reasons, published_reasons

_MOMENT = "2026-11-23T03:10:13.081Z"
_WHEN = datetime(2026, 11, 23, 3, 10, 13, 81000, tzinfo=UTC)
_ACCEPTED = {
    "card": "4e0a3a1e-8fae-4bdb-ab6e-5bb8ee5ff3ab",
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": "0e1ea5d2-3e1e-43f2-9a5c-4e2c0e9db87c"}],
    "outcomeTimestamp": _MOMENT,
}
_OVERRIDDEN = {"card": "c1", "outcome": "overridden", "outcomeTimestamp": _MOMENT}
_ABSENT = object()
_OWN = OverrideReason("decided-at-board", OWN_SYSTEM, "The tumour board has decided")
_REASONS = published_reasons([_OWN])
_REFUSES = non_adherence_reasons()["patient-refuses"]
_OF_EPIC = {
    "extension": {
        "com.epic.cdshooks.feedback.overrideReason.reasonCategory": "45",
        "com.epic.cdshooks.feedback.overrideReason.reasonDisplay": "Does not meet criteria",
        "com.epic.cdshooks.feedback.overrideReason.reasonTitle": "Does not meet criteria",
    },
    "userComment": "Mrs A",
}
_OF_HL7 = GivenReason(_REFUSES.code, _REFUSES.system, _REFUSES.display)


def _changed(entry, **changes):
    return {name: value for name, value in (entry | changes).items() if value is not _ABSENT}


def _one(entry):
    (item,) = parse({"feedback": [entry]}, _REASONS)
    return item


def test_an_acceptance_names_its_suggestions():
    assert _one(_ACCEPTED) == FeedbackItem(
        _ACCEPTED["card"], "accepted", _WHEN, (_ACCEPTED["acceptedSuggestions"][0]["id"],)
    )


def test_an_override_may_have_no_reason():
    assert _one(_OVERRIDDEN) == FeedbackItem("c1", "overridden", _WHEN)
    assert _one(_changed(_OVERRIDDEN, overrideReason=None)) == FeedbackItem("c1", "overridden", _WHEN)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"reason": {"code": _OWN.code, "system": OWN_SYSTEM}},
            GivenReason(_OWN.code, OWN_SYSTEM, _OWN.display),
        ),
        ({"reason": {"code": "patient-refuses", "system": _REFUSES.system, "display": "Mrs A"}}, _OF_HL7),
        ({"reason": {"code": "patient-refuses", "system": None}}, _OF_HL7),
        ({"reason": "patient-refuses"}, _OF_HL7),
        ({"reason": {"code": "patient-refuses"}, "userComment": "x"}, replace(_OF_HL7, comment="x")),
        ({"userComment": "x"}, GivenReason(comment="x")),
        ({"reason": None, "userComment": "x", "extension": {}}, GivenReason(comment="x")),
        ({"userComment": ["x", "y"]}, GivenReason(comment="x\ny")),
        ({"code": "patient-refuses", "userComment": "x"}, replace(_OF_HL7, comment="x")),
        ({"extension": {"of.theirs": 1}}, GivenReason()),
        (_OF_EPIC, GivenReason(comment="Mrs A\nDoes not meet criteria")),
    ],
)
def test_a_reason_is_a_published_coding_or_a_comment_or_both(given, reason):
    assert _one(_changed(_OVERRIDDEN, overrideReason=given)).reason == reason


@pytest.mark.parametrize(
    ("given", "comment"),
    [
        ({"reason": "Mrs A refused"}, "Mrs A refused"),
        ({"reason": "Mrs A refused " * 100}, "Mrs A refused " * 100),
        ({"reason": {"code": "no", "display": "Mrs A", "system": "urn:x"}}, "Mrs A\nno\nurn:x"),
        ({"reason": {"code": "patient-refuses", "system": "urn:Mrs-A"}}, "patient-refuses\nurn:Mrs-A"),
        ({"reason": {"code": "no"}, "userComment": "Mrs A"}, "Mrs A\nno"),
        ({"userComment": "x" * 4001}, "x" * 4000),
        ({"reason": {"code": "no", "display": "y" * 50}, "userComment": "x" * 3999}, "x" * 3999 + "\n"),
    ],
)
def test_what_is_not_published_is_kept_with_the_comment_and_cut(given, comment):
    assert _one(_changed(_OVERRIDDEN, overrideReason=given)).reason == GivenReason(comment=comment)


@pytest.mark.parametrize("given", [_OF_EPIC, [_OF_EPIC]])
def test_the_reason_is_read_under_a_name_in_the_plural(given):
    item = _one(_changed(_OVERRIDDEN, overrideReasons=given))
    assert item.reason == GivenReason(comment="Mrs A\nDoes not meet criteria")


def test_accepted_suggestions_may_be_ids():
    assert _one(_changed(_ACCEPTED, acceptedSuggestions=["S1"])).accepted_suggestions == ("s1",)


def test_an_upper_case_uuid_is_that_of_the_card():
    assert _one(_changed(_ACCEPTED, card=_ACCEPTED["card"].upper())).card == _ACCEPTED["card"]


def test_suggestions_of_an_override_and_a_reason_of_an_acceptance_are_ignored():
    assert _one(_changed(_OVERRIDDEN, acceptedSuggestions="odd")).accepted_suggestions == ()
    assert _one(_changed(_ACCEPTED, overrideReason="odd")).reason == GivenReason()


def test_several_cards_come_back_in_their_order():
    items = parse({"feedback": [_ACCEPTED, _OVERRIDDEN, _ACCEPTED], "extension": {"x": 1}}, _REASONS)
    assert [item.outcome for item in items] == ["accepted", "overridden", "accepted"]


def test_as_much_as_is_allowed_is_read():
    suggestions = [{"id": f"s{number}"} for number in range(50)]
    items = parse({"feedback": [_changed(_ACCEPTED, acceptedSuggestions=suggestions)] * 200}, _REASONS)
    assert {len(item.accepted_suggestions) for item in items} == {50}
    assert len(items) == 200


def test_an_empty_array_is_no_report():
    assert parse({"feedback": []}, _REASONS) == ()


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-23T03:10:13.081Z",
        "2026-11-23T04:10:13.081+01:00",
        "2026-11-22t22:10:13.081-05:00",
        "2026-11-23 03:10:13.081000999z",
    ],
)
def test_a_moment_with_any_offset_is_read_in_utc(moment):
    assert _one(_changed(_OVERRIDDEN, outcomeTimestamp=moment)).outcome_timestamp == _WHEN


@pytest.mark.parametrize(
    "moment",
    [
        _ABSENT,
        None,
        "",
        "yesterday",
        "2026-11-23",
        "2026-11-23T03:10:13",
        "20261123T031013Z",
        "2026-W48-1T03:10:13Z",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-23T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "\u0662\u0660\u0662\u0666-11-23T03:10:13Z",
        "2026-11-23T03:10:13Z ",
        1795403413,
    ],
)
def test_a_moment_that_cannot_be_told_is_refused(moment):
    _assert_refused(_changed(_OVERRIDDEN, outcomeTimestamp=moment), "outcomeTimestamp")


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ("odd", ""),
        (None, ""),
        (_changed(_OVERRIDDEN, card=_ABSENT), "card"),
        (_changed(_OVERRIDDEN, card=""), "card"),
        (_changed(_OVERRIDDEN, card=" "), "card"),
        (_changed(_OVERRIDDEN, card=7), "card"),
        (_changed(_OVERRIDDEN, card="c" * 201), "card"),
        (_changed(_OVERRIDDEN, outcome=_ABSENT), "outcome"),
        (_changed(_OVERRIDDEN, outcome="ignored"), "outcome"),
        (_changed(_OVERRIDDEN, outcome=["accepted"]), "outcome"),
        (_changed(_ACCEPTED, acceptedSuggestions=_ABSENT), "acceptedSuggestions"),
        (_changed(_ACCEPTED, acceptedSuggestions=[]), "acceptedSuggestions"),
        (_changed(_ACCEPTED, acceptedSuggestions={"id": "s"}), "acceptedSuggestions"),
        (_changed(_ACCEPTED, acceptedSuggestions=[7]), "acceptedSuggestions[0]"),
        (_changed(_OVERRIDDEN, overrideReason={"userComment": ["x", 7]}), "overrideReason.userComment"),
        (_changed(_OVERRIDDEN, overrideReasons={}), "overrideReasons"),
        (_changed(_ACCEPTED, acceptedSuggestions=[{"id": "s"}, {}]), "acceptedSuggestions[1].id"),
        (_changed(_OVERRIDDEN, overrideReason={}), "overrideReason"),
        (_changed(_OVERRIDDEN, overrideReason={"userComment": ""}), "overrideReason"),
        (_changed(_OVERRIDDEN, overrideReason="odd"), "overrideReason"),
        (_changed(_OVERRIDDEN, overrideReason={"userComment": 7}), "overrideReason.userComment"),
        (_changed(_OVERRIDDEN, overrideReason={"reason": {}}), "overrideReason.reason"),
        (_changed(_OVERRIDDEN, overrideReason={"reason": {"code": ""}}), "overrideReason.reason"),
        (_changed(_OVERRIDDEN, overrideReason={"reason": ["a"]}), "overrideReason.reason"),
        (_changed(_OVERRIDDEN, overrideReason={"reason": {"code": 7}}), "overrideReason.reason.code"),
        (
            _changed(_OVERRIDDEN, overrideReason={"reason": {"code": "a", "system": 7}}),
            "overrideReason.reason.system",
        ),
        (
            _changed(_OVERRIDDEN, overrideReason={"reason": {"code": "a" * 1001}}),
            "overrideReason.reason.code",
        ),
        (
            _changed(_OVERRIDDEN, overrideReason={"reason": {"code": "a", "system": "s" * 1001}}),
            "overrideReason.reason.system",
        ),
        (_changed(_ACCEPTED, acceptedSuggestions=[{"id": "s"}] * 51), "acceptedSuggestions"),
    ],
)
def test_a_bad_entry_is_refused_with_its_place(entry, path):
    _assert_refused(entry, path)


def _assert_refused(entry, path):
    """The bad entry stands between good ones, and the whole is refused."""
    with pytest.raises(MalformedRequest) as refused:
        parse({"feedback": [_ACCEPTED, entry, _OVERRIDDEN]}, _REASONS)
    assert refused.value.path == f"$.feedback[1].{path}".rstrip(".")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (None, "$"),
        ([], "$"),
        ("feedback", "$"),
        ({}, "$.feedback"),
        ({"feedback": None}, "$.feedback"),
        ({"feedback": _ACCEPTED}, "$.feedback"),
        ({"feedback": [_ACCEPTED] * 201}, "$.feedback"),
    ],
)
def test_a_body_without_the_array_is_refused(body, path):
    with pytest.raises(MalformedRequest) as refused:
        parse(body, _REASONS)
    assert refused.value.path == path


def test_a_refusal_does_not_repeat_what_was_sent():
    with pytest.raises(MalformedRequest) as refused:
        _one(_changed(_OVERRIDDEN, outcome="MARK", overrideReason={"userComment": "MARK"}))
    assert "MARK" not in str(refused.value)
