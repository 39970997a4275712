from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fhir_fixtures import hospital
from fhir_fixtures.vocabulary import TODAY
from service.cohort.run import run
from tests.cohort.test_cohort import RESULTS, plan, quiet

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("java") is None, reason="Spark needs Java 17 or newer, and there is no java"
    ),
    # Spark leaves sockets to its Java process, and closes them with it.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_spark_gives_the_same_results(tmp_path: Path) -> None:
    hospital.write(tmp_path / "in", 80, one_in=4, resources=24, seed=3, today=TODAY)
    with (tmp_path / "in" / "Condition.ndjson").open("ab") as opened:
        opened.write(b"{broken\n")
    run(plan(tmp_path / "local", tmp_path / "in"), quiet)
    run(plan(tmp_path / "spark", tmp_path / "in", engine="spark", master="local[2]"), quiet)
    for name in RESULTS:
        assert (tmp_path / "spark" / name).read_bytes() == (tmp_path / "local" / name).read_bytes(), name
