"""Send requests as fast as they are answered: with wrk where it is installed, else in Python."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Load:
    """What one run measured; latencies in milliseconds."""

    requests: int
    requests_per_second: float
    failed: int
    p50_ms: float
    p99_ms: float


def path_of(hook: str) -> str:
    return f"/cds-services/net-{hook}"


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


@dataclass(frozen=True, slots=True)
class Bodies:
    """Bodies to send: the files of a folder, each for the service of ``hook``.

    With ``changing``, only those that hold this text are sent, and its last eight digits are counted up from
    ``changing_from`` with every request, so that no two are the same.
    """

    folder: Path
    hook: str = "patient-view"
    changing: str = ""
    changing_from: int = 0

    def requests(self) -> list[bytes]:
        bodies = [file.read_bytes() for file in sorted(self.folder.glob("*.json"))]
        return [http_request(body, path_of(self.hook)) for body in bodies if self.changing.encode() in body]


def many_connections(port: int, bodies: Bodies, *, connections: int, seconds: float) -> Load:
    """Keep ``connections`` busy."""
    send = _with_wrk if has_wrk() else _with_processes
    return send(port, bodies, connections, seconds)


def one_connection(port: int, bodies: Bodies, *, count: int) -> Load:
    """One request after the other, each timed from opening the connection to the last byte."""
    requests = bodies.requests()
    started = time.perf_counter()
    outcomes = [exchange(port, requests[number % len(requests)]) for number in range(count)]
    return _summary(outcomes, time.perf_counter() - started)


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


def _summary(outcomes: list[tuple[float, int, int]], seconds: float) -> Load:
    milliseconds = [outcome[0] * 1000 for outcome in outcomes]
    failed = sum(outcome[1] != 200 for outcome in outcomes)
    p99 = quantiles(milliseconds, n=100)[98]
    return Load(len(outcomes), len(outcomes) / seconds, failed, median(milliseconds), p99)


def _with_wrk(port: int, bodies: Bodies, connections: int, seconds: float) -> Load:
    files = str(len(list(bodies.folder.glob("*.json"))))
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{round(seconds)}s"]
    command += ["--timeout", "10s", "--script", str(Path(__file__).with_name("wrk.lua"))]
    command += [f"http://127.0.0.1:{port}{path_of(bodies.hook)}"]
    command += ["--", str(bodies.folder), files, str(bodies.changing_from), bodies.changing]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result = json.loads(output.rpartition("RESULT ")[2])
    return Load(
        result["requests"],
        result["requests"] / result["seconds"],
        result["failed"],
        result["p50_ms"],
        result["p99_ms"],
    )


def _with_processes(port: int, bodies: Bodies, connections: int, seconds: float) -> Load:
    tasks = [(port, bodies, index, seconds) for index in range(connections)]
    with multiprocessing.Pool(connections) as pool:
        outcomes = [outcome for part in pool.starmap(_keep_busy, tasks) for outcome in part]
    return _summary(outcomes, seconds)


def _keep_busy(port: int, bodies: Bodies, connection: int, seconds: float) -> list[tuple[float, int, int]]:
    requests = bodies.requests()
    # A million numbers for each connection, so that no two connections send the same one.
    first = bodies.changing_from + connection * 1_000_000
    outcomes = []
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        request = requests[(connection + len(outcomes)) % len(requests)]
        if bodies.changing:
            changed = f"{bodies.changing[:-8]}{first + len(outcomes):08d}"
            request = request.replace(bodies.changing.encode(), changed.encode())
        outcomes.append(exchange(port, request))
    return outcomes
