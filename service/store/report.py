"""Acceptance and override rates of each rule (or wording, version, client ...) for those who own the content.

https://cds-hooks.hl7.org/2.0/#feedback (what providers do with it)

Counted are the cards *shown* in the period, each under its latest reported outcome, whenever that came. A
grouped card counts for each of its rules, and as accepted for those whose suggestion was taken. Most
dismissals are never reported by clients, so accepted and overridden do not add up to issued. An opening is a
hook call that was answered. Cards that were only tried out have a report of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Subquery,
    and_,
    case,
    exists,
    func,
    or_,
    select,
)

from service.store.database import Store, in_utc, reading, unhurried
from service.store.tables import (
    ACCEPTED_SUGGESTION,
    FEEDBACK,
    ISSUED_ADVICE,
    ISSUED_CARD,
    OPENING,
    is_shown_card,
)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often a reason was given for overriding a card of the rule."""

    code: str
    system: str
    display: str
    count: int


@dataclass(frozen=True, slots=True)
class Line:
    """What became of the cards that have these keys; ``openings`` are the hook calls that could have one."""

    keys: tuple[str, ...]
    issued: int
    accepted: int
    overridden: int
    reasons: tuple[ReasonCount, ...] = ()
    comments: tuple[str, ...] = ()
    openings: int = 0

    @property
    def acceptance_rate(self) -> float:
        """Accepted cards as a fraction of issued ones."""
        return self.accepted / self.issued

    @property
    def override_rate(self) -> float:
        """Overridden cards as a fraction of issued ones."""
        return self.overridden / self.issued

    @property
    def per_100_openings(self) -> float | None:
        """Cards for every hundred hook calls; None where none was counted."""
        return self.issued / self.openings * 100 if self.openings else None


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """Lines by their keys, which ``by`` names; ``unmatched`` counts reports received in the period for cards
    that this store does not know.
    """

    since: datetime
    until: datetime
    lines: tuple[Line, ...]
    unmatched: int
    by: tuple[str, ...] = ("rule",)
    is_shadow: bool = False


KEYS: Mapping[str, ColumnElement[str]] = {
    "rule": ISSUED_ADVICE.c.rule,
    "wording": ISSUED_ADVICE.c.wording,
    "indicator": ISSUED_ADVICE.c.indicator,
    "hook": ISSUED_ADVICE.c.hook,
    "phase": ISSUED_ADVICE.c.phase,
    "client": ISSUED_ADVICE.c.issuer,
    "tenant": ISSUED_ADVICE.c.tenant,
    "language": ISSUED_ADVICE.c.language,
    "version": ISSUED_ADVICE.c.content_version,
    "content": ISSUED_ADVICE.c.digest,
}
"""By what a report can be split."""
_OPENING_KEYS = {"hook": OPENING.c.hook, "client": OPENING.c.issuer, "tenant": OPENING.c.tenant}


@dataclass(frozen=True, slots=True)
class _Scope:
    """Which cards are counted, and by what."""

    since: datetime
    until: datetime
    by: tuple[str, ...]
    is_shadow: bool


def report(
    store: Store,
    *,
    since: datetime,
    until: datetime,
    by: Sequence[str] = ("rule",),
    is_shadow: bool = False,
    comments: bool = False,
) -> FeedbackReport:
    """Count the cards shown from ``since`` up to, and without, ``until``, by these of ``KEYS``.

    ``is_shadow`` counts those that were only tried out instead. ``comments`` adds what clinicians wrote,
    which may speak of patients. Raises StoreUnavailable.
    """
    scope = _Scope(in_utc(since), in_utc(until), tuple(by), is_shadow)
    with reading(store) as connection:
        unhurried(connection)
        reasons = _grouped(_reasons(connection, scope))
        remarks = _grouped(_comments(connection, scope)) if comments else {}
        openings = _openings(connection, scope)
        lines = tuple(
            Line(
                keys,
                issued,
                accepted,
                overridden,
                reasons=tuple(reasons.get(keys, ())),
                comments=tuple(remarks.get(keys, ())),
                openings=sum(calls for of, calls in openings if _covers(keys, of, scope)),
            )
            for keys, issued, accepted, overridden in _counts(connection, scope)
        )
        return FeedbackReport(since, until, lines, _unmatched(connection, scope), scope.by, is_shadow)


def _openings(connection: Connection, scope: _Scope) -> list[tuple[dict[str, str], int]]:
    """Hook calls of the days of the period, by hook, client and tenant."""
    query = (
        select(*_OPENING_KEYS.values(), func.sum(OPENING.c.calls))
        .where(OPENING.c.day >= scope.since.date(), OPENING.c.day < _day_after(scope.until))
        .group_by(*_OPENING_KEYS.values())
    )
    return [
        (dict(zip(_OPENING_KEYS, keys, strict=True)), calls) for *keys, calls in connection.execute(query)
    ]


