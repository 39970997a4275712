"""Start a server as an operator would, and ask Linux how much memory and processor time it takes."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers; ``started_in`` is the time from process start to the first 200, in seconds."""

    port: int
    process: int
    started_in: float


@contextmanager
def running(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    *,
    answers: str = "/cds-services",
    checkout: Path = CHECKOUT,
    port: int | None = None,
) -> Iterator[Running]:
    """Run ``command`` ({port} is filled in, by a free one if need be) from ``checkout`` until the block ends.

    It has started once a GET of the path ``answers`` is answered with 200.
    """
    port = port or free_port()
    filled = [part.format(port=port) for part in command]
    began = time.perf_counter()
    with (
        log.open("wb") as output,
        subprocess.Popen(
            filled, cwd=checkout, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT
        ) as server,
    ):
        try:
            _wait_until_answering(server, port, log, answers)
            yield Running(port, server.pid, time.perf_counter() - began)
        finally:
            server.terminate()
            server.wait(timeout=40)


def memory_mb(process: int) -> tuple[float, float]:
    """Proportional set size in MB (10^6 bytes): master with workers, and the workers alone."""
    workers = _children(process)
    of_workers = sum(_proportional_set_size(worker) for worker in workers)
    return of_workers + _proportional_set_size(process), of_workers


def census(process: int) -> Mapping[int, tuple[float, float]]:
    """Each living process of a tree -> its processor time in seconds, its proportional set size in MB."""
    found: dict[int, tuple[float, float]] = {}
    waiting = [process]
    while waiting:
        member = waiting.pop()
        try:
            seconds = sum(_ticks(member)[:2]) / os.sysconf("SC_CLK_TCK")
            found[member] = (seconds, _proportional_set_size(member))
            waiting += _children(member)
        except (OSError, SystemExit):  # it has ended meanwhile
            continue
    return found


def processor_seconds(process: int) -> float:
    """Processor time of a process and all below it so far, in user code and in the kernel."""
    ticks = sum(sum(_ticks(member)) for member in tree(process))
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(process: int) -> list[int]:
    """Its time in user code and in the kernel, then that of children that have ended.

    With the latter a worker that is replaced does not take its time away.
    """
    # The name of the process, in brackets, may hold spaces. Fields 14 to 17 of all.
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return [int(ticks) for ticks in fields[11:15]]


def tree(process: int) -> Iterator[int]:
    """A process and all below it."""
    yield process
    for child in _children(process):
        yield from tree(child)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_answering(server: subprocess.Popen[bytes], port: int, log: Path, path: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.01)
    raise SystemExit(f"the server did not answer:\n{log.read_text(errors='replace')[-2000:]}")


def _children(process: int) -> list[int]:
    """The children of all its threads: those of Java are not begun by the first."""
    listings = [one.read_text() for one in Path(f"/proc/{process}/task").glob("*/children")]
    return [int(child) for listing in listings for child in listing.split()]


def _proportional_set_size(process: int) -> float:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit("this kernel does not report the proportional set size of a process")
    return int(found[1]) * 1024 / 1e6
