"""What a cohort run says as a whole: ``summary.json``, ``timing.json``, ``problems.csv`` and ``report.html``.

The report is one file without anything from outside. Figures are of openings: one call of one hook for one
patient on one day.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import orjson

from service.cohort.private_files import write
from service.cohort.results import WORKLISTS, Results
from service.cohort.sources import Problem

_TEMPLATE = Path(__file__).with_name("report.html.jinja")


def summarise(
    results: Results, *, counts: Mapping[str, int], documents: int, openings: int, problems: int, content: str
) -> dict[str, Any]:
    """The figures of a run; ``openings`` are those of one patient."""
    patients = counts.get("patients", 0) + documents
    with_tumour = _one(
        results, "SELECT count(DISTINCT patient) FROM openings WHERE side = 'used' AND has_tumour"
    )
    return {
        "content": content,
        "patients": patients,
        "openings": patients * openings,
        "lines": dict(counts),
        "problems": problems,
        "net_patients": with_tumour,
        "openings_with_a_card": _one(
            results, "SELECT count(*) FROM openings WHERE side = 'used' AND cards > 0"
        ),
        "cards": _one(results, "SELECT coalesce(sum(cards), 0)::BIGINT FROM openings WHERE side = 'used'"),
        "warnings": _one(
            results,
            "SELECT count(*) FROM (SELECT DISTINCT patient, hook, day, place FROM cards "
            "WHERE side = 'used' AND indicator IN ('warning', 'critical'))",
        ),
        "rules": _by(results, "rule, wording, indicator", "cards"),
        "hooks": _by(results, "hook, indicator", "cards"),
        "days": _by(results, "day", "cards"),
        "not_assessed": _by(results, "rule, section", "not_assessed"),
        "worklists": {
            name: _one(results, f"SELECT count(DISTINCT patient) FROM cards WHERE side = 'used' AND {chosen}")
            for name, chosen in WORKLISTS.items()
        },
    }


def _one(results: Results, sql: str) -> int:
    return int(results.query(sql)[0][0])


def _by(results: Results, columns: str, table: str) -> list[dict[str, Any]]:
    """How many rows and patients there are by these columns."""
    names = [one.strip() for one in columns.split(",")]
    rows = results.query(
        f"SELECT {columns}, count(*) AS times, count(DISTINCT patient) AS patients FROM {table} "
        f"WHERE side = 'used' GROUP BY ALL ORDER BY times DESC, {columns}"
    )
    return [dict(zip([*names, "times", "patients"], row, strict=True)) for row in rows]


def write_report(
    folder: Path, summary: Mapping[str, Any], results: Results, problems: Sequence[Problem], *, seconds: float
) -> list[Path]:
    """Write the files; only the owner may read them."""
    timing = _timing(results, summary["patients"], seconds)
    proposed = results.query(
        "SELECT local_system, local_code, words, system, code, sum(times)::BIGINT FROM proposed "
        "WHERE side = 'used' GROUP BY ALL ORDER BY 6 DESC, 1, 2, 3 LIMIT 100"
    )
    page = _page(summary=summary, timing=timing, proposed=proposed, problems=problems)
    return [
        write(
            folder / "summary.json",
            orjson.dumps(summary, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
        ),
        write(
            folder / "timing.json",
            orjson.dumps(timing, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
        ),
        write(folder / "problems.csv", _csv(problems)),
        write(folder / "report.html", page.encode()),
    ]


def _timing(results: Results, patients: int, seconds: float) -> dict[str, Any]:
    """What differs from run to run, and therefore stands apart."""
    spent = [row[0] for row in results.query("SELECT milliseconds FROM done")]
    return {
        "seconds": round(seconds, 3),
        "patients_per_second": round(patients / seconds, 1) if seconds else None,
        "charts_read_whole": len(spent),
        "milliseconds_per_chart_median": round(statistics.median(spent), 2) if spent else None,
        "milliseconds_per_chart_most": round(max(spent), 2) if spent else None,
    }


def _page(**values: Any) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(**values)


def _csv(problems: Sequence[Problem]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "line", "says"))
    writer.writerows((one.file, one.line or "", one.says) for one in problems)
    return text.getvalue().encode()
