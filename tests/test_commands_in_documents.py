"""The commands of the README work, and those of the sandbox guide that need nothing from elsewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import requests

from fhir_fixtures.generate import read_patients
from fhir_fixtures.load import charts
from fhir_fixtures.vocabulary import TODAY
from service.charts import read_chart
from tests.bench.processes import running
from tests.commands.servers import fhir_answers, server

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parent.parent
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
SANDBOX = (CHECKOUT / "deploy" / "sandbox.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(?:sh|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVE = [sys.executable, "-m", "service", "serve", "--port", "{port}"]


def block(document: str, words: str) -> str:
    """The one block of commands, or of settings, that holds the words."""
    (found,) = [one for one in _BLOCK.findall(document) if words in one]
    return str(found)


def shell(script: str, *, folder: Path = CHECKOUT, **environment: str) -> subprocess.CompletedProcess[str]:
    script = script.replace(".venv/bin/python", shlex.quote(sys.executable))
    given = {**os.environ, **environment}
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=given, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("service")
    settings = {"NET_CDS_DATABASE_URL": f"sqlite:///{folder}/store.sqlite3", "NET_CDS_WORKERS": "1"}
    with running(_SERVE, settings, folder / "log") as service:
        yield service.port


def test_every_block_of_the_readme_has_a_test() -> None:
    source = Path(__file__).read_text()
    known = re.findall(r'block\(README, "([^"]+)"\)', source)
    assert all(any(words in one for words in known) for one in _BLOCK.findall(README))


@pytest.mark.slow
def test_the_calls_with_curl(port: int) -> None:
    done = shell(block(README, "curl -s").replace(":8000", f":{port}"))
    assert '"services":[' in done.stdout
    assert "no short-acting octreotide cover found" in done.stdout


def test_the_reasons_of_a_bundle() -> None:
    done = shell(block(README, "evaluate --why"))
    assert done.returncode == 0
    assert "no short-acting octreotide cover found" in " ".join(done.stdout.split())
    assert "insulinoma-ssa" in done.stdout


@pytest.mark.slow
def test_serving_registered_ehrs(tmp_path: Path) -> None:
    script, clients = block(README, "NET_CDS_CLIENTS="), tmp_path / "clients.toml"
    clients.write_text(block(README, "[[client]]"))
    words = shlex.split(script.replace("\\\n", " "))
    settings = dict(word.split("=", 1) for word in words if word.startswith("NET_CDS_"))
    command = [sys.executable, *words[words.index(".venv/bin/python") + 1 :]]
    command[command.index("8000")] = "{port}"
    settings |= {
        "NET_CDS_CLIENTS": str(clients),
        "NET_CDS_DATABASE_URL": f"sqlite:///{tmp_path}/store.sqlite3",
    }
    with running(command, settings, tmp_path / "log", answers="/health/ready") as service:
        answer = requests.get(f"http://127.0.0.1:{service.port}/cds-services", timeout=10)
    assert answer.status_code == 401


def test_the_doctor_sees_the_first_patient_of_the_trial(tmp_path: Path) -> None:
    _, bundle = next(charts(TODAY))
    file = tmp_path / "chart.json"
    # The transaction is what the server holds; read as a chart it refers within itself.
    file.write_bytes(orjson.dumps(bundle))
    answer = fhir_answers(read_chart(str(file)))
    with server(lambda method, path, *rest: answer(method, path.removeprefix("/fhir"), *rest)) as base:
        done = shell(block(README, "service doctor").replace("http://127.0.0.1:8080", base))
    assert done.returncode in (0, 1), done.stderr
    assert "ready" in done.stdout


@pytest.fixture(scope="module")
def sandbox_charts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder above the checkout, as the guide fills it."""
    folder = tmp_path_factory.mktemp("trial")
    script = block(SANDBOX, "fhir_fixtures.generate").splitlines()[0]
    done = shell(script.replace("../sandbox-trial", str(folder)))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_charts_of_the_sandbox_are_those_of_the_table(sandbox_charts: Path) -> None:
    written = {file.stem for file in (sandbox_charts / "charts" / "bundles").glob("*.json")}
    assert written == {row.name for row in read_patients()}
    named = re.findall(r"^\| `([a-z0-9-]+)` \|", SANDBOX, re.MULTILINE)
    assert named
    assert set(named) <= written


@pytest.mark.slow
def test_the_card_that_the_sandbox_cannot_show(sandbox_charts: Path) -> None:
    done = shell(block(SANDBOX, "evaluate").replace("../sandbox-trial", str(sandbox_charts)))
    assert done.returncode == 0, done.stderr
    assert "morphine" in done.stdout.lower()


@pytest.mark.slow
def test_what_became_of_the_cards(tmp_path: Path) -> None:
    done = shell(block(SANDBOX, "feedback report").replace("../sandbox-trial", str(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_client_of_the_sandbox_is_a_clients_file() -> None:
    written = block(SANDBOX, "[[client]]").partition("<<'EOF'\n")[2].partition("EOF")[0]
    (client,) = tomllib.loads(written)["client"]
    assert client["iss"] == "https://sandbox.cds-hooks.org"
