"""Acceptance and override rates of each rule, for those who own the content.

https://cds-hooks.hl7.org/2.0/#feedback (what providers do with it)

Counted are the cards *shown* in the period, each under its latest reported outcome, whenever that came. A
grouped card counts for each of its rules. Most dismissals are never reported by clients, so accepted and
overridden do not add up to issued.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import (
    CTE,
    JSON,
    ColumnElement,
    Connection,
    Subquery,
    TableValuedAlias,
    and_,
    case,
    cast,
    func,
    select,
    true,
)

from service.store.database import Store, in_utc, reading, unhurried
from service.store.tables import FEEDBACK, ISSUED_CARD, is_shown_card

_WIDTH_WITHOUT_TERMINAL = 160
Period = tuple[datetime, datetime]
Value = TypeVar("Value")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often a reason was given for overriding a card of the rule."""

    code: str
    system: str
    display: str
    count: int


@dataclass(frozen=True, slots=True)
class RuleReport:
    """What became of the cards of one rule."""

    rule: str
    issued: int
    accepted: int
    overridden: int
    reasons: tuple[ReasonCount, ...] = ()
    comments: tuple[str, ...] = ()

    @property
    def acceptance_rate(self) -> float:
        """Accepted cards as a fraction of issued ones."""
        return self.accepted / self.issued

    @property
    def override_rate(self) -> float:
        """Overridden cards as a fraction of issued ones."""
        return self.overridden / self.issued


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """Rules by id; ``unmatched`` counts reports received in the period for cards this store does not know."""

    since: datetime
    until: datetime
    rules: tuple[RuleReport, ...]
    unmatched: int


def report(store: Store, *, since: datetime, until: datetime, comments: bool = False) -> FeedbackReport:
    """Count the cards shown from ``since`` up to, and without, ``until``.

    ``comments`` adds what clinicians wrote, which may speak of patients. Raises StoreUnavailable.
    """
    period = (in_utc(since), in_utc(until))
    with reading(store) as connection:
        unhurried(connection)
        reasons = _grouped(_reasons(connection, period))
        remarks = _grouped(_comments(connection, period)) if comments else {}
        rules = tuple(
            RuleReport(
                rule,
                issued,
                accepted,
                overridden,
                reasons=tuple(reasons.get(rule, ())),
                comments=tuple(remarks.get(rule, ())),
            )
            for rule, issued, accepted, overridden in _counts(connection, period)
        )
        return FeedbackReport(since, until, rules, _unmatched(connection, period))


def _within(column: ColumnElement[Any], period: Period) -> ColumnElement[bool]:
    return and_(column >= period[0], column < period[1])


def _shown(*conditions: ColumnElement[bool]) -> CTE:
    """The cards that were shown, gathered once: joined as the view, SQLite would do it for every report."""
    columns = (ISSUED_CARD.c.uuid, ISSUED_CARD.c.issuer, ISSUED_CARD.c.tenant, ISSUED_CARD.c.rules)
    return select(*columns).where(*conditions).cte("shown").prefix_with("MATERIALIZED")


def _rules(connection: Connection, shown: CTE) -> TableValuedAlias:
    """The rules of each card, a row each with the id as ``value``; to be joined with its card."""
    rules: ColumnElement[Any] = shown.c.rules
    if connection.dialect.name == "postgresql":
        return func.json_array_elements_text(cast(rules, JSON)).table_valued("value", name="issued_rule")
    return func.json_each(rules).table_valued("value", name="issued_rule")


def _outcomes() -> Subquery:
    """Every report with its rank; rank 1 is the latest of its card."""
    newest_first = (
        FEEDBACK.c.outcome_timestamp.desc(),
        FEEDBACK.c.received_at.desc(),
        FEEDBACK.c.fingerprint,
    )
    rank = func.row_number().over(
        partition_by=(FEEDBACK.c.issuer, FEEDBACK.c.tenant, FEEDBACK.c.card_uuid), order_by=newest_first
    )
    return select(FEEDBACK, rank.label("rank")).subquery()


def _latest_of_card(outcomes: Subquery, shown: CTE) -> ColumnElement[bool]:
    return and_(is_shown_card(outcomes, shown), outcomes.c.rank == 1)


def _counts(connection: Connection, period: Period) -> Sequence[Any]:
    shown, outcomes = _shown(_within(ISSUED_CARD.c.issued_at, period)), _outcomes()
    rule = _rules(connection, shown)
    query = (
        select(
            rule.c.value,
            func.count(),
            func.sum(case((outcomes.c.outcome == "accepted", 1), else_=0)),
            func.sum(case((outcomes.c.outcome == "overridden", 1), else_=0)),
        )
        .select_from(shown)
        .join(rule, true())
        .outerjoin(outcomes, _latest_of_card(outcomes, shown))
        .group_by(rule.c.value)
        .order_by(rule.c.value)
    )
    return connection.execute(query).all()


