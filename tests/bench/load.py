"""Send requests, each for a patient whom the server has not seen.

A folder holds whole HTTP requests, one a file. They are sent in turn, and each gets a number of its own in
the place of the eight digits of its patient.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

NUMBERS_OF_A_CONNECTION = 100_000
"""More than one connection can send in a run."""
_DIGITS = re.compile(rb"bench-(\d{8})")


@dataclass(frozen=True, slots=True)
class Load:
    """What one run measured; latencies in milliseconds."""

    requests: int
    failed: int
    p50_ms: float
    p99_ms: float


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def many_connections(port: int, folder: Path, *, first: int, connections: int, seconds: float) -> Load:
    """Keep ``connections`` busy until the time is over and all that was sent is answered.

    The numbers of the patients begin with ``first``.
    """
    tasks = [
        (port, folder, first + index * NUMBERS_OF_A_CONNECTION, index / connections, seconds)
        for index in range(connections)
    ]
    with multiprocessing.Pool(connections) as pool:
        return _summary([outcome for part in pool.starmap(_keep_busy, tasks) for outcome in part])


def with_wrk(port: int, folder: Path, *, first: int, connections: int, seconds: float) -> Load:
    """The same with wrk, which needs less of the machine but forgets what is on its way at the end."""
    files = str(len(list(folder.iterdir())))
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{round(seconds)}s"]
    command += ["--timeout", "10s", "--script", str(Path(__file__).with_name("wrk.lua"))]
    command += [f"http://127.0.0.1:{port}", "--", str(folder), files, str(first)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Load(**json.loads(output.rpartition("RESULT ")[2]))


def exchange(port: int, request: bytes) -> tuple[float, int, int]:
    """Seconds taken, HTTP status, and bytes of the body of one answer."""
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return time.perf_counter() - started, int(head.split(b" ", 2)[1]), len(body)


def http_request(body: bytes, path: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def digits(number: int) -> bytes:
    """What, between the parts around the number, makes the request one for this patient."""
    return b"%08d" % number


def around_the_number(request: bytes) -> list[bytes]:
    found = _DIGITS.search(request)
    if found is None:
        raise ValueError("the request names no patient of the benchmark")
    return request.split(found[1])


def _summary(outcomes: list[tuple[float, int, int]]) -> Load:
    milliseconds = [outcome[0] * 1000 for outcome in outcomes]
    failed = sum(outcome[1] != 200 for outcome in outcomes)
    p99 = quantiles(milliseconds, n=100, method="inclusive")[98]
    return Load(len(outcomes), failed, median(milliseconds), p99)


def _keep_busy(
    port: int, folder: Path, first: int, offset: float, seconds: float
) -> list[tuple[float, int, int]]:
    """Send in turn, from the file that is so far (0 to 1) into the folder."""
    requests = [around_the_number(file.read_bytes()) for file in sorted(folder.iterdir())]
    turn = int(offset * len(requests))
    outcomes = []
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        parts = requests[(turn + len(outcomes)) % len(requests)]
        outcomes.append(exchange(port, digits(first + len(outcomes)).join(parts)))
    return outcomes
