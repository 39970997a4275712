"""``make bench-cohort``: what a whole hospital costs, against only parsing the same lines.

PATIENTS=100000 (default) charts of about 60 resources, one in 500 with a tumour, are written, parsed and
assessed. Processor time is that of the whole process tree, memory the most that the tree held at once
(proportional set size). The last line is JSON. ENGINE=spark runs on Spark, ``local[2]``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import orjson

from fhir_fixtures.hospital import write
from fhir_fixtures.vocabulary import TODAY
from tests.bench.processes import CHECKOUT, tree_memory_mb

_ONE_IN, _RESOURCES = 500, 60


def main() -> int:
    patients, engine = int(os.environ.get("PATIENTS", "100000")), os.environ.get("ENGINE", "local")
    with tempfile.TemporaryDirectory(prefix="net-cds-cohort-") as folder:
        export = Path(folder) / "export"
        lines = write(export, patients, one_in=_ONE_IN, resources=_RESOURCES, seed=1, today=TODAY)
        size = sum(one.stat().st_size for one in export.iterdir()) / 1e6
        print(f"{patients} patients, {lines} resources, {size:.0f} MB")
        parsing = _parsing_seconds(export)
        print(f"only parsing: {parsing:.1f} s of processor time")
        spent, wall, peak = _run(export, Path(folder) / "out", engine)
        print(
            f"assessing:    {spent:.1f} s of processor time, {wall:.1f} s by the clock, at most {peak:.0f} MB"
        )
    figures = {
        "engine": engine,
        "patients": patients,
        "patients_per_second_per_core": round(patients / spent, 1),
        "times_parsing": round(spent / parsing, 2),
        "peak_mb": round(peak),
    }
    print(json.dumps(figures))
    return 0


def _parsing_seconds(export: Path) -> float:
    begun = time.process_time()
    for path in export.iterdir():
        with path.open("rb") as opened:
            for line in opened:
                orjson.loads(line)
    return time.process_time() - begun


def _run(export: Path, output: Path, engine: str) -> tuple[float, float, float]:
    """Processor time and time by the clock in seconds, and the most memory in MB."""
    before, begun = _of_children(), time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "service",
        "cohort",
        str(export),
        "--to",
        str(output),
        "--today",
        str(TODAY),
    ]
    command += ["--processes", "2", "--engine", engine, "--master", "local[2]"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL) as process:
        peak = _Peak(process.pid)
        code = process.wait()
    if code:
        raise SystemExit(f"cohort ended with {code}")
    return _of_children() - before, time.perf_counter() - begun, peak.most()


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Peak:
    """Looks at the memory of a process tree four times a second until it ends."""

    def __init__(self, process: int) -> None:
        self._process, self._most = process, 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while (found := tree_memory_mb(self._process)) > 0:
            self._most = max(self._most, found)
            time.sleep(0.25)

    def most(self) -> float:
        self._thread.join(5)
        return self._most


if __name__ == "__main__":
    sys.exit(main())
