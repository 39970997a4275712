"""Does the service stay as it is under new charts all the time, and FHIR servers that fail? ``make soak``

Two of three calls bring the chart along; the third has it read from a FHIR server that fails in a way that
goes by the patient: it is slow, answers 500 or 429, cuts its answers, sends what is no FHIR, or hangs. No
chart comes twice. The figures are printed, last as one line of JSON; the exit status is 1 where memory grew,
where a call got no answer, or where it got another than 200 or, for a chart that could not be read, 412.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import orjson
import requests

from service.fhir.queries import QUERIES
from tests.bench.bodies import body
from tests.bench.processes import memory_mb, running
from tests.commands.servers import Answer, server

_CONNECTIONS = 4
_SAMPLES = 30
_GROWTH_ALLOWED_MB = 8.0
"""More than the samples of a service that does not grow differ from each other."""
_COMMAND = [sys.executable, "-m", "service", "serve", "--port", "{port}"]
_FAULTS = ("none", "none", "none", "slow", "500", "429", "cut", "html", "none", "other type", "none", "hang")
_KEY_OF = {query.resource_type: key for key, query in reversed(QUERIES.items())}
_EMPTY = {"resourceType": "Bundle", "type": "searchset", "total": 0}


@dataclass(slots=True)
class Calls:
    """What came back, and the milliseconds it took with the chart in the call and without."""

    statuses: Counter[str] = field(default_factory=Counter)
    sent_ms: list[float] = field(default_factory=list)
    fetched_ms: list[float] = field(default_factory=list)


def main() -> int:
    """Print the figures; exit status 1 where memory grew or a call was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak")
    parser.add_argument("--seconds", type=float, default=600)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder, server(_fhir) as fhir:
        environment = {
            "NET_CDS_DATABASE_URL": f"sqlite:///{folder}/store.sqlite3",
            "NET_CDS_FETCH_DEADLINE_SECONDS": "1",
            "NET_CDS_WORKERS": "2",
            "NET_CDS_LOG_LEVEL": "ERROR",
        }
        with running(_COMMAND, environment, Path(folder) / "log") as service:
            calls, samples = _soak(service.port, service.process, fhir, seconds)
    return _told(calls, samples, seconds)


def _soak(port: int, process: int, fhir: str, seconds: float) -> tuple[Calls, list[float]]:
    """The calls, and the memory in MB at equal distances of time."""
    calls, ends = Calls(), time.monotonic() + seconds
    threads = [
        threading.Thread(target=_keep_calling, args=(port, fhir, index, calls, ends))
        for index in range(_CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    samples = []
    for _ in range(_SAMPLES):
        time.sleep(seconds / _SAMPLES)
        samples.append(memory_mb(process)[0])
    for thread in threads:
        thread.join()
    return calls, samples


def _told(calls: Calls, samples: list[float], seconds: float) -> int:
    third = len(samples) // 3
    middle, end = median(samples[third : 2 * third]), median(samples[2 * third :])
    figures = {
        "seconds": seconds,
        "calls": calls.statuses.total(),
        "lost": sum(count for name, count in calls.statuses.items() if name not in _EXPECTED),
        "p99_ms_sent": _p99(calls.sent_ms),
        "p99_ms_fetched": _p99(calls.fetched_ms),
        "memory_mb_first": round(samples[0], 1),
        "memory_mb_middle": round(middle, 1),
        "memory_mb_end": round(end, 1),
        "growth_mb": round(end - middle, 1),
        "growth_mb_allowed": _GROWTH_ALLOWED_MB,
    }
    print("answers: " + ", ".join(f"{name} {count}" for name, count in sorted(calls.statuses.items())))
    print("memory in MB: " + " ".join(f"{sample:.0f}" for sample in samples))
    print(json.dumps(figures))
    return int(figures["lost"] > 0 or not calls.fetched_ms or figures["growth_mb"] > _GROWTH_ALLOWED_MB)


_EXPECTED = ("sent 200", "fetched 200", "fetched 412")


def _p99(milliseconds: list[float]) -> float:
    return round(quantiles(milliseconds, n=100, method="inclusive")[98], 1) if len(milliseconds) > 1 else 0.0


def _keep_calling(port: int, fhir: str, index: int, calls: Calls, ends: float) -> None:
    url = f"http://127.0.0.1:{port}/cds-services/net-patient-view"
    number = index * 10_000_000
    while time.monotonic() < ends:
        number += 1
        fetches = number % 3 == 0
        content = _without_chart(number, fhir) if fetches else body(number, _kind(number))
        kind, milliseconds = ("fetched", calls.fetched_ms) if fetches else ("sent", calls.sent_ms)
        began = time.perf_counter()
        status = _status(url, content)
        milliseconds.append((time.perf_counter() - began) * 1000)
        calls.statuses[f"{kind} {status}"] += 1


def _status(url: str, content: bytes) -> str:
    headers = {"Content-Type": "application/json"}
    try:
        return str(requests.post(url, data=content, headers=headers, timeout=60).status_code)
    except requests.RequestException as problem:
        return type(problem).__name__


def _kind(number: int) -> str:
    return "60 KB" if number % 4 else "60 KB, no tumour"


def _without_chart(number: int, fhir: str) -> bytes:
    document = _chart(number)
    kept = {name: document[name] for name in ("hook", "hookInstance", "context")}
    authorization = {
        "access_token": "soak",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "net-cds",
    }
    return orjson.dumps({**kept, "fhirServer": f"{fhir}/{number}", "fhirAuthorization": authorization})


@lru_cache(maxsize=32)
def _chart(number: int) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(body(number, _kind(number)))
    return document


def _fhir(_method: str, path: str, _body: bytes, _headers: Mapping[str, str]) -> Answer:
    """The base of each patient is a server of its own: ``/NUMBER/TYPE?...``."""
    _, number, kind, *_ = path.partition("?")[0].split("/")
    document = _chart(int(number))["prefetch"].get(_KEY_OF.get(kind, ""), _EMPTY)
    return _faulty(_FAULTS[int(number) // 3 % len(_FAULTS)], kind, document)


def _faulty(fault: str, kind: str, document: dict[str, Any]) -> Answer:
    whole = orjson.dumps(document)
    if fault in ("slow", "hang"):
        # The deadline of the service is one second.
        time.sleep(0.2 if fault == "slow" else 2.0)
    if fault in ("500", "429") and kind != "Condition":
        return int(fault), {"resourceType": "OperationOutcome", "issue": [{"code": "transient"}]}
    if fault == "cut":
        return 200, whole[: len(whole) // 2]
    if fault == "html":
        return 200, b"<html><body>Sign in</body></html>"
    if fault == "other type":
        return 200, orjson.dumps({"resourceType": "Basic"})
    return 200, whole


if __name__ == "__main__":
    sys.exit(main())
