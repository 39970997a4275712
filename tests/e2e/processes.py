"""The programs of the end-to-end tests, each a process of its own on the loopback address."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
import requests

from fhir_fixtures.load import transaction
from tests.e2e.charts import Chart

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
NODE = HERE / "node"
HAPI = HERE / "hapi"
TOKEN = "a-token-of-the-fhir-server"


@dataclass(frozen=True, slots=True)
class FhirServer:
    """A running FHIR server. ``token`` is what it wants to see; None where it does not ask.

    ``split`` says whether it is a server of its own for each chart.
    """

    url: str
    token: str | None
    split: bool

    def base_url(self, chart: Chart) -> str:
        """The base URL at which the record of a chart is kept."""
        if not self.split:
            return self.url
        return self.url.replace("/fhir", f"/{chart.context['patientId']}/fhir")


@dataclass(frozen=True, slots=True)
class CdsClient:
    """The client of ``node/cds-client.mjs``, waiting for calls."""

    process: subprocess.Popen[str]

    def call(self, chart: Chart, fhir: FhirServer) -> dict[str, Any]:
        """The ``request`` that it sent and the ``response`` that it got."""
        resource_type, identity = chart.context["userId"].split("/")
        user = {"resourceType": resource_type, "id": identity}
        parts = {"hook": chart.hook, "context": chart.context, "user": user}
        line = json.dumps({"fhirServer": fhir.base_url(chart), **parts})
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer


def unavailable(reason: str) -> NoReturn:
    """Skip with a reason, unless the test was asked for by name or runs where nothing may be skipped."""
    if os.environ.get("CI") == "true" or "E2E_HAPI" in os.environ:
        pytest.fail(f"This has to run, but {reason}")
    pytest.skip(reason)


def installed_node() -> str:
    """The path of node, after ``npm ci`` has installed what the lock file names."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        unavailable("node and npm are not installed")
    _install([npm, "ci"], locked=NODE / "package-lock.json", stamp=NODE / "node_modules" / "installed")
    return node


def _install(command: Sequence[str], *, locked: Path, stamp: Path) -> None:
    """Run the package manager, unless what is installed is newer than what was locked."""
    if stamp.exists() and stamp.stat().st_mtime > locked.stat().st_mtime:
        return
    done = subprocess.run(command, cwd=locked.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-1000:]
        unavailable(f"{Path(command[0]).name} could not install what {locked.name} names: {said}")
    stamp.touch()


@contextmanager
def medplum(node: str) -> Iterator[FhirServer]:
    """The FHIR server of ``node/fhir-server.mjs``."""
    command = [node, "fhir-server.mjs", "--token", TOKEN]
    with _process(command, cwd=NODE) as process:
        yield FhirServer(_announced(process), TOKEN, split=True)


@contextmanager
def hapi() -> Iterator[FhirServer]:
    """HAPI FHIR with an embedded database, put together by ``hapi/pom.xml``. It asks for no token."""
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None or maven is None:
        unavailable("java and mvn are not installed")
    _install(
        [maven, "--batch-mode", "--quiet", "clean", "package"],
        locked=HAPI / "pom.xml",
        stamp=HAPI / "target" / "installed",
    )
    command = [java, "-Xmx1g", "-cp", "target/libraries/*", "HapiServer.java", "0"]
    with _process(command, cwd=HAPI) as process:
        yield FhirServer(_announced(process), None, split=False)


def fill(server: FhirServer, charts: Sequence[Chart]) -> None:
    """Put the charts on the server, which has to accept every resource."""
    headers = {"Content-Type": "application/fhir+json"}
    if server.token:
        headers["Authorization"] = f"Bearer {server.token}"
    for chart in charts:
        body = json.dumps(transaction(chart.resources))
        answer = requests.post(server.base_url(chart), data=body, headers=headers, timeout=120)
        assert answer.ok, f"{chart.name}: {answer.text[:2000]}"
        statuses = {entry["response"]["status"][:1] for entry in answer.json()["entry"]}
        assert statuses == {"2"}, f"{chart.name}: {answer.text[:2000]}"


@contextmanager
def cds_client(node: str, *, service: str, fhir: FhirServer) -> Iterator[CdsClient]:
    """An independent CDS Hooks client between the service and a FHIR server."""
    command = [node, "cds-client.mjs", service, *([fhir.token] if fhir.token else [])]
    with _process(command, cwd=NODE, stdin=subprocess.PIPE) as process:
        yield CdsClient(process)


@contextmanager
def net_cds(folder: Path) -> Iterator[str]:
    """The service as it is started by hand; its origin. ``folder`` takes its database."""
    port = _free_port()
    origin = f"http://127.0.0.1:{port}"
    settings = {
        "NET_CDS_DATABASE_URL": f"sqlite:///{folder / 'store.sqlite3'}",
        "NET_CDS_PUBLIC_URL": origin,
        # HAPI on a busy machine may need longer than an EHR's user would wait.
        "NET_CDS_FETCH_DEADLINE_SECONDS": "30",
        "NET_CDS_LOG_LEVEL": "WARNING",
        # With pages each card leads to this address, which the engine in the process of the tests has not.
        "NET_CDS_PAGES": "off",
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("NET_CDS_")}
    command = [sys.executable, "-m", "service", "serve", "--port", str(port)]
    with _process(command, cwd=CHECKOUT, environment={**others, **settings}) as process:
        _wait_until_ready(origin, process)
        yield origin


@contextmanager
def _process(
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdin=stdin, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()


def _announced(process: subprocess.Popen[str]) -> str:
    """The base URL that a server prints as its first line, once it listens."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line.startswith("http://127.0.0.1:"), f"{process.args} did not start"
    return line


def _wait_until_ready(origin: str, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the service stopped at its start"
        try:
            if requests.get(f"{origin}/health/ready", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError("the service was not ready within half a minute")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
