"""The tools that look at deploy/: of ``make deploy-tools`` or of the machine. Without them tests skip."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
DEPLOY = CHECKOUT / "deploy"


def run(name: str, *arguments: str | Path, hint: str = "make deploy-tools") -> str:
    """What a tool prints; the test fails with what it says where its exit status is not 0."""
    own = CHECKOUT / "build" / "deploy-tools" / "bin"
    tool = shutil.which(name, path=f"{own}:{os.environ.get('PATH', '')}")
    if tool is None:
        pytest.skip(f"{name} is not installed ({hint})")
    done = subprocess.run(
        [tool, *map(str, arguments)], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def read_yaml(path: Path) -> Any:
    """The one document of a file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))
