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
from tests.bench.processes import CHECKOUT, census

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
        watch = _Watch(process.pid)
        code = process.wait()
    if code:
        raise SystemExit(f"cohort ended with {code}")
    seen, peak = watch.ended()
    # What the system counted is exact, and lacks the processes that nobody waited for, as those of Spark.
    return max(_of_children() - before, seen), time.perf_counter() - begun, peak


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Watch:
    """Looks at a process tree four times a second until it ends."""

    def __init__(self, process: int) -> None:
        self._process, self._most_mb = process, 0.0
        self._seconds: dict[int, float] = {}
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while found := census(self._process):
            self._seconds |= {member: seconds for member, (seconds, _) in found.items()}
            self._most_mb = max(self._most_mb, sum(memory for _, memory in found.values()))
            time.sleep(0.25)

    def ended(self) -> tuple[float, float]:
        """Processor time of all that were seen, in seconds, and the most memory in MB."""
        self._thread.join(5)
        return sum(self._seconds.values()), self._most_mb


if __name__ == "__main__":
    sys.exit(main())
