"""The lines of an export by patient, on one machine; DuckDB reads the files and keeps what is wanted on disk.

Most patients have nothing that names a tumour, and the engine leaves their charts at the Conditions
(:func:`service.engine.gather`). So does a cohort: the Conditions are looked at first, each way of naming
something once, and only the patients who are left have their whole charts read.
https://duckdb.org/docs/stable/data/csv/overview
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import duckdb

from service.cohort.assess import Job
from service.cohort.owners import owner_of
from service.cohort.sources import LONGEST_LINE, Problem, opened, why_odd
from service.errors import MalformedRequest
from service.fhir.r4 import TYPES
from service.json_body import read_object

_MEMORY_MB = 600

_PATHS = (
    "$.resourceType",
    "$.id",
    "$.subject.reference",
    "$.patient.reference",
    "$.participant[0].actor.reference",
    "$.participant[1].actor.reference",
    "$.participant[2].actor.reference",
    "$.participant[3].actor.reference",
)
NAMING = (
    *("code", "bodySite", "extension", "evidence", "stage", "contained"),
    *(
        "clinicalStatus",
        "verificationStatus",
        "modifierExtension",
        "implicitRules",
        "meta.tag",
        "meta.security",
    ),
)
"""Elements of a Condition that decide whether it names a tumour, may hide one, or names neither."""

MayMatter = Callable[[Sequence[bytes]], list[bool]]
"""Whether a Condition, as a line, names a tumour, an organ in which one begins, or may hide one."""


class Lines:
    """The lines of the files, in a database whose file ``work`` survives an interruption."""

    def __init__(self, files: Sequence[str], work: Path, *, threads: int) -> None:
        self._files = tuple(files)
        self._database = duckdb.connect(str(work))
        self._database.execute(f"SET threads={threads}")
        self._database.execute(f"SET memory_limit='{_MEMORY_MB}MB'")
        self._database.execute(f"SET temp_directory='{work}.spill'")
        self._database.execute("SET preserve_insertion_order=false")
        self._database.execute(_OWNER)
        # A condition on what is taken from the JSON would be pushed down, and the JSON parsed for each use;
        # and how many lines there are is not known beforehand, so that a join might keep them all in memory.
        self._database.execute("SET disabled_optimizers = 'filter_pushdown,join_order,build_side_probe_side'")
        self._database.execute(f"CREATE TEMP TABLE kinds AS SELECT unnest([{_quoted(TYPES)}]) AS kind")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _keyed(self, where: str, files: Sequence[str] = ()) -> str:
        """The query for the lines that ``where`` chooses, with type, id and patient of each."""
        paths = ", ".join(f"'{path}'" for path in _PATHS)
        columns = "columns={'line': 'VARCHAR'}, delim='\x01', quote='', escape='', nullstr='\x02'"
        named = ", ".join("'" + one.replace("'", "''") + "'" for one in files or self._files)
        return f"""
            WITH raw AS (
                SELECT filename, line FROM read_csv([{named}], {columns}, header=false, auto_detect=false,
                    filename=true, max_line_size={LONGEST_LINE}, buffer_size={2 * LONGEST_LINE},
                    strict_mode=false, ignore_errors=true)
                WHERE {where}
            ),
            keyed AS (
                SELECT filename, line,
                    try(json_extract_string(line, [{paths}])) AS key
                FROM raw
            )
            SELECT filename, line, key IS NOT NULL AS is_json, key[1] AS kind, key[2] AS id,
                owner(key) AS patient
            FROM keyed
        """

    def survey(self, may_matter: MayMatter, histology_codes: Sequence[str]) -> None:
        """Find the patients whose charts have to be read, and the lines that nobody can read."""
        if self._has("wanted"):
            return
        run = self._database.execute
        codes = "|".join(re.escape(code) for code in histology_codes)
        naming = ", ".join(f"'$.{name}'" for name in NAMING)
        signature = f"md5(json_extract(line, [{naming}])::VARCHAR)"
        run(f"""
            CREATE OR REPLACE TABLE surveyed AS SELECT filename, kind, patient, is_json,
                CASE WHEN kind = 'Condition' THEN {signature} END AS named,
                kind = 'Observation' AND regexp_matches(line, '"({codes})"') AS is_histology,
                (kind IS NULL OR kind NOT IN ({_quoted((*TYPES, "Medication"))})) AS is_other
            FROM ({self._keyed(_NOT_BLANK)})
        """)
        samples = self._samples(signature)
        kept = may_matter([line.encode() for _name, line in samples])
        kept_names = [(name,) for (name, _line), matters in zip(samples, kept, strict=True) if matters]
        run("CREATE OR REPLACE TEMP TABLE naming (named VARCHAR)")
        if kept_names:
            self._database.executemany("INSERT INTO naming VALUES (?)", kept_names)
        run("CREATE OR REPLACE TABLE counted AS " + _COUNTED)
        run("""CREATE OR REPLACE TABLE faulty AS
            SELECT filename, count(*) AS lines FROM surveyed
            WHERE NOT is_json OR kind IS NULL OR (patient IS NULL AND NOT is_other AND kind <> 'Medication')
            GROUP BY filename""")
        run("""CREATE TABLE wanted AS SELECT DISTINCT patient FROM surveyed
            WHERE patient IS NOT NULL AND (is_histology OR named IN (SELECT named FROM naming))""")
        run("DROP TABLE surveyed")

    def _samples(self, signature: str) -> list[tuple[str, str]]:
        """One Condition for each way of naming something."""
        run = self._database.execute
        found = run(
            "SELECT DISTINCT filename FROM surveyed WHERE kind = 'Condition' ORDER BY filename"
        ).fetchall()
        if not found:
            return []
        lines = self._keyed(_mentioning("Condition"), files=[name for (name,) in found])
        return run(f"""SELECT CASE WHEN kind = 'Condition' THEN {signature} END AS named, min(line)
            FROM ({lines}) GROUP BY named HAVING named IS NOT NULL ORDER BY named""").fetchall()

    def collect(self) -> None:
        """Bring together the charts of the patients who are wanted, and the drugs that they name."""
        if self._has("charts"):
            return
        run = self._database.execute
        run(f"""CREATE OR REPLACE TABLE found AS
            SELECT patient, kind, id, line FROM ({self._keyed(_NOT_BLANK)})
            WHERE patient IN (SELECT patient FROM wanted) AND kind IN (SELECT kind FROM kinds)""")
        run("""CREATE OR REPLACE TABLE named AS SELECT DISTINCT patient,
            regexp_extract(line->>'$.medicationReference.reference', 'Medication/([^/]+)', 1) AS id
            FROM found WHERE line->>'$.medicationReference.reference' IS NOT NULL""")
        if run("SELECT 1 FROM named LIMIT 1").fetchone():
            run(f"""INSERT INTO found SELECT named.patient, drug.kind, drug.id, drug.line FROM named
                JOIN ({self._keyed(_mentioning("Medication"))}) drug ON drug.id = named.id
                WHERE drug.kind IN (SELECT 'Medication' FROM kinds)""")
        run("ALTER TABLE found RENAME TO charts")

    def _has(self, table: str) -> bool:
        found = self._database.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE table_name = ? AND NOT temporary", [table]
        ).fetchone()
        return bool(found and found[0])

    @property
    def counts(self) -> dict[str, int]:
        """How many lines and patients there are, and resources by what becomes of them."""
        names = ("lines", "patients", "of_no_patient", "of_other_types", "not_json")
        row = self._database.execute("SELECT * FROM counted").fetchone() or (0,) * len(names)
        return dict(zip(names, row, strict=True))

    @property
    def patients(self) -> int:
        """How many patients' charts are read whole."""
        found = self._database.execute("SELECT count(DISTINCT patient) FROM charts").fetchone()
        return int(found[0]) if found else 0

    def jobs(self) -> Iterator[Job]:
        """A job for each patient, in the order of their ids; the lines of each in an order of their own."""
        cursor = self._database.cursor()
        cursor.execute(
            "SELECT patient, list(line ORDER BY kind, id, line) FROM charts GROUP BY patient ORDER BY patient"
        )
        while rows := cursor.fetchmany(50):
            for patient, lines in rows:
                yield Job(patient, patient_id=patient, lines=tuple(one.encode() for one in lines))

    def problems(self, most: int = 10_000) -> Iterator[Problem]:
        """The lines that cannot be read or belong to nobody, by file and number."""
        files = self._database.execute("SELECT filename FROM faulty ORDER BY filename").fetchall()
        for (name,) in files:
            for problem in faulty_lines(name):
                if most <= 0:
                    return
                most -= 1
                yield problem


