"""The steps of deploy/Dockerfile, done without an engine: in a new environment, as another account."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from service.config import variables
from tests.bench.processes import memory_mb, running
from tests.deploy.tools import CHECKOUT, DEPLOY, read_yaml, run

pytestmark = pytest.mark.slow


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, on one line."""

    name: str
    value: str


def instructions() -> list[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    for name, default in re.findall(r"^ARG (\w+)=(\S+)", text, flags=re.MULTILINE):
        text = text.replace(f"${{{name}}}", default)
    lines = text.replace("\\\n", " ").splitlines()
    return [Instruction(*re.split(r"\s+", line.strip(), maxsplit=1)) for line in lines if line.strip()]


def last(name: str) -> str:
    return [one.value for one in instructions() if one.name == name][-1]


def environment() -> dict[str, str]:
    return dict(part.split("=", 1) for part in shlex.split(last("ENV")))


class Image(NamedTuple):
    """In place of what the image holds: the environment in /opt, the sources in /srv, and the volume."""

    python: Path
    sources: Path
    volume: Path


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("image")
    folder.chmod(0o755)
    built = Image(folder / "opt" / "bin" / "python", folder / "srv", folder / "volume")
    built.sources.mkdir()
    for one in instructions():
        if one.name == "COPY" and not one.value.startswith("--from"):
            for name in one.value.split()[:-1]:
                _copy(name, built.sources)
    _make_environment(folder / "opt")
    for command in _of_the_build(str(folder / "opt")):
        done = subprocess.run(command, cwd=built.sources, capture_output=True, text=True, check=False)
        if done.returncode and "pip" in command[0] and "No matching distribution" not in done.stderr:
            pytest.skip(f"the packages cannot be had here: {done.stderr[-300:]}")
        assert done.returncode == 0, done.stderr
    built.volume.mkdir()
    return built


def _make_environment(place: Path) -> None:
    """With the Python of the system if it can: one in somebody's home is not for other accounts."""
    for python in ("/usr/bin/python3", sys.executable):
        command = [python, "-m", "venv", "--clear", str(place)]
        if Path(python).exists() and not subprocess.run(command, capture_output=True, check=False).returncode:
            return
    pytest.fail("no Python here can make a virtual environment")


def _copy(name: str, target: Path) -> None:
    """A file or folder that .dockerignore lets into the build."""
    kept = (CHECKOUT / ".dockerignore").read_text().split()
    assert f"!{name}" in kept
    if (CHECKOUT / name).is_file():
        shutil.copy(CHECKOUT / name, target)
        return
    shutil.copytree(CHECKOUT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def _of_the_build(place: str) -> Iterator[list[str]]:
    """The commands of the first stage, but for making the environment, with ``place`` for /opt/net-cds."""
    stage_ends = [index for index, one in enumerate(instructions()) if one.name == "FROM"][1]
    for one in instructions()[:stage_ends]:
        if one.name == "RUN":
            without_options = re.sub(r"--mount=\S+", "", one.value)
            for command in without_options.split("&&"):
                words = shlex.split(command.replace("/opt/net-cds", place))
                if words[1:3] != ["-m", "venv"]:
                    yield words


def test_hadolint_has_nothing_to_say() -> None:
    run("hadolint", "--config", CHECKOUT / ".hadolint.yaml", DEPLOY / "Dockerfile")


def test_checkov_has_nothing_to_say() -> None:
    run(
        "checkov",
        "--config-file",
        DEPLOY / ".checkov.yaml",
        "--skip-download",
        "--file",
        DEPLOY / "Dockerfile",
    )


def test_the_account_is_not_root_and_is_that_of_the_manifests() -> None:
    pod = read_yaml(DEPLOY / "kubernetes" / "base" / "deployment.yaml")["spec"]["template"]["spec"]
    of_pod = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert last("USER") == of_pod
    assert not of_pod.startswith("0")


def test_every_setting_is_one_of_the_service() -> None:
    assert {name for name in environment() if name.startswith("NET_CDS_")} <= set(variables())


def test_the_image_has_no_tool_of_development(image: Image) -> None:
    packages = {path.name for path in (image.python.parent.parent / "lib").glob("python*/site-packages/*")}
    assert "flask" in packages
    assert packages.isdisjoint({"pip", "pytest", "mypy", "hypothesis", "setuptools"})


def test_the_service_runs_as_another_account_that_may_write_the_volume_only(
    image: Image, tmp_path: Path
) -> None:
    image.volume.chmod(0o700)
    as_other = _as_the_account_of_the_image(image)
    settings = {
        **{
            name: value.replace("/var/lib/net-cds", str(image.volume))
            for name, value in environment().items()
        },
        "PATH": f"{image.python.parent}:{os.environ['PATH']}",
        "NET_CDS_AUTH": "off",
    }
    command = [*json.loads(last("ENTRYPOINT")), *json.loads(last("CMD"))]
    command[command.index("8000")] = "{port}"
    before = _files(image.sources)
    with running([*as_other, *command], settings, tmp_path / "log", checkout=image.sources) as service:
        health = _health_check(service.port)
        healthy = subprocess.run(health, env=settings, check=False).returncode
        with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/cds-services", timeout=10) as answer:
            assert answer.status == 200
        memory, _ = memory_mb(service.process)
    ill = subprocess.run(health, env=settings, capture_output=True, check=False).returncode
    assert (healthy, ill) == (0, 1)
    assert _files(image.sources) == before
    assert (image.volume / "net-cds.sqlite3").exists()
    # What the manifests ask for is more than what it takes.
    assert memory < 256


def _as_the_account_of_the_image(image: Image) -> list[str]:
    if os.getuid() != 0 or image.python.resolve().is_relative_to(Path.home()):
        return []
    user, group = last("USER").split(":")
    os.chown(image.volume, int(user), int(group))
    for folder in image.sources.parents:
        if "pytest" in str(folder):
            folder.chmod(folder.stat().st_mode | 0o011)
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"]


def _health_check(port: int) -> list[str]:
    command: list[str] = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    return [part.replace(":8000/", f":{port}/") for part in command]


def _files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_the_signal_that_stops_it_is_the_one_that_the_server_knows() -> None:
    assert getattr(signal, last("STOPSIGNAL")) == signal.SIGTERM
