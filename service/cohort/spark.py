"""The same run on a Spark cluster: the lines are brought together by Spark, everything else stays the same.

https://spark.apache.org/docs/latest/api/python/. The functions are those of the run on one machine, so that
the results are the same; ``deploy/spark.md`` says how to start it. Needs the optional extra ``spark``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from service.cohort.assess import Job, Options, Outcome, assess
from service.cohort.grouping import NAMING, faulty_lines
from service.cohort.owners import may_matter, owner_of
from service.cohort.sources import Problem
from service.config import Settings
from service.documents import mapping, string
from service.errors import ConfigurationError
from service.fhir.r4 import TYPES
from service.site import Site

_CHECKOUT = Path(__file__).parents[2]
_BLANK, _NOT_JSON, _NOBODYS, _OTHER, _READ = "blank", "not JSON", "nobody's", "of another type", "read"


class Keyed(NamedTuple):
    """A line with its patient, type and id; ``fate`` says what becomes of it."""

    fate: str
    patient: str = ""
    kind: str = ""
    id: str = ""
    line: str = ""


class SparkCharts:
    """The charts of an export, grouped by Spark; has the same methods as those grouped on one machine."""

    def __init__(
        self,
        files: Sequence[str],
        master: str,
        settings: Settings,
        compared: Settings | None,
        options: Options,
    ) -> None:
        self._files, self._options, self._contents = tuple(files), options, (settings, compared)
        session = _session(master)
        self._context = session.sparkContext
        # A path is taken as it is: Spark would read wildcards in it.
        self._lines = session.read.text([f"file://{Path(one).resolve()}" for one in files]).rdd.map(_keyed)
        self.counts = self._counted()
        self._jobs = self._charts()
        self.patients = self._jobs.count()

    def _counted(self) -> dict[str, int]:
        patients = self._lines.map(lambda one: one.patient).filter(bool).distinct().count()
        fates = self._lines.map(lambda one: one.fate).countByValue()
        return {
            "lines": sum(count for fate, count in fates.items() if fate != _BLANK),
            "patients": patients,
            "of_no_patient": fates.get(_NOBODYS, 0),
            "of_other_types": fates.get(_OTHER, 0),
            "not_json": fates.get(_NOT_JSON, 0),
        }

    def _charts(self) -> Any:
        """A job for each patient who is wanted; the lines of each in the order of type, id and text."""
        contents = self._contents
        named = self._lines.mapPartitions(lambda lines: _naming(lines, contents)).distinct().collect()
        wanted = self._context.broadcast(frozenset(named))
        charts = (
            self._lines.filter(lambda one: one.kind in TYPES and one.patient in wanted.value)
            .map(lambda one: (one.patient, one))
            .groupByKey()
            .cache()
        )
        drugs = frozenset(charts.flatMap(lambda one: _drugs_named(one[1])).distinct().collect())
        found = (
            self._lines.filter(lambda one: one.kind == "Medication" and one.id in drugs).collect()
            if drugs
            else []
        )
        beside = self._context.broadcast({one.id: one for one in sorted(found)})
        return charts.map(lambda one: _job(one[0], one[1], beside.value)).sortBy(lambda job: job.name)

    def outcomes(self) -> Iterator[tuple[Outcome, Outcome | None]]:
        """What came of each chart, assessed on the cluster."""
        contents, options = self._contents, self._options
        yield from self._jobs.mapPartitions(lambda jobs: _assessed(jobs, contents, options)).toLocalIterator()

    def jobs(self) -> Iterator[Job]:
        """None: they are assessed on the cluster."""
        return iter(())

    def problems(self) -> Iterator[Problem]:
        """The lines that cannot be read or belong to nobody."""
        if self.counts["not_json"] or self.counts["of_no_patient"]:
            for name in self._files:
                yield from faulty_lines(name)

    def close(self) -> None:
        """Stop Spark."""
        self._context.stop()


def _session(master: str) -> Any:
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise ConfigurationError(
            ["--engine spark needs the optional extra 'spark': install pyspark as pyproject.toml names it"]
        ) from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("net-cds cohort")
    builder = builder.config("spark.executorEnv.PYTHONPATH", str(_CHECKOUT)).config(
        "spark.ui.enabled", "false"
    )
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(_CHECKOUT), os.environ.get("PYTHONPATH", "")))
    )
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _keyed(row: Any) -> Keyed:
    line = row[0]
    if len(line) <= 1:
        return Keyed(_BLANK)
    try:
        resource = mapping(orjson.loads(line))
    except ValueError:
        return Keyed(_NOT_JSON)
    kind, identity, patient = (
        string(resource.get("resourceType")),
        string(resource.get("id")),
        owner_of(resource),
    )
    if kind not in TYPES and kind != "Medication":
        return Keyed(_OTHER, patient)
    fate = _READ if patient or kind == "Medication" else _NOBODYS
    return Keyed(fate, patient, kind, identity, line)


Contents = tuple[Settings, Settings | None]
"""The settings of the content in use, and of that to compare with."""


@cache
def _site(settings: Settings) -> Site:
    """The content, read once by each process of the cluster."""
    from service.cohort.run import whole

    return whole(settings)


def _naming(lines: Iterable[Keyed], contents: Contents) -> Iterator[str]:
    """The patients of whom a Condition or a histology asks for the whole chart; each way of naming once."""
    used = [_site(one) for one in contents if one]
    histologies = tuple(f'"{code}"' for one in used for code in one.content.terminology.histology_codes)
    seen: dict[bytes, bool] = {}
    for one in lines:
        if one.kind == "Condition" and one.patient:
            sign = _signature(one.line)
            if sign not in seen:
                seen[sign] = any(may_matter([one.line.encode()], each.content)[0] for each in used)
            if seen[sign]:
                yield one.patient
        elif one.kind == "Observation" and one.patient and any(code in one.line for code in histologies):
            yield one.patient


def _signature(line: str) -> bytes:
    condition = mapping(orjson.loads(line))
    meta = mapping(condition.get("meta"))
    named = [meta.get(name[5:]) if name.startswith("meta.") else condition.get(name) for name in NAMING]
    return orjson.dumps(named)


def _drugs_named(lines: Iterable[Keyed]) -> Iterator[str]:
    for one in lines:
        if "medicationReference" in one.line:
            named = string(
                mapping(mapping(orjson.loads(one.line)).get("medicationReference")).get("reference")
            )
            yield named.rpartition("Medication/")[2].partition("/")[0]


def _job(patient: str, lines: Iterable[Keyed], drugs: dict[str, Keyed]) -> Job:
    own = list(lines)
    own += [drugs[name] for name in sorted(set(_drugs_named(own))) if name in drugs]
    ordered = sorted(own, key=lambda one: (one.kind, one.id, one.line))
    return Job(patient, patient_id=patient, lines=tuple([one.line.encode() for one in ordered]))


def _assessed(
    jobs: Iterable[Job], contents: Contents, options: Options
) -> Iterator[tuple[Outcome, Outcome | None]]:
    used, compared = _site(contents[0]), contents[1] and _site(contents[1])
    for job in jobs:
        yield assess(job, used, options), assess(job, compared, options) if compared else None
