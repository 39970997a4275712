"""The report on feedback as ``feedback report`` prints it: a table, CSV or JSON.

No worker of the service needs this, nor the library that draws the table.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.store.report import FeedbackReport, Line

_WIDTH_WITHOUT_TERMINAL = 160
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_json(found: FeedbackReport) -> str:
    """The report as indented JSON; rates are fractions, rounded to three places."""
    lines = [
        {
            **dict(zip(found.by, rule.keys, strict=True)),
            "issued": rule.issued,
            "accepted": rule.accepted,
            "overridden": rule.overridden,
            "acceptanceRate": round(rule.acceptance_rate, 3),
            "overrideRate": round(rule.override_rate, 3),
            "openings": rule.openings,
            "per100Openings": _rounded(rule.per_100_openings),
            "reasons": rule.reasons,
            "comments": rule.comments,
        }
        for rule in found.lines
    ]
    whole = {
        "since": found.since,
        "until": found.until,
        "by": found.by,
        "shadow": found.is_shadow,
        "lines": lines,
        "unmatchedFeedback": found.unmatched,
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode() + "\n"


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def as_csv(found: FeedbackReport) -> str:
    """One line for each set of keys; several reasons or comments share a cell, a line each."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        (
            *found.by,
            "issued",
            "accepted",
            "overridden",
            "acceptance_rate",
            "override_rate",
            "openings",
            "per_100_openings",
            "reasons",
            "comments",
        )
    )
    for rule in found.lines:
        rates = (f"{rule.acceptance_rate:.3f}", f"{rule.override_rate:.3f}")
        often = (rule.openings, _rounded(rule.per_100_openings))
        texts = (_cell(_reason_lines(rule)), _cell(rule.comments))
        keys = [_cell([key]) for key in rule.keys]
        writer.writerow((*keys, rule.issued, rule.accepted, rule.overridden, *rates, *often, *texts))
    return out.getvalue()


def _reason_lines(rule: Line) -> list[str]:
    return [f"{reason.count} x {reason.display or reason.code}" for reason in rule.reasons]


def _cell(lines: Sequence[str]) -> str:
    # A spreadsheet runs a cell that begins like a formula, and clients choose these texts.
    text = "\n".join(lines)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def as_table(found: FeedbackReport) -> str:
    """The report for a terminal."""
    what = "Cards tried out and not shown" if found.is_shadow else "Cards shown"
    table = Table(title=f"{what} from {found.since:%Y-%m-%d} to {found.until:%Y-%m-%d}")
    for name in found.by:
        table.add_column(name.capitalize())
    for heading in ("Issued", "Per 100 openings", "Accepted", "Overridden"):
        table.add_column(heading, justify="right")
    table.add_column("Reasons")
    if any(rule.comments for rule in found.lines):
        table.add_column("Comments")
    for rule in found.lines:
        table.add_row(*_table_row(rule)[: len(table.columns)])
    console = Console(file=io.StringIO(), width=_WIDTH_WITHOUT_TERMINAL)
    with console.capture() as written:
        console.print(table)
        console.print(f"Feedback on cards that are not in this store: {found.unmatched}")
    return written.get()


def _table_row(rule: Line) -> tuple[Text | str, ...]:
    often = rule.per_100_openings
    return (
        *[_plain([key]) for key in rule.keys],
        str(rule.issued),
        "" if often is None else f"{often:.1f}",
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
