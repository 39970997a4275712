"""The table of the phases of care (Y-1): what it says of advice on opening a chart, and while ordering."""

from __future__ import annotations

import pytest

from service.facts.phase import Phase
from service.rules import RULES
from service.rules.base import Care, Fires
from service.rules.phases import TABLE
from tests.asking import answers, result

SPREAD = "ileal NET 400 days ago; liver metastases 390 days ago; Ki-67 4 % 380 days ago"
NEW = "ileal NET 365 days ago; liver metastases 360 days ago; Ki-67 4 % 350 days ago"


CHOOSING = "ileal NET 365 days ago; liver metastases 360 days ago; Ki-67 15 % 350 days ago"


def test_the_table_has_every_kind_of_advice_in_every_phase() -> None:
    assert {care: set(row) for care, row in TABLE.items()} == {care: set(Phase) for care in Care}


def test_every_kind_of_advice_is_given_by_a_rule() -> None:
    assert {care for rule in RULES for care in (rule.care, *rule.cares.values())} == set(Care)


def is_seldom(rule_id: str, record: str) -> list[bool]:
    return [one.is_seldom for one in answers(rule_id, record) if isinstance(one, Fires)]


@pytest.mark.parametrize(
    ("rule_id", "record", "expected"),
    [
        ("sstr-imaging", SPREAD, [True]),
        ("sstr-imaging", NEW, [False]),
        ("sstr-imaging", f"{SPREAD}; lanreotide depot 200 days ago", [True]),
        ("cross-sectional-imaging", f"{SPREAD}; lanreotide depot 200 days ago", []),
        ("octreotide-prophylaxis", f"{SPREAD}; carcinoid syndrome; lanreotide depot 200 days ago", [True]),
        ("octreotide-prophylaxis", f"{SPREAD}; carcinoid syndrome; TACE booked in 20 days", [False]),
        ("systemic-options", CHOOSING, [False]),
        ("systemic-options", f"{CHOOSING}; tumour board note 349 days ago", [True]),
        ("systemic-options", f"{CHOOSING}; tumour board note 361 days ago", [False]),
        ("liver-only-disease", SPREAD, [True]),
        ("liver-only-disease", NEW, [False]),
        (
            "liver-only-disease",
            f"{NEW}; tumour board note 349 days ago",
            [],
        ),
        (
            "liver-only-disease",
            f"{NEW}; tumour board note 361 days ago",
            [False],
        ),
    ],
)
def test_what_is_given_and_what_is_seldom(rule_id: str, record: str, expected: list[bool]) -> None:
    assert is_seldom(rule_id, record) == expected


@pytest.mark.parametrize(("days", "speaks"), [(30, True), (31, False)])
def test_what_a_result_means_is_news_for_a_month(days: int, speaks: bool) -> None:
    record = (
        "ileal NET 420 days ago; small-bowel resection done 400 days ago; omeprazole taking; "
        f"chromogranin A 400 range to 93 {days} days ago"
    )

    assert bool(is_seldom("chromogranin-a-interpretation", record)) is speaks


def test_who_orders_decides_anew_whatever_the_phase() -> None:
    record = "ileal NET 420 days ago; small-bowel resection done 400 days ago"

    opened = result(record)
    ordering = result(f"{record}; everolimus (draft)", "order-sign")

    assert opened.cards == ()
    assert "sstr-imaging" in {rule for card in ordering.cards for rule in card.recommendations}
