"""The trial with Docker Compose hangs together; the schema of Compose itself is for whoever has Compose."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest

from service import VERSION
from service.config import variables
from tests.deploy.tools import CHECKOUT, DEPLOY, read_yaml

COMPOSE = read_yaml(DEPLOY / "compose.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]
OWN = [name for name, service in SERVICES.items() if service["image"].startswith("net-cds:")]


def test_compose_itself_accepts_it() -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("Docker Compose is not installed")
    command = [docker, "compose", "--file", str(DEPLOY / "compose.yaml"), "config", "--quiet"]
    subprocess.run(command, check=True, capture_output=True)


def test_every_image_is_one_version() -> None:
    for service in SERVICES.values():
        name, _, tag = service["image"].rpartition(":")
        assert name
        assert re.search(r"\d", tag)
    assert {SERVICES[name]["image"] for name in OWN} == {f"net-cds:{VERSION}"}


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert COMPOSE["networks"]["inner"] == {"internal": True}
    assert SERVICES["postgresql"]["networks"] == ["inner"]


def test_every_setting_is_one_of_the_service() -> None:
    given = SERVICES["net-cds"]["environment"]
    assert {name for name in given if name.startswith(("NET_CDS_", "CARDS"))} <= set(variables())
    assert given["NET_CDS_ALLOWED_FHIR_SERVERS"] == SERVICES["patients"]["command"][0]


@pytest.mark.parametrize("name", OWN)
def test_the_service_runs_without_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_what_is_mounted_is_declared_or_in_the_checkout() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).is_file()


def test_secrets_are_files_that_git_ignores() -> None:
    for secret in COMPOSE["secrets"].values():
        command = ["git", "check-ignore", "--quiet", str(DEPLOY / secret["file"])]
        assert subprocess.run(command, cwd=CHECKOUT, check=False).returncode == 0
    used = {name for service in SERVICES.values() for name in service.get("secrets", ())}
    assert used == set(COMPOSE["secrets"])
    assert not [
        name
        for service in SERVICES.values()
        for name in service.get("environment", ())
        if name == "PGPASSWORD"
    ]
