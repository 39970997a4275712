from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COVERAGE = Path(__file__).parent / "coverage.py"


def test_every_requirement_has_a_test_or_a_reason_and_the_table_is_current() -> None:
    done = subprocess.run([sys.executable, COVERAGE, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
