"""The production server, run for real on loopback with an application of a few lines."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from service.config import Settings
from service.errors import ConfigurationError
from service.server import check_address, gunicorn_options

_APPLICATION = """
import os, sys, time
from pathlib import Path
from flask import Flask
from service.config import Settings
from service.server import serve

def load():
    application = Flask("stand-in")
    state = {"forked": 0}

    @application.get("/process")
    def process():
        return {"process": os.getpid(), "parent": os.getppid(), "forked": state["forked"]}

    @application.get("/slow")
    def slow():
        Path(sys.argv[3]).touch()
        time.sleep(1)
        return {"finished": True}

    def after_fork():
        state["forked"] += 1
        Path(sys.argv[3]).with_name(f"fork-{os.getpid()}").touch()
        time.sleep(0.5)

    def at_exit():
        Path(sys.argv[3]).with_name(f"exit-{os.getpid()}").touch()

    application.extensions["net_cds_after_fork"] = [after_fork]
    application.extensions["net_cds_at_exit"] = [at_exit]
    return application

serve(Settings(workers=2, threads=int(sys.argv[2])), "127.0.0.1", int(sys.argv[1]), load=load)
"""
_CHECKOUT = Path(__file__).resolve().parent.parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_answering(base: str) -> None:
    for _ in range(200):
        try:
            requests.get(f"{base}/process", timeout=5)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError("the server did not answer within ten seconds")


@contextmanager
def _running(marker: Path, *, threads: int = 1) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    port = _free_port()
    command = [sys.executable, "-c", _APPLICATION, str(port), str(threads), str(marker)]
    with subprocess.Popen(command, cwd=_CHECKOUT, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait_until_answering(f"http://127.0.0.1:{port}")
            while len(list(marker.parent.glob("fork-*"))) < 2:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            process.communicate(timeout=20)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.slow
def test_every_worker_is_prepared_once_after_the_fork(tmp_path: Path, threads: int) -> None:
    with _running(tmp_path / "marker", threads=threads) as (base, process):
        answers = [requests.get(f"{base}/process", timeout=5).json() for _ in range(20)]
    assert {answer["forked"] for answer in answers} == {1}
    assert {answer["parent"] for answer in answers} == {process.pid}


@pytest.mark.slow
def test_a_request_in_progress_is_answered_before_the_server_stops(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with _running(marker) as (base, process), ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", int(base.rsplit(":", 1)[1]))))
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        while not marker.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert process.wait(timeout=20) == 0
    assert b"200 OK" in answer
    assert b'"finished":true' in answer
    assert len(list(tmp_path.glob("exit-*"))) == 2


@pytest.mark.slow
def test_a_server_that_is_stopped_while_it_starts_stops_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _APPLICATION, str(_free_port()), "1", str(tmp_path / "marker")]
    with subprocess.Popen(command, cwd=_CHECKOUT, stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob("fork-*")):
            time.sleep(0.01)
        process.terminate()
        assert process.wait(timeout=15) == 0


@pytest.mark.slow
def test_connections_that_send_nothing_do_not_hold_the_workers(tmp_path: Path) -> None:
    with ExitStack() as stack:
        base, process = stack.enter_context(_running(tmp_path / "marker"))
        workers_before = {int(file.name.split("-")[1]) for file in tmp_path.glob("fork-*")}
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        for _ in range(2):
            stack.enter_context(socket.create_connection(address))
        answer = requests.get(f"{base}/process", timeout=25)
        assert answer.json()["process"] in workers_before
        process.terminate()
        log = process.communicate(timeout=20)[1]
    assert "Closed a connection that sent nothing" in log
    assert "Traceback" not in log


@pytest.mark.slow
def test_a_line_that_is_not_http_does_not_get_into_the_log(tmp_path: Path) -> None:
    with _running(tmp_path / "marker") as (base, process):
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(b"planted-text\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 400")
        process.terminate()
        log = process.communicate(timeout=20)[1]
    assert "Refused a request that is not valid HTTP." in log
    assert "planted-text" not in log


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with _running(tmp_path / "marker") as (base, _):
        first = requests.get(f"{base}/process", timeout=5).json()["process"]
        subprocess.run(["kill", "-9", str(first)], check=True)
        answers = []
        while len(answers) < 20:
            try:
                answers.append(requests.get(f"{base}/process", timeout=5).json())
            except requests.ConnectionError:
                time.sleep(0.05)
    assert first not in {answer["process"] for answer in answers}


def test_a_service_that_cannot_be_loaded_says_why_to_whoever_starts_it() -> None:
    program = """
from service.config import Settings
from service.errors import ContentError
from service.server import serve

def load():
    raise ContentError(["cards/ki67.md: no source"])

try:
    serve(Settings(), "127.0.0.1", 0, load=load)
except ContentError as problem:
    print("raised:", *problem.problems)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=_CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout == "raised: cards/ki67.md: no source\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost", "LocalHost"])
def test_loopback_needs_no_registered_client(host: str) -> None:
    check_address(Settings(), host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.0.2.1", "ehr.example.org", "localhost.example.org"]
)
def test_other_addresses_are_refused_while_anybody_may_call(host: str) -> None:
    with pytest.raises(ConfigurationError, match="NET_CDS_CLIENTS"):
        check_address(Settings(), host)


def test_other_addresses_are_allowed_with_registered_clients_or_by_hand(tmp_path: Path) -> None:
    clients = tmp_path / "clients.toml"
    clients.touch()

    check_address(Settings(clients_file=clients), "0.0.0.0")
    check_address(Settings(authentication="off"), "0.0.0.0")


def test_threads_choose_the_kind_of_worker_and_ipv6_is_bracketed() -> None:
    settings = Settings()
    assert gunicorn_options(settings, "::1", 8000)["bind"] == "[::1]:8000"
    assert gunicorn_options(settings, "127.0.0.1", 8000)["worker_class"] == "sync"
    assert gunicorn_options(Settings(threads=4), "127.0.0.1", 8000)["worker_class"] == "gthread"
