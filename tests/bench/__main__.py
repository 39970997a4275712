"""Measure the service against the floor: ``make bench``, about four minutes on two cores.

What is compared is the processor time of a call: that of all processes of a server, in user code and in the
kernel. It hardly changes when the machine has other work to do, nor with what sends the requests. The floor
and the service take turns (A B A B ...) on the same server with the same number of workers and the same
requests, no two of which are for the same patient; the figures are medians over the rounds. Latency is
measured apart, with wrk where it is installed. A target that is missed is shown and does not fail the run; an
answer other than 200 does.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.bench.bodies import CONTEXT_OF_HOOK, body
from tests.bench.load import (
    NUMBERS_OF_A_CONNECTION,
    Load,
    exchange,
    has_wrk,
    http_request,
    many_connections,
    with_wrk,
)
from tests.bench.processes import CHECKOUT, Running, memory_mb, processor_seconds, running

_CONNECTIONS = 16
"""At which latency is measured."""
_FEW_CONNECTIONS = 4
"""Enough to keep two workers busy."""
_MOST_ROUNDS = 5
# Numbers of patients have eight digits: runs count up from 0, and what is written down begins far above.
_NUMBERS_OF_A_RUN = _CONNECTIONS * NUMBERS_OF_A_CONNECTION
_WRITTEN_DOWN = 98_765_000

_NO_TUMOUR, _MIX, _NET = "no tumour", "one NET in 50", "NET patient"
_LONG, _TEXT = "2,000 resources", "100 kB of report text"
_RATIO_AT_LEAST = {_NO_TUMOUR: 0.70, _MIX: 0.60, _NET: 0.35}
_TIMES_AT_MOST, _TEXT_MS_AT_MOST, _MEMORY_MB_AT_MOST = 40.0, 100.0, 130.0


@dataclass(frozen=True, slots=True)
class Call:
    """One of the calls of a row, which is sent for one patient after the other."""

    chart: str
    hook: str = "patient-view"


ROWS: Mapping[str, Sequence[Call]] = {
    _NO_TUMOUR: [Call("60 KB, no tumour")] * 20,
    _MIX: [Call("60 KB"), *[Call("60 KB, no tumour")] * 49],
    _NET: [Call("60 KB")] * 20,
    **{f"{_NET}, {hook}": [Call("60 KB", hook)] * 20 for hook in CONTEXT_OF_HOOK if hook != "patient-view"},
    _LONG: [Call("2,000 resources")] * 2,
    _TEXT: [Call("100 kB of report text")] * 2,
}
"""Name of the row -> what is sent in turn. The hook is patient-view where the name says no other."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The processor time of a call in each round, and the answers other than 200."""

    floor_ms: list[float] = field(default_factory=list)
    service_ms: list[float] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)

    def ratio(self) -> float:
        return median(self.floor_ms) / median(self.service_ms)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that has a target."""

    name: str
    value: float
    target: float
    at_least: bool = False

    def met(self) -> bool:
        return self.value >= self.target if self.at_least else self.value <= self.target

    def shown(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{sign} {self.target:g}: {'met' if self.met() else 'missed'}"


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        service = stack.enter_context(_service(folder, arguments))
        floor = stack.enter_context(_floor(folder, arguments))
        idle_mb = memory_mb(service.process)[1]
        if refused := _write_requests(folder, service):
            sys.stderr.write(f"{refused}\n{(folder / 'service.log').read_text()[-2000:]}\n")
            return 1
        runs = (number * _NUMBERS_OF_A_RUN for number in count())
        rows = _measure_rows(floor, service, folder, runs=runs, arguments=arguments)
        latency = _measure_latency(floor, service, folder, runs=runs, arguments=arguments)
        memory = memory_mb(service.process)
    figures = _figures(rows, memory[1])
    _print_tables(rows, latency, figures)
    failed = sum(sum(row.failed) for row in rows.values()) + sum(load.failed for load in latency.values())
    result = _result(rows, latency, figures) | {
        "memory_mb": round(memory[1], 1),
        "memory_with_master_mb": round(memory[0], 1),
        "memory_idle_mb": round(idle_mb, 1),
        "start_up_seconds": round(service.started_in, 2),
        "failed": failed,
        "workers": arguments.workers,
        "threads": arguments.threads,
        "cores": len(os.sched_getaffinity(0)),
        "generator": "wrk" if has_wrk() else "python",
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument(
        "--rounds",
        type=int,
        default=4,
        choices=range(1, _MOST_ROUNDS + 1),
        help="runs of floor and service each",
    )
    parser.add_argument("--seconds", type=float, default=2.5, help="length of one run")
    parser.add_argument(
        "--command",
        default=f"{sys.executable} -m service serve --host 127.0.0.1 --port {{port}}",
        help="what to measure instead of the service; {port} is filled in",
    )
    return parser.parse_args()


def _environment(folder: Path, arguments: argparse.Namespace) -> dict[str, str]:
    return {
        "NET_CDS_DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        "NET_CDS_SECRET_FILE": str(folder / "bench.secret"),
        "NET_CDS_WORKERS": str(arguments.workers),
        "NET_CDS_THREADS": str(arguments.threads),
    }


@contextmanager
def _service(folder: Path, arguments: argparse.Namespace) -> Iterator[Running]:
    environment = _environment(folder, arguments)
    # The tables are there at any start but the first, which keeps in memory what makes them.
    migrate = [sys.executable, "-m", "service", "migrate"]
    subprocess.run(migrate, cwd=CHECKOUT, env={**os.environ, **environment}, check=True, capture_output=True)
    with running(shlex.split(arguments.command), environment, folder / "service.log") as service:
        yield service


@contextmanager
def _floor(folder: Path, arguments: argparse.Namespace) -> Iterator[Running]:
    command = [sys.executable, "-m", "tests.bench.floor", "{port}"]
    with running(command, _environment(folder, arguments), folder / "floor.log") as floor:
        yield floor


def _write_requests(folder: Path, service: Running) -> str:
    """Write the requests of each row for both servers; what the service says to a call that it refuses.

    The floor is asked for as many bytes as the service answers to the same call.
    """
    numbers = count(_WRITTEN_DOWN)
    for row, calls in ROWS.items():
        for server in ("floor", "service"):
            (folder / row / server).mkdir(parents=True)
        for place, call in enumerate(calls):
            written = body(next(numbers), call.chart, call.hook)
            request = http_request(written, f"/cds-services/net-{call.hook}")
            _, status, answer_bytes = exchange(service.port, request)
            if status != 200:
                return f"The service answers {status} to {row}."
            (folder / row / "service" / f"{place:04d}").write_bytes(request)
            same = http_request(written, f"/cds-services/{answer_bytes}")
            (folder / row / "floor" / f"{place:04d}").write_bytes(same)
    return ""


def _measure_rows(
    floor: Running, service: Running, folder: Path, *, runs: Iterator[int], arguments: argparse.Namespace
) -> dict[str, Measured]:
    rows = {row: Measured() for row in ROWS}
    for _ in range(arguments.rounds):
        for row, measured in rows.items():
            first = next(runs)
            for server, name, found in (
                (floor, "floor", measured.floor_ms),
                (service, "service", measured.service_ms),
            ):
                used = processor_seconds(server.process)
                load = many_connections(
                    server.port,
                    folder / row / name,
                    first=first,
                    connections=_FEW_CONNECTIONS,
                    seconds=arguments.seconds,
                )
                found.append((processor_seconds(server.process) - used) * 1000 / load.requests)
                measured.failed.append(load.failed)
    return rows


def _measure_latency(
    floor: Running, service: Running, folder: Path, *, runs: Iterator[int], arguments: argparse.Namespace
) -> dict[str, Load]:
    send = with_wrk if has_wrk() else many_connections
    return {
        name: send(
            server.port,
            folder / _NET / name,
            first=next(runs),
            connections=_CONNECTIONS,
            seconds=4 * arguments.seconds,
        )
        for name, server in (("floor", floor), ("service", service))
    }


def _figures(rows: Mapping[str, Measured], memory: float) -> dict[str, Figure]:
    """The figures with a target, by their name in the result."""
    ratios = {
        row: Figure(f"{row}: processor time of the floor / of the service", rows[row].ratio(), target, True)
        for row, target in _RATIO_AT_LEAST.items()
    }
    times = median(rows[_LONG].service_ms) / median(rows[_NET].service_ms)
    return ratios | {
        "times_60kb": Figure(f"{_LONG}: times the processor time of {_NET}", times, _TIMES_AT_MOST),
        "report_text_ms": Figure(
            f"{_TEXT}: processor time in ms", median(rows[_TEXT].service_ms), _TEXT_MS_AT_MOST
        ),
        "memory_mb": Figure("memory of the workers in MB", memory, _MEMORY_MB_AT_MOST),
    }


def _result(
    rows: Mapping[str, Measured], latency: Mapping[str, Load], figures: Mapping[str, Figure]
) -> dict[str, object]:
    return {
        "rows": {
            row: {
                "floor_cpu_ms": round(median(measured.floor_ms), 3),
                "service_cpu_ms": round(median(measured.service_ms), 3),
                "ratio": round(measured.ratio(), 3),
            }
            for row, measured in rows.items()
        },
        "p50_ms": round(latency["service"].p50_ms, 2),
        "p99_ms": round(latency["service"].p99_ms, 2),
        "floor_p99_ms": round(latency["floor"].p99_ms, 2),
        "times_60kb": round(figures["times_60kb"].value, 1),
        "report_text_ms": round(figures["report_text_ms"].value, 1),
        "missed": [name for name, figure in figures.items() if not figure.met()],
    }


def _print_tables(
    rows: Mapping[str, Measured], latency: Mapping[str, Load], figures: Mapping[str, Figure]
) -> None:
    table = Table(title="Processor time of a call in ms")
    for heading in ("", "floor", "service", "ratio"):
        table.add_column(heading, justify="right" if heading else "left")
    for row, measured in rows.items():
        milliseconds = (f"{median(times):.3f}" for times in (measured.floor_ms, measured.service_ms))
        table.add_row(row, *milliseconds, f"{measured.ratio():.3f}")
    slow = Table(title=f"Latency at {_CONNECTIONS} connections, {_NET}, in ms")
    for heading in ("", "p50", "p99"):
        slow.add_column(heading, justify="right" if heading else "left")
    for name, load in latency.items():
        slow.add_row(name, f"{load.p50_ms:.1f}", f"{load.p99_ms:.1f}")
    targets = Table(title="Targets")
    for heading in ("", "measured", "target"):
        targets.add_column(heading, justify="right" if heading == "measured" else "left")
    for figure in figures.values():
        targets.add_row(figure.name, f"{figure.value:.2f}", figure.shown())
    Console().print(table, slow, targets)


if __name__ == "__main__":
    sys.exit(main())