def _reasons(connection: Connection, period: Period) -> list[tuple[str, ReasonCount]]:
    shown, outcomes = _shown(_within(ISSUED_CARD.c.issued_at, period)), _outcomes()
    rule = _rules(connection, shown)
    # The same code with another display is the same reason.
    reason = (outcomes.c.reason_code, func.coalesce(outcomes.c.reason_system, ""))
    query = (
        select(
            rule.c.value,
            *reason,
            func.coalesce(func.max(outcomes.c.reason_display), ""),
            func.count(),
        )
        .select_from(shown)
        .join(rule, true())
        .join(outcomes, _latest_of_card(outcomes, shown))
        .where(outcomes.c.reason_code.is_not(None))
        .group_by(rule.c.value, *reason)
        .order_by(rule.c.value, func.count().desc(), *reason)
    )
    return [(rule_id, ReasonCount(*values)) for rule_id, *values in connection.execute(query)]


def _comments(connection: Connection, period: Period) -> list[tuple[str, str]]:
    shown = _shown(_within(ISSUED_CARD.c.issued_at, period))
    rule = _rules(connection, shown)
    query = (
        select(rule.c.value, FEEDBACK.c.user_comment)
        .select_from(shown)
        .join(rule, true())
        .join(FEEDBACK, is_shown_card(FEEDBACK, shown))
        .where(FEEDBACK.c.user_comment.is_not(None))
        .order_by(rule.c.value, FEEDBACK.c.received_at, FEEDBACK.c.fingerprint)
    )
    return [(rule_id, comment) for rule_id, comment in connection.execute(query)]


def _unmatched(connection: Connection, period: Period) -> int:
    shown = _shown()
    query = (
        select(func.count())
        .select_from(FEEDBACK)
        .outerjoin(shown, is_shown_card(FEEDBACK, shown))
        .where(_within(FEEDBACK.c.received_at, period), shown.c.uuid.is_(None))
    )
    return connection.execute(query).scalar_one()


def _grouped(pairs: list[tuple[str, Value]]) -> dict[str, list[Value]]:
    groups: dict[str, list[Value]] = {}
    for rule, value in pairs:
        groups.setdefault(rule, []).append(value)
    return groups


def as_json(found: FeedbackReport) -> str:
    """The report as indented JSON; rates are fractions, rounded to three places."""
    rules = [
        {
            "rule": rule.rule,
            "issued": rule.issued,
            "accepted": rule.accepted,
            "overridden": rule.overridden,
            "acceptanceRate": round(rule.acceptance_rate, 3),
            "overrideRate": round(rule.override_rate, 3),
            "reasons": rule.reasons,
            "comments": rule.comments,
        }
        for rule in found.rules
    ]
    whole = {"since": found.since, "until": found.until, "rules": rules, "unmatchedFeedback": found.unmatched}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode() + "\n"


def as_csv(found: FeedbackReport) -> str:
    """One line for each rule; several reasons or comments share a cell, a line each."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        (
            "rule",
            "issued",
            "accepted",
            "overridden",
            "acceptance_rate",
            "override_rate",
            "reasons",
            "comments",
        )
    )
    for rule in found.rules:
        rates = (f"{rule.acceptance_rate:.3f}", f"{rule.override_rate:.3f}")
        texts = (_cell(_reason_lines(rule)), _cell(rule.comments))
        writer.writerow((rule.rule, rule.issued, rule.accepted, rule.overridden, *rates, *texts))
    return out.getvalue()


def _reason_lines(rule: RuleReport) -> list[str]:
    return [f"{reason.count} x {reason.display or reason.code}" for reason in rule.reasons]


def _cell(lines: Sequence[str]) -> str:
    # A spreadsheet runs a cell that begins like a formula, and clients choose these texts.
    text = "\n".join(lines)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def as_table(found: FeedbackReport) -> str:
    """The report for a terminal."""
    table = Table("Rule", title=f"Cards shown from {found.since:%Y-%m-%d} to {found.until:%Y-%m-%d}")
    for heading in ("Issued", "Accepted", "Overridden"):
        table.add_column(heading, justify="right")
    table.add_column("Reasons")
    if any(rule.comments for rule in found.rules):
        table.add_column("Comments")
    for rule in found.rules:
        table.add_row(*_table_row(rule)[: len(table.columns)])
    console = Console(file=io.StringIO(), width=_WIDTH_WITHOUT_TERMINAL)
    with console.capture() as written:
        console.print(table)
        console.print(f"Feedback on cards that are not in this store: {found.unmatched}")
    return written.get()


def _table_row(rule: RuleReport) -> tuple[Text | str, ...]:
    return (
        rule.rule,
        str(rule.issued),
        f"{rule.accepted} ({rule.acceptance_rate:.0%})",
        f"{rule.overridden} ({rule.override_rate:.0%})",
        _plain(_reason_lines(rule)),
        _plain(rule.comments),
    )


def _plain(lines: Sequence[str]) -> Text:
    # Text is not read as markup; characters that could steer the terminal are shown as blanks.
    return Text("\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines))


FORMATS: dict[str, Callable[[FeedbackReport], str]] = {"table": as_table, "csv": as_csv, "json": as_json}
"""Name of a format -> how to write a report in it."""