_OWNER = r"""
CREATE OR REPLACE MACRO owner(key) AS CASE
    WHEN key[1] = 'Patient' THEN key[2]
    WHEN starts_with(coalesce(key[3], key[4]), 'Patient/') THEN split_part(coalesce(key[3], key[4]), '/', 2)
    WHEN coalesce(key[3], key[4], key[5], key[6], key[7], key[8]) IS NULL THEN NULL
    ELSE nullif(coalesce(
        nullif(regexp_extract(concat_ws(' ', key[3], key[4], key[5], key[6], key[7], key[8]),
            '(?:^|/| )Patient/([^/ ]+)', 1), ''),
        regexp_extract(coalesce(key[3], key[4]), '^urn:uuid:(.+)$', 1)
    ), '')
END
"""
"""Nearly every export refers to its patients as ``Patient/id``; the rest takes longer."""

_COUNTED = """
SELECT count(*) AS lines,
    count(DISTINCT patient) AS patients,
    count(*) FILTER (WHERE is_json AND patient IS NULL AND NOT is_other AND kind <> 'Medication')
        AS of_no_patient,
    count(*) FILTER (WHERE is_json AND is_other) AS of_other_types,
    count(*) FILTER (WHERE NOT is_json) AS not_json
FROM surveyed
"""


_NOT_BLANK = "strlen(line) > 1"


def _mentioning(kind: str) -> str:
    """Chooses lines that may be of one type, before they are parsed."""
    return f"""contains(line, '"{kind}"')"""


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def faulty_lines(name: str) -> Iterator[Problem]:
    """Read one file again, line by line, for the places of what is wrong in it."""
    with opened(name) as lines:
        for number, line in enumerate(lines, start=1):
            if says := _fault_of(line.removeprefix(codecs.BOM_UTF8).strip()):
                yield Problem(name, number, says)


def _fault_of(line: bytes) -> str:
    if not line or why_odd(line):  # such a line is named when the files are looked for
        return ""
    try:
        resource = read_object(line)
    except MalformedRequest as fault:
        return f"{fault.path} {fault.message}"
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        return "$.resourceType is missing"
    return f"the {kind} does not say whose it is" if kind in TYPES and not owner_of(resource) else ""
