"""The commands of deploy/README.md that are marked with ``run`` are run, and do what is said beside them."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from fhir_fixtures.generate import read_patients
from service.hooks.feedback import FeedbackItem
from service.store.database import open_store
from service.store.feedback import record_feedback
from tests.commands.servers import server
from tests.deploy.tools import CHECKOUT, DEPLOY

pytestmark = pytest.mark.slow

README = (DEPLOY / "README.md").read_text(encoding="utf-8")
COMMANDS = dict(re.findall(r"<!-- run: ([^>]+) -->\n```sh\n(.*?)```", README, re.DOTALL))


def run(name: str, folder: Path, *, change: tuple[str, str] = ("", ""), **environment: str) -> str:
    """What the commands print, run in ``folder``; they have to work."""
    script = COMMANDS[name].replace(*change) if change[0] else COMMANDS[name]
    given = {**os.environ, **environment}
    command = ["bash", "-eu", "-c", script]
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_that_is_marked_has_a_test() -> None:
    source = Path(__file__).read_text()
    assert len(COMMANDS) >= 7
    assert all(f'run("{name}"' in source for name in COMMANDS)


def test_the_secrets_of_the_trial_hold_one_password_in_two_forms(tmp_path: Path) -> None:
    (tmp_path / "deploy" / "compose").mkdir(parents=True)
    run("secrets of the trial", tmp_path)
    folder = tmp_path / "deploy" / "compose" / "secrets"
    password = (folder / "postgresql.password").read_text()
    service = configparser.ConfigParser(interpolation=None)
    service.read(folder / "pg_service.conf")
    assert len(password) >= 40
    assert service["net-cds"]["password"] == password
    assert service["net-cds"]["host"] == "postgresql"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_every_patient_is_put_on_a_fhir_server_under_ids_of_its_own(tmp_path: Path) -> None:
    bundles = []

    def say(method: str, path: str, body: bytes, headers: object) -> tuple[int, dict[str, str]]:
        if method == "POST":
            bundles.append(orjson.loads(body))
        return 200, {}

    with server(say) as base:
        change = ("http://127.0.0.1:8080", base)
        said = run("patients on a FHIR server", CHECKOUT, change=change)
    urls = [entry["request"]["url"] for bundle in bundles for entry in bundle["entry"]]
    assert said == "Every chart is on the server.\n"
    assert len(bundles) == len(read_patients())
    assert len(urls) == len(set(urls))
    assert {"Patient/p1-patient-1", "Patient/p2-patient-1"} <= set(urls)
    assert all(entry["resource"]["id"] in entry["request"]["url"] for entry in bundles[0]["entry"])


def test_a_fhir_server_that_refuses_a_patient_is_told_of() -> None:
    command = [sys.executable, "-m", "fhir_fixtures.load"]
    with server(lambda method, *_: (422 if method == "POST" else 200, {})) as base:
        refused = subprocess.run([*command, base], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    gone = subprocess.run([*command, base], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stdout.count("HTTP status 422") == len(read_patients())
    assert gone.returncode == 3
    assert "Traceback" not in gone.stderr


def test_the_secrets_of_the_hospital_network_are_those_that_the_service_takes(tmp_path: Path) -> None:
    run("secrets of the hospital network", tmp_path, DATABASE_HOST="db.example.org", DATABASE_PASSWORD="%s x")
    service = configparser.ConfigParser(interpolation=None)
    service.read(tmp_path / "pg_service.conf")
    assert dict(service["net-cds"]) == {
        "host": "db.example.org",
        "dbname": "net_cds",
        "user": "net_cds",
        "password": "%s x",
    }
    assert len((tmp_path / "net-cds.secret").read_bytes()) >= 32


@pytest.mark.slow
def test_the_manifests_are_printed() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    assert run("manifests", CHECKOUT).count("\nkind: Deployment\n") == 2


def test_a_backup_of_sqlite_made_while_it_is_in_use_brings_back_what_was_there(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/net-cds.sqlite3", secret=b"0" * 32)
    (tmp_path / "net-cds.sqlite3.secret").write_bytes(b"0" * 32)
    item = FeedbackItem("card-1", "accepted", datetime.now(UTC), ("s1",))
    record_feedback(
        store, [item], service_id="net-patient-view", issuer="", tenant="", received_at=datetime.now(UTC)
    )
    run("backup of SQLite", tmp_path)
    store.engine.dispose()
    (tmp_path / "net-cds.sqlite3").write_bytes(b"broken")
    (tmp_path / "net-cds.sqlite3.secret").unlink()
    run("restore of SQLite", tmp_path)
    with sqlite3.connect(tmp_path / "net-cds.sqlite3") as connection:
        assert connection.execute("SELECT card_uuid FROM feedback").fetchall() == [("card-1",)]
    assert (tmp_path / "net-cds.sqlite3.secret").read_bytes() == b"0" * 32


def test_an_upgrade_says_that_it_is_done(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.sqlite3"
    assert "up to date" in run("upgrade", CHECKOUT, NET_CDS_DATABASE_URL=url)
    with sqlite3.connect(tmp_path / "store.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
