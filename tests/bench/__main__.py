"""Measure the service against the floor: ``make bench``, about four minutes on two cores.

The floor and the service run in turn (A B A B ...) on the same server with the same number of workers, so
that a change in the machine's speed falls on both; the figures are medians over the rounds. The processor
time for each request is given too: it hardly changes when the machine has other work to do.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.bench.bodies import CONTEXT_OF_HOOK, EDITED_ORDER, OBSERVATIONS_OF_SIZE, body, patient_id
from tests.bench.load import (
    Bodies,
    Load,
    exchange,
    has_wrk,
    http_request,
    many_connections,
    one_connection,
    path_of,
)
from tests.bench.processes import CHECKOUT, Running, memory_mb, processor_seconds, running

_PATIENTS = 64
_CONNECTIONS = 16
_SINGLE_REQUESTS = 400
# Numbers that no file holds: seventeen million for each round, one for each connection of a round.
_MILLION = 1_000_000
_MOST_ROUNDS = 5
_USUAL = "patient-view"
_NEW = "60 KB, every patient new"
_EDITED = "60 KB, order-select, every order new"


@dataclass(frozen=True, slots=True)
class Pair:
    """The rounds of the floor and of the service with the same bodies."""

    floor: list[Load] = field(default_factory=list)
    service: list[Load] = field(default_factory=list)
    floor_cpu_ms: list[float] = field(default_factory=list)
    service_cpu_ms: list[float] = field(default_factory=list)

    def requests_per_second(self) -> tuple[float, float]:
        return (
            median(load.requests_per_second for load in self.floor),
            median(load.requests_per_second for load in self.service),
        )

    def failed(self) -> int:
        return sum(load.failed for load in [*self.floor, *self.service])


def main() -> int:
    arguments = _arguments()
    console = Console(stderr=True)
    if not has_wrk():
        console.print("wrk is not installed (apt-get install wrk); a slower generator in Python is used.")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bodies = _write_bodies(Path(folder))
        service = stack.enter_context(_service(Path(folder), arguments))
        idle = memory_mb(service.process)
        status, answer_bytes = _first_answer(service)
        if status != 200:
            console.print(
                f"The service answers {status}:\n{(Path(folder) / 'service.log').read_text()[-2000:]}"
            )
            return 1
        floor = stack.enter_context(_floor(Path(folder), arguments, answer_bytes))
        pairs = {name: _measure(floor, service, one, arguments=arguments) for name, one in bodies.items()}
        usual = bodies["60 KB"]
        edited = replace(bodies["60 KB, order-select"], changing=EDITED_ORDER)
        pairs[_EDITED] = _measure(floor, service, edited, arguments=arguments)
        new = replace(usual, changing=patient_id(0))
        pairs[_NEW] = _measure(floor, service, new, arguments=arguments)
        singles = _measure_singles(floor, service, usual)
        loaded = memory_mb(service.process)
    _print_tables(pairs, singles)
    result = _result(pairs["60 KB"], singles, loaded) | {
        "failed": sum(pair.failed() for pair in pairs.values()),
        "ratio_200_kb": _ratio(pairs["200 KB"]),
        "ratio_first_sight": _ratio(pairs[_NEW]),
        "ratio_edited_order": _ratio(pairs[_EDITED]),
        "hooks": {hook: _of_hook(pairs[f"60 KB, {hook}"]) for hook in CONTEXT_OF_HOOK if hook != _USUAL},
        "answer_bytes": answer_bytes,
        "start_up_seconds": round(service.started_in, 2),
        "memory_idle_mb": round(idle[0], 1),
        "workers": arguments.workers,
        "threads": arguments.threads,
        "generator": "wrk" if has_wrk() else "python",
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if result["failed"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--rounds",
        type=int,
        default=_MOST_ROUNDS,
        choices=range(1, _MOST_ROUNDS + 1),
        help="runs of floor and service each",
    )
    parser.add_argument("--seconds", type=float, default=2, help="length of one run")
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
def _floor(folder: Path, arguments: argparse.Namespace, answer_bytes: int) -> Iterator[Running]:
    command = [sys.executable, "-m", "tests.bench.floor", "{port}", str(answer_bytes)]
    with running(command, _environment(folder, arguments), folder / "floor.log") as floor:
        yield floor


def _write_bodies(folder: Path) -> dict[str, Bodies]:
    """The bodies to send by their name in the table, a file for each patient."""
    bodies = {size: _written(folder / size, size, _USUAL) for size in OBSERVATIONS_OF_SIZE}
    for hook in CONTEXT_OF_HOOK:
        if hook != _USUAL:
            bodies[f"60 KB, {hook}"] = _written(folder / hook, "60 KB", hook)
    return bodies


def _written(folder: Path, size: str, hook: str) -> Bodies:
    folder.mkdir()
    for number in range(_PATIENTS):
        (folder / f"{number}.json").write_bytes(body(number, size, hook))
    return Bodies(folder, hook)


def _first_answer(service: Running) -> tuple[int, int]:
    return exchange(service.port, http_request(body(0, "60 KB"), path_of(_USUAL)))[1:]


def _measure(floor: Running, service: Running, bodies: Bodies, *, arguments: argparse.Namespace) -> Pair:
    pair = Pair()
    for number in range(arguments.rounds):
        bodies = replace(bodies, changing_from=(17 * number + 1) * _MILLION)
        for server, loads, cpu_ms in (
            (floor, pair.floor, pair.floor_cpu_ms),
            (service, pair.service, pair.service_cpu_ms),
        ):
            used = processor_seconds(server.process)
            load = many_connections(server.port, bodies, connections=_CONNECTIONS, seconds=arguments.seconds)
            loads.append(load)
            cpu_ms.append((processor_seconds(server.process) - used) * 1000 / max(1, load.requests))
    return pair


def _measure_singles(floor: Running, service: Running, bodies: Bodies) -> Pair:
    pair = Pair()
    for _ in range(2):
        pair.floor.append(one_connection(floor.port, bodies, count=_SINGLE_REQUESTS))
        pair.service.append(one_connection(service.port, bodies, count=_SINGLE_REQUESTS))
    return pair


def _ratio(pair: Pair) -> float:
    floor, service = pair.requests_per_second()
    return round(service / floor, 3)


def _of_hook(pair: Pair) -> dict[str, float]:
    return {"ratio": _ratio(pair), "p99_ms": round(median(load.p99_ms for load in pair.service), 2)}


# p50_ms, p99_ms and memory_mb are what the targets speak of: at 16 connections, the workers together.
def _result(pair: Pair, singles: Pair, memory: tuple[float, float]) -> dict[str, object]:
    floor, service = pair.requests_per_second()
    return {
        "floor_rps": round(floor, 1),
        "service_rps": round(service, 1),
        "ratio": _ratio(pair),
        "p50_ms": round(median(load.p50_ms for load in pair.service), 2),
        "p99_ms": round(median(load.p99_ms for load in pair.service), 2),
        "memory_mb": round(memory[1], 1),
        "memory_with_master_mb": round(memory[0], 1),
        "p50_one_connection_ms": round(median(load.p50_ms for load in singles.service), 2),
        "p99_one_connection_ms": round(median(load.p99_ms for load in singles.service), 2),
        "floor_cpu_ms": round(median(pair.floor_cpu_ms), 3),
        "service_cpu_ms": round(median(pair.service_cpu_ms), 3),
        "cpu_ratio": round(median(pair.floor_cpu_ms) / median(pair.service_cpu_ms), 3),
        "cores": len(os.sched_getaffinity(0)),
    }


def _print_tables(pairs: dict[str, Pair], singles: Pair) -> None:
    table = Table(title=f"{_CONNECTIONS} connections, requests per second (median)")
    for heading in ("body", "floor", "service", "ratio", "cpu ms", "cpu ms of floor", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="left" if heading == "body" else "right")
    for name, pair in pairs.items():
        floor, service = pair.requests_per_second()
        p50, p99 = (median(getattr(load, field) for load in pair.service) for field in ("p50_ms", "p99_ms"))
        cpu_ms = f"{median(pair.service_cpu_ms):.3f}", f"{median(pair.floor_cpu_ms):.3f}"
        throughput = f"{floor:.0f}", f"{service:.0f}", f"{_ratio(pair):.3f}"
        table.add_row(name, *throughput, *cpu_ms, f"{p50:.1f}", f"{p99:.1f}")
    single = Table(title="One connection, 60 KB, milliseconds")
    for heading in ("", "p50", "p99"):
        single.add_column(heading, justify="right")
    for name, loads in (("floor", singles.floor), ("service", singles.service)):
        p50, p99 = (median(getattr(load, field) for load in loads) for field in ("p50_ms", "p99_ms"))
        single.add_row(name, f"{p50:.2f}", f"{p99:.2f}")
    console = Console()
    console.print(table, single)


if __name__ == "__main__":
    sys.exit(main())
