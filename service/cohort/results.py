"""What a cohort run found: kept in a database while it runs, and written as files at its end.

Outcomes are added by the batch in one transaction each, so that a run which was stopped goes on where it
was. The files are sorted by patient, so that they do not depend on how many processes there were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import duckdb

from service.cohort.assess import CardRow, Opening, Outcome, UnassessedRow
from service.cohort.sources import Problem
from service.commands.own_codes import Proposal


class UnitRow(NamedTuple):
    """How often a unit was seen, of what, and whether its values can be compared."""

    of: str
    unit: str
    comparable: bool
    times: int


_TABLES: dict[str, type] = {
    "cards": CardRow,
    "not_assessed": UnassessedRow,
    "openings": Opening,
    "proposed": Proposal,
    "units": UnitRow,
}
_TYPES = {int: "BIGINT", bool: "BOOLEAN"}

COMPARED = "compared"
"""The side of what other content would have said; that of the content in use is ``used``."""

WORKLISTS = {
    "net-without-receptor-imaging": "rule = 'sstr-imaging'",
    "operation-without-cover": "rule = 'octreotide-prophylaxis' AND wording <> 'anticipatory'",
}
"""File -> which rows of cards it lists, each patient once."""


class Results:
    """The rows of a run, by ``side``: of the content in use, and of other content to compare with it."""

    def __init__(self, database: Path) -> None:
        self._database = duckdb.connect(str(database))
        for name, row in _TABLES.items():
            columns = ", ".join(f"{field} {_sql_type(row, field)}" for field in get_type_hints(row))
            self._database.execute(f"CREATE TABLE IF NOT EXISTS {name} (side VARCHAR, {columns})")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS done (name VARCHAR PRIMARY KEY, place VARCHAR, fault VARCHAR, "
            "milliseconds DOUBLE)"
        )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def done(self) -> frozenset[str]:
        """The jobs that were finished."""
        return frozenset(name for (name,) in self._database.execute("SELECT name FROM done").fetchall())

    def add(self, outcomes: Iterable[tuple[Outcome, Outcome | None]]) -> None:
        """Keep finished jobs, all of a batch or none; each with what other content would have said."""
        self._database.begin()
        for used, compared in outcomes:
            self._add("used", used)
            if compared is not None:
                self._add(COMPARED, compared)
            self._database.execute(
                "INSERT INTO done VALUES (?, ?, ?, ?)",
                [used.name, used.place, used.fault, used.milliseconds],
            )
        self._database.commit()

    def _add(self, side: str, outcome: Outcome) -> None:
        rows: dict[str, Sequence[Sequence[Any]]] = {
            "cards": outcome.cards,
            "not_assessed": outcome.unassessed,
            "openings": outcome.openings,
            "proposed": outcome.proposed,
            "units": [UnitRow(one.of, one.unit, one.comparable, one.count) for one in outcome.units],
        }
        for name, found in rows.items():
            if found:
                holes = ", ".join("?" * (len(found[0]) + 1))
                self._database.executemany(
                    f"INSERT INTO {name} VALUES ({holes})", [[side, *one] for one in found]
                )

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows that a query gives."""
        return self._database.execute(sql, list(values)).fetchall()

    def faults(self) -> list[Problem]:
        """The jobs that could not be assessed, and why."""
        found = self.query("SELECT place, fault FROM done WHERE fault <> '' ORDER BY ALL")
        return [Problem(place, 0, fault) for place, fault in found]

    def write(self, folder: Path) -> list[Path]:
        """Write the tables as Parquet and CSV, the worklists and the proposed map; gives the files."""
        rows = {
            "cards": f"SELECT {_fields(CardRow)} FROM cards WHERE side = 'used' ORDER BY ALL",
            "not_assessed": f"SELECT {_fields(UnassessedRow)} FROM not_assessed WHERE side = 'used' "
            "ORDER BY ALL",
        }
        rows |= {
            f"worklist-{name}": "SELECT patient, max(day) AS day, min(hook) AS hook, "
            f"{_LOUDEST} AS indicator, "
            "any_value(summary ORDER BY day DESC, summary) AS summary FROM cards "
            f"WHERE side = 'used' AND {chosen} GROUP BY patient ORDER BY ALL"
            for name, chosen in WORKLISTS.items()
        }
        rows["code-map-proposed"] = (
            "SELECT local_system, local_code, system, code, words, sum(times)::BIGINT AS times FROM proposed "
            "WHERE side = 'used' GROUP BY ALL ORDER BY ALL"
        )
        rows["units"] = (
            "SELECT of, unit, comparable, sum(times)::BIGINT AS times FROM units WHERE side = 'used' "
            "GROUP BY ALL ORDER BY ALL"
        )
        written = [self._copy(sql, folder / f"{name}.csv", "CSV, HEADER") for name, sql in rows.items()]
        written += [
            self._copy(rows[name], folder / f"{name}.parquet", "PARQUET")
            for name in ("cards", "not_assessed")
        ]
        return written

    def write_comparison(self, folder: Path) -> int:
        """Write who gains, loses or changes which card under the other content; gives how many there are."""
        path = self._copy(_COMPARISON, folder / "comparison.csv", "CSV, HEADER")
        return int(self.query(f"SELECT count(*) FROM read_csv('{_quoted(path)}', all_varchar=true)")[0][0])

    def _copy(self, sql: str, path: Path, form: str) -> Path:
        """Only the owner may read what is written."""
        path.touch(mode=0o600)
        self._database.execute(f"COPY ({sql}) TO '{_quoted(path)}' (FORMAT {form})")
        path.chmod(0o600)
        return path


_LOUDEST = "max_by(indicator, array_position(['info', 'warning', 'critical'], indicator))"

_COMPARISON = """
SELECT coalesce(u.patient, c.patient) AS patient, coalesce(u.hook, c.hook) AS hook,
    coalesce(u.day, c.day) AS day, coalesce(u.rule, c.rule) AS rule,
    CASE WHEN u.rule IS NULL THEN 'gained' WHEN c.rule IS NULL THEN 'lost' ELSE 'changed' END AS change,
    u.wording AS wording_now, c.wording AS wording_then,
    u.indicator AS indicator_now, c.indicator AS indicator_then
FROM (SELECT DISTINCT patient, hook, day, rule, wording, indicator FROM cards WHERE side = 'used') u
FULL JOIN (SELECT DISTINCT patient, hook, day, rule, wording, indicator FROM cards WHERE side = 'compared') c
    ON u.patient = c.patient AND u.hook = c.hook AND u.day = c.day AND u.rule = c.rule
WHERE u.rule IS NULL OR c.rule IS NULL OR u.wording <> c.wording OR u.indicator <> c.indicator
ORDER BY ALL
"""


def _fields(row: type) -> str:
    return ", ".join(get_type_hints(row))


def _sql_type(row: type, field: str) -> str:
    return _TYPES.get(get_type_hints(row)[field], "VARCHAR")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
