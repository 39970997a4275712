from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from uuid import UUID

import pytest

from service.store.feedback import record_feedback
from service.store.issued import Call, record_issued
from service.store.printed_report import as_csv, as_json, as_table
from service.store.report import KEYS, Line, ReasonCount, report

_EHR = "https://ehr.example.org"


@pytest.fixture
def ask(store, now):
    def ask(**options):
        return report(store, since=now - timedelta(days=1), until=now + timedelta(days=1), **options)

    return ask


@pytest.fixture
def tell(store, now):
    def tell(*items, issuer=_EHR, tenant="", received_at=now):
        call = {"service_id": "net-patient-view", "issuer": issuer, "tenant": tenant}
        record_feedback(store, items, received_at=received_at, **call)

    return tell


@pytest.fixture
def four_cards(store, shown, uuid_of):
    """Three cards of ki67, one of them also of tnm, and one of octreotide-prophylaxis."""
    cards = [shown("ki67", "tnm"), shown("ki67"), shown("ki67"), shown("octreotide-prophylaxis")]
    record_issued(store, cards)
    return [uuid_of(card) for card in cards]


def test_each_rule_of_a_card_is_counted(ask, tell, four_cards, accepted, overridden):
    tell(accepted(four_cards[0], "tnm"), overridden(four_cards[1]))
    found = ask()
    assert found.lines == (
        Line(("ki67",), 3, 0, 1),
        Line(("octreotide-prophylaxis",), 1, 0, 0),
        Line(("tnm",), 1, 1, 0),
    )
    assert (found.lines[0].acceptance_rate, found.lines[2].acceptance_rate) == (0, 1)
    assert found.lines[0].override_rate == 1 / 3


def test_a_card_reported_several_times_counts_once_under_its_latest_outcome(
    ask, tell, four_cards, accepted, overridden, now
):
    tell(overridden(four_cards[3], at=now))
    tell(accepted(four_cards[3], "s1", at=now + timedelta(minutes=1)))
    tell(accepted(four_cards[3], "s2", at=now + timedelta(minutes=2)))
    assert ask().lines[1] == Line(("octreotide-prophylaxis",), 1, 1, 0)


def test_reasons_are_counted_by_code_and_the_most_frequent_comes_first(ask, tell, four_cards, overridden):
    tell(overridden(four_cards[0], code="refused", system="urn:s", display="Patient refused"))
    tell(overridden(four_cards[1], code="other", system="urn:s"))
    tell(overridden(four_cards[2], code="refused", system="urn:s"))
    assert ask().lines[0].reasons == (
        ReasonCount("refused", "urn:s", "Patient refused", 2),
        ReasonCount("other", "urn:s", "", 1),
    )


def test_comments_are_told_on_request_only(ask, tell, four_cards, overridden):
    tell(overridden(four_cards[3], comment="seen at another hospital"))
    assert ask().lines[1].comments == ()
    assert ask(comments=True).lines[1].comments == ("seen at another hospital",)


def test_feedback_on_a_card_of_another_client_or_of_nobody_is_told_apart(ask, tell, four_cards, accepted):
    tell(accepted("never-issued"))
    tell(accepted(four_cards[3]), issuer="https://other.example.org")
    tell(accepted(four_cards[3]), tenant="south")
    found = ask()
    assert found.unmatched == 3
    assert found.lines[1].accepted == 0


def test_only_cards_shown_in_the_period_count_whenever_the_feedback_came(
    store, ask, tell, shown, accepted, now, uuid_of
):
    edges = [shown("ki67", issued_at=now + timedelta(days=days)) for days in (-1.001, -1, 0.999, 1)]
    record_issued(store, edges)
    tell(
        *(accepted(uuid_of(card), at=now + timedelta(days=50)) for card in edges),
        received_at=now + timedelta(50),
    )
    assert ask().lines == (Line(("ki67",), 2, 2, 0),)


def test_no_card_is_an_empty_report(ask):
    found = ask()
    assert (found.lines, found.unmatched) == ((), 0)
    assert json.loads(as_json(found))["lines"] == []
    assert as_csv(found).count("\n") == 1
    assert "Rule" in as_table(found)


def test_the_json_report_reads_back(ask, tell, four_cards, overridden):
    tell(overridden(four_cards[1], code="refused", system="urn:s", display="Patient refused", comment="c"))
    told = json.loads(as_json(ask(comments=True)))
    assert told["lines"][0] == {
        "rule": "ki67",
        "issued": 3,
        "accepted": 0,
        "overridden": 1,
        "acceptanceRate": 0.0,
        "overrideRate": 0.333,
        "openings": 0,
        "per100Openings": None,
        "reasons": [{"code": "refused", "system": "urn:s", "display": "Patient refused", "count": 1}],
        "comments": ["c"],
    }


def test_a_spreadsheet_does_not_run_what_a_client_wrote(ask, tell, four_cards, overridden):
    tell(overridden(four_cards[3], comment='=HYPERLINK("http://evil.example")'))
    rows = list(csv.DictReader(io.StringIO(as_csv(ask(comments=True)))))
    assert rows[1]["comments"] == '\'=HYPERLINK("http://evil.example")'
    assert rows[1]["override_rate"] == "1.000"


def test_a_terminal_is_not_steered_by_what_a_client_wrote(ask, tell, four_cards, overridden):
    tell(overridden(four_cards[3], code="x", display="[bold]red[/bold]\x1b[2J"))
    table = as_table(ask())
    assert "[bold]red[/bold]" in table
    assert "\x1b" not in table


def test_a_report_names_no_card(ask, tell, four_cards, accepted):
    tell(accepted(four_cards[0]))
    assert not any(str(UUID(card)) in as_json(ask(comments=True)) for card in four_cards)


@pytest.mark.parametrize("name", KEYS)
def test_a_report_is_split_by_any_key(ask, four_cards, name):
    found = ask(by=(name,))
    assert sum(line.issued for line in found.lines) == 5
    assert name in as_csv(found).splitlines()[0]
    assert all(name in line for line in json.loads(as_json(found))["lines"])


def test_wordings_of_a_rule_are_told_apart(store, ask, shown):
    record_issued(store, [shown("ki67"), shown("ki67", wording="old", indicator="info")])
    assert [(line.keys, line.issued) for line in ask(by=("rule", "wording", "indicator")).lines] == [
        (("ki67", "missing", "warning"), 1),
        (("ki67", "old", "info"), 1),
    ]


def test_cards_that_were_only_tried_out_are_counted_apart_and_by_the_hundred(store, ask, shown, now):
    calls = {Call(now.date(), hook, _EHR, ""): 20 for hook in ("patient-view", "order-sign")}
    record_issued(store, [shown("ki67"), shown("tnm", is_shadow=True)], calls=calls)
    assert [line.keys for line in ask().lines] == [("ki67",)]
    (tried,) = ask(is_shadow=True).lines
    assert (tried.keys, tried.openings, tried.per_100_openings) == (("tnm",), 40, 2.5)
    (of_hook,) = ask(is_shadow=True, by=("rule", "hook")).lines
    assert (of_hook.keys, of_hook.per_100_openings) == (("tnm", "patient-view"), 5)
    assert "2.5" in as_table(ask(is_shadow=True))
