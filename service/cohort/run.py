"""One run over a cohort on this machine: find the charts, assess them in processes, write what was found.

A run that was stopped is gone on with by the same command: what DuckDB grouped and what was assessed stays
in the folder ``.work`` of the output until the files are written.
"""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import orjson

from service.cohort.assess import Job, Options, Outcome, assess
from service.cohort.grouping import Lines
from service.cohort.owners import may_matter
from service.cohort.private_files import create_new
from service.cohort.report import summarise, write_report
from service.cohort.results import Results
from service.cohort.sources import Problem, Sources, find_sources
from service.config import Settings
from service.errors import InputFileError
from service.site import Site, read_site, site_of
from service.web.wiring import knowledge_of

BATCH = 50  # charts that a process takes at a time; what is lost when a run is stopped
_WORK = ".work"
_KEY = "pseudonyms.key"

Advance = Callable[[str, int, int], None]
"""Is told what is done, how many of it, and of how many (0 where that is not known)."""

Pair = tuple[Outcome, Outcome | None]
"""What the content in use said, and what other content would have said."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. ``compared`` are the settings of other content to compare with, if any."""

    inputs: tuple[str, ...]
    output: Path
    settings: Settings
    compared: Settings | None
    options: Options
    processes: int
    with_ids: bool = False
    engine: str = "local"
    master: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """How a run ended: the problems of the input, and how many cards differ under the other content."""

    summary: dict[str, Any]
    problems: tuple[Problem, ...]
    differences: int
    files: tuple[Path, ...]


def run(plan: Plan, advance: Advance) -> Found:
    """Carry a plan out. Raises InputFileError, ContentError."""
    begun = time.perf_counter()
    sources, site = find_sources(plan.inputs), whole(plan.settings)
    compared = whole(plan.compared) if plan.compared else None
    plan = _opened(plan, sources, site, compared)
    work = plan.output / _WORK
    results = Results(work / "results.duckdb")
    advance("reading the files", 0, 0)
    if plan.engine == "spark" and sources.lines:
        grouped = _on_spark(plan, sources, results, advance)
    else:
        grouped = _grouped(plan, sources, site, compared)
    _assess_all(plan, sources, grouped, results, advance)
    advance("writing the results", 0, 0)
    found = _written(plan, sources, grouped, results, site, time.perf_counter() - begun)
    results.close()
    grouped.close()
    shutil.rmtree(work)
    return found


def whole(settings: Settings) -> Site:
    """The content with what the site decides, for charts that no question by code has filtered."""
    content = dataclasses.replace(knowledge_of(settings), results_by_code=False)
    return site_of(read_site(settings.config_file), content)


def _opened(plan: Plan, sources: Sources, site: Site, compared: Site | None) -> Plan:
    """Make the folder, or go on in it; the moment and the key of a run that was stopped stay the same."""
    work = plan.output / _WORK
    try:
        if not _is_ours(plan.output):
            raise InputFileError(
                f"{plan.output}: holds files that are not of such a run; name a new or an empty folder."
            )
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        plan.output.chmod(0o700)
    except OSError as fault:
        raise InputFileError(f"{plan.output}: cannot be used as folder ({fault.strerror}).") from None
    mark, stated = work / "plan.json", _identity(plan, sources, site, compared)
    if mark.exists():
        earlier = orjson.loads(mark.read_bytes())
        if earlier["identity"] != stated:
            raise InputFileError(
                f"{plan.output}: holds an unfinished run with other input, options or content; name another "
                f"folder, or delete {_WORK} in it."
            )
        moments = tuple(datetime.fromisoformat(one) for one in earlier["moments"])
    else:
        moments = plan.options.moments
        written = {"identity": stated, "moments": [one.isoformat() for one in moments]}
        mark.write_bytes(orjson.dumps(written))
    key = None if plan.with_ids else _key(plan.output / _KEY)
    return dataclasses.replace(plan, options=dataclasses.replace(plan.options, moments=moments, key=key))


def _is_ours(output: Path) -> bool:
    """Whether it is new, empty, or of an earlier run: others lose access, and its files are replaced."""
    made = {_WORK, _KEY, "export", "summary.json"}
    names = {one.name for one in output.iterdir()} if output.exists() else set()
    return not names or bool(names & made)


def _identity(plan: Plan, sources: Sources, site: Site, compared: Site | None) -> str:
    names = [*sources.lines, *(one.file for one in sources.documents)]
    files = [(name, (stat := Path(name).stat()).st_size, stat.st_mtime_ns) for name in dict.fromkeys(names)]
    moments = [one.isoformat() for one in plan.options.moments] if plan.options.is_replay else []
    versions = [one.content.version if one else "" for one in (site, compared)]
    stated = [files, plan.options.hooks, moments, plan.with_ids, *versions, plan.engine]
    return hashlib.sha256(orjson.dumps(stated)).hexdigest()