def _day_after(moment: datetime) -> date:
    """The day from which no moment before this one is."""
    return moment.date() if moment.time() == time.min else moment.date() + timedelta(days=1)


def _covers(keys: Sequence[str], of: Mapping[str, str], scope: _Scope) -> bool:
    return all(of.get(name, key) == key for name, key in zip(scope.by, keys, strict=True))


def _within(column: ColumnElement[Any], scope: _Scope) -> ColumnElement[bool]:
    return and_(column >= scope.since, column < scope.until)


def _shown(scope: _Scope) -> CTE:
    """What each rule said, gathered once: joined as the view, SQLite would do it for every report."""
    column = ISSUED_ADVICE.c
    keys = [KEYS[name].label(f"key_{name}") for name in scope.by]
    return (
        select(column.uuid, column.issuer, column.tenant, column.card_group, column.suggestions, *keys)
        .where(_within(column.issued_at, scope), column.is_shadow.is_(scope.is_shadow))
        .cte("shown")
        .prefix_with("MATERIALIZED")
    )


def _keys(shown: CTE, scope: _Scope) -> list[ColumnElement[str]]:
    return [shown.c[f"key_{name}"] for name in scope.by]


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


def _is_accepted(outcomes: Subquery, shown: CTE) -> ColumnElement[bool]:
    """On a grouped card, whether a suggestion of this rule was taken."""
    taken = ACCEPTED_SUGGESTION.c.suggestion_uuid
    is_own = func.replace(shown.c.suggestions, taken, "") != shown.c.suggestions
    own = exists().where(ACCEPTED_SUGGESTION.c.fingerprint == outcomes.c.fingerprint, is_own)
    return and_(outcomes.c.outcome == "accepted", or_(shown.c.card_group == "", own))


def _counts(connection: Connection, scope: _Scope) -> list[tuple[tuple[str, ...], int, int, int]]:
    """The keys of each line, and how many were issued, accepted and overridden."""
    shown, outcomes = _shown(scope), _outcomes()
    keys = _keys(shown, scope)
    query = (
        select(
            *keys,
            func.count(),
            func.sum(case((_is_accepted(outcomes, shown), 1), else_=0)),
            func.sum(case((outcomes.c.outcome == "overridden", 1), else_=0)),
        )
        .select_from(shown)
        .outerjoin(outcomes, _latest_of_card(outcomes, shown))
        .group_by(*keys)
        .order_by(*keys)
    )
    rows: Sequence[Any] = connection.execute(query).all()
    return [(tuple(found), issued, accepted, overridden) for *found, issued, accepted, overridden in rows]


def _reasons(connection: Connection, scope: _Scope) -> list[tuple[tuple[str, ...], ReasonCount]]:
    shown, outcomes = _shown(scope), _outcomes()
    keys = _keys(shown, scope)
    # The same code with another display is the same reason.
    reason = (outcomes.c.reason_code, func.coalesce(outcomes.c.reason_system, ""))
    query = (
        select(*keys, *reason, func.coalesce(func.max(outcomes.c.reason_display), ""), func.count())
        .select_from(shown)
        .join(outcomes, _latest_of_card(outcomes, shown))
        .where(outcomes.c.reason_code.is_not(None))
        .group_by(*keys, *reason)
        .order_by(*keys, func.count().desc(), *reason)
    )
    rows: Sequence[Any] = connection.execute(query).all()
    return [(tuple(row[: len(keys)]), ReasonCount(*row[len(keys) :])) for row in rows]


def _comments(connection: Connection, scope: _Scope) -> list[tuple[tuple[str, ...], str]]:
    shown = _shown(scope)
    keys = _keys(shown, scope)
    query = (
        select(*keys, FEEDBACK.c.user_comment)
        .select_from(shown)
        .join(FEEDBACK, is_shown_card(FEEDBACK, shown))
        .where(FEEDBACK.c.user_comment.is_not(None))
        .order_by(*keys, FEEDBACK.c.received_at, FEEDBACK.c.fingerprint)
    )
    return [(tuple(row[:-1]), row[-1]) for row in connection.execute(query)]


def _unmatched(connection: Connection, scope: _Scope) -> int:
    columns = (ISSUED_CARD.c.uuid, ISSUED_CARD.c.issuer, ISSUED_CARD.c.tenant)
    issued = select(*columns).cte("issued").prefix_with("MATERIALIZED")
    query = (
        select(func.count())
        .select_from(FEEDBACK)
        .outerjoin(issued, is_shown_card(FEEDBACK, issued))
        .where(_within(FEEDBACK.c.received_at, scope), issued.c.uuid.is_(None))
    )
    return connection.execute(query).scalar_one()


def _grouped(pairs: list[tuple[tuple[str, ...], Value]]) -> dict[tuple[str, ...], list[Value]]:
    groups: dict[tuple[str, ...], list[Value]] = {}
    for keys, value in pairs:
        groups.setdefault(keys, []).append(value)
    return groups
