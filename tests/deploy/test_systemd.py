from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.commands import exits
from service.config import variables
from tests.deploy.tools import DEPLOY, run

UNIT = (DEPLOY / "systemd" / "net-cds.service").read_text()
HINT = "it comes with systemd"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there on every machine, as systemd looks whether it is."""
    written = tmp_path / "net-cds.service"
    written.write_text(UNIT.replace("/opt/net-cds/.venv/bin/python", "/usr/bin/env"))
    return written


@pytest.mark.slow
def test_systemd_knows_every_line(unit: Path) -> None:
    run("systemd-analyze", "verify", "--man=no", unit, hint=HINT)


@pytest.mark.slow
def test_the_service_is_exposed_to_little(unit: Path) -> None:
    # In tenths: 2.0 of 10. A unit that says nothing has 9.6.
    run("systemd-analyze", "security", "--offline=true", "--threshold=20", unit, hint=HINT)


def test_what_would_fail_again_is_not_started_again() -> None:
    assert f"RestartPreventExitStatus={exits.UNUSABLE}\n" in UNIT


def test_every_setting_is_one_of_the_service() -> None:
    assert set(re.findall(r"^Environment=(NET_CDS_\w+)=", UNIT, re.MULTILINE)) <= set(variables())