def _key(path: Path) -> bytes:
    """The key of the pseudonyms; kept beside the results, for the same names in the next run."""
    if not path.exists():
        with create_new(path) as opened:
            opened.write(secrets.token_bytes(32))
    return path.read_bytes()[:64]


class Charts(Protocol):
    """The charts of an export, brought together."""

    @property
    def patients(self) -> int:
        """How many charts are read whole."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many lines there are, and what became of them."""

    def jobs(self) -> Iterator[Job]:
        """A job for each chart that is not assessed yet."""

    def problems(self) -> Iterator[Problem]:
        """The lines that cannot be read."""

    def close(self) -> None:
        """Let go of what they are kept in."""


class NoCharts:
    """There is no export among the input."""

    patients = 0
    counts: Mapping[str, int] = {}  # never written

    def jobs(self) -> Iterator[Job]:
        """None."""
        return iter(())

    def problems(self) -> Iterator[Problem]:
        """None."""
        return iter(())

    def close(self) -> None:
        """Nothing to do."""


def _grouped(plan: Plan, sources: Sources, site: Site, compared: Site | None) -> Charts:
    if not sources.lines:
        return NoCharts()
    lines = Lines(sources.lines, plan.output / _WORK / "lines.duckdb", threads=plan.processes)
    contents = [one.content for one in (site, compared) if one]
    lines.survey(
        lambda found: [
            any(flags) for flags in zip(*(may_matter(found, one) for one in contents), strict=True)
        ],
        sorted({code for one in contents for code in one.terminology.histology_codes}),
    )
    lines.collect()
    return lines


def _on_spark(plan: Plan, sources: Sources, results: Results, advance: Advance) -> Charts:
    """Bring together and assess the charts of the export on a cluster; documents are left to this machine."""
    from service.cohort.spark import SparkCharts

    charts = SparkCharts(sources.lines, plan.master, plan.settings, plan.compared, plan.options)
    done = results.done()
    left = (pair for pair in charts.outcomes() if pair[0].name not in done)
    finished = 0
    while pairs := list(islice(left, BATCH)):
        results.add(pairs)
        finished += len(pairs)
        advance("assessing charts", finished, charts.patients)
    return charts


def _assess_all(plan: Plan, sources: Sources, grouped: Charts, results: Results, advance: Advance) -> None:
    done = results.done()
    jobs = (one for one in chain(sources.documents, grouped.jobs()) if one.name not in done)
    finished, total = len(done), len(sources.documents) + grouped.patients
    advance("assessing charts", finished, total)
    for pairs in assessed(jobs, plan):
        results.add(pairs)
        finished += len(pairs)
        advance("assessing charts", finished, total)


def assessed(jobs: Iterable[Job], plan: Plan) -> Iterator[list[Pair]]:
    """The outcomes by the batch, in the order of the jobs; no more wait than the processes need."""
    jobs_left = iter(jobs)
    batches = iter(lambda: list(islice(jobs_left, BATCH)), [])
    started = (plan.settings, plan.compared, plan.options)
    if plan.processes == 1:
        _begin(*started)
        yield from map(assess_batch, batches)
        return
    spawned = get_context("spawn")
    with ProcessPoolExecutor(plan.processes, spawned, initializer=_begin, initargs=started) as pool:
        waiting: deque[Future[list[Pair]]] = deque()
        for batch in batches:
            waiting.append(pool.submit(assess_batch, batch))
            if len(waiting) > 2 * plan.processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


_process: dict[str, Any] = {}
"""What a process needs for every batch: the content, that to compare with, and the options; no chart."""


def _begin(settings: Settings, compared: Settings | None, options: Options) -> None:
    _process["used"] = whole(settings)
    _process["compared"] = whole(compared) if compared else None
    _process["options"] = options


def assess_batch(jobs: Sequence[Job]) -> list[Pair]:
    """Assess some charts in this process."""
    return [assess_pair(job, _process["used"], _process["compared"], _process["options"]) for job in jobs]


def assess_pair(job: Job, used: Site, compared: Site | None, options: Options) -> Pair:
    """One chart under the content in use, and under the other where there is one."""
    return assess(job, used, options), assess(job, compared, options) if compared else None


def _written(
    plan: Plan, sources: Sources, grouped: Charts, results: Results, site: Site, seconds: float
) -> Found:
    problems = (*sources.problems, *grouped.problems(), *results.faults())
    differences = results.write_comparison(plan.output) if plan.compared else 0
    files = results.write(plan.output)
    summary = summarise(
        results,
        counts=grouped.counts,
        documents=len(sources.documents),
        openings=len(plan.options.hooks) * len(plan.options.moments),
        problems=len(problems),
        content=site.content.version,
    )
    files += write_report(plan.output, summary, results, problems, seconds=seconds)
    return Found(summary, problems, differences, tuple(files))
