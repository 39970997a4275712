"""The production server, run for real on loopback with an application of a few lines."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import requests

from service.buffering import LONGEST_HEAD_BYTES, Arrival
from service.config import Settings
from service.errors import ConfigurationError
from service.server import check_address, gunicorn_options
from tests.schemas import fault_of

_APPLICATION = """
import os, sys, time
from pathlib import Path
from flask import Flask, request
from service.config import Settings
from service.server import serve
from service.web.logs import configure_logging

def load():
    application = Flask("stand-in")
    state = {"forked": 0}

    @application.get("/process")
    def process():
        return {"process": os.getpid(), "parent": os.getppid(), "forked": state["forked"]}

    @application.post("/echo")
    def echo():
        return request.get_data()

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

    answering = application.wsgi_app

    def failing(environ, start_response):
        if environ["PATH_INFO"].startswith("/fails"):
            raise ValueError(environ["PATH_INFO"])
        return answering(environ, start_response)

    application.wsgi_app = failing
    application.extensions["net_cds_after_fork"] = [after_fork]
    application.extensions["net_cds_at_exit"] = [at_exit]
    return application

configure_logging("INFO")
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
def _running(
    marker: Path, *, threads: int = 4, before: str = ""
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    port = _free_port()
    command = [sys.executable, "-c", before + _APPLICATION, str(port), str(threads), str(marker)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=_CHECKOUT, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            _wait_until_answering(f"http://127.0.0.1:{port}")
            while len(list(marker.parent.glob("fork-*"))) < 2:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            process.communicate(timeout=20)


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with _running(tmp_path_factory.mktemp("refusing") / "marker") as running:
        yield running


@pytest.mark.slow
def test_every_worker_is_prepared_once_after_the_fork(tmp_path: Path) -> None:
    with _running(tmp_path / "marker") as (base, process):
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
    command = [sys.executable, "-c", _APPLICATION, str(_free_port()), "4", str(tmp_path / "marker")]
    with subprocess.Popen(command, cwd=_CHECKOUT, stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob("fork-*")):
            time.sleep(0.01)
        process.terminate()
        assert process.wait(timeout=15) == 0


_HEAD = b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET /process HTTP/1.1\r\nX-Long: a",
        _HEAD + b"Content-Length: 5000\r\n\r\n{",
        _HEAD + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n{",
        _HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n0\r\n",
        _HEAD + b"Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n",
    ],
    ids=["silent", "headers", "body", "chunk", "chunks", "expect"],
)
@pytest.mark.slow
def test_connections_that_trickle_hold_no_thread(tmp_path: Path, beginning: bytes) -> None:
    with ExitStack() as stack:
        base, _ = stack.enter_context(_running(tmp_path / "marker"))
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        for _number in range(24):
            connection = stack.enter_context(socket.create_connection(address))
            connection.sendall(beginning)
        began = time.monotonic()
        for _number in range(6):
            assert requests.get(f"{base}/process", timeout=2).status_code == 200
        assert time.monotonic() - began < 2


@pytest.mark.slow
def test_clients_that_leave_their_connection_open_after_the_last_answer_hold_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        base, _ = stack.enter_context(_running(tmp_path / "marker"))
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        for _number in range(12):
            connection = stack.enter_context(socket.create_connection(address))
            connection.sendall(b"GET /process HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        for _number in range(6):
            requests.get(f"{base}/process", timeout=2)
        assert time.monotonic() - began < 1.5


@pytest.mark.slow
def test_a_request_in_pieces_and_the_next_one_behind_it_are_answered(tmp_path: Path) -> None:
    with _running(tmp_path / "marker") as (base, _):
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        with socket.create_connection(address, timeout=5) as connection:
            chunked = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n0\r\nX-End: t\r\n\r\n"
            counted = _HEAD + b"Content-Length: 3\r\nConnection: close\r\n\r\ncde"
            for piece in (chunked[:30], chunked[30:75], chunked[75:] + counted[:20], counted[20:]):
                connection.sendall(piece)
                time.sleep(0.05)
            answers = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answers.count(b"200 OK") == 2
    assert answers.index(b"ab") < answers.index(b"cde")


@pytest.mark.slow
def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on(tmp_path: Path) -> None:
    with _running(tmp_path / "marker") as (base, _):
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        with socket.create_connection(address, timeout=5) as connection:
            connection.sendall(
                _HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
            )
            assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"ab")
            assert b"200 OK" in b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.slow
def test_a_head_without_an_end_is_refused(tmp_path: Path) -> None:
    with _running(tmp_path / "marker") as (base, _):
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        with socket.create_connection(address, timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * (LONGEST_HEAD_BYTES + 1))
            assert_refused(connection, 431, "too-long")


def assert_refused(connection: socket.socket, status: int, issue: str) -> None:
    """The answer is an OperationOutcome, and the last one on this connection."""
    with suppress(ConnectionResetError):
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0].startswith(f"http/1.1 {status} ")
    assert {"content-type: application/fhir+json", "x-content-type-options: nosniff"} <= set(lines)
    assert any(line.startswith("x-request-id: ") for line in lines)
    outcome = json.loads(body)
    assert fault_of(outcome, file="response", name="OperationOutcome") is None
    assert outcome["issue"][0]["code"] == issue


@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_bytes", "status", "issue"),
    [
        (b"planted-text\r\n\r\n", 400, "invalid"),
        (b"GET /planted-text HTTP/7.0\r\n\r\n", 400, "invalid"),
        (b"GET /" + b"planted-text" * 400 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "too-long"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"planted-text" * 2000 + b"\r\n\r\n", 431, "too-long"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: planted-text\r\n" * 101 + b"\r\n", 431, "too-long"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX planted-text\r\n\r\n", 400, "invalid"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: planted-text\r\n\r\n", 501, "not-supported"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "invalid"),
    ],
)
def test_what_never_gets_to_the_application_is_refused_like_all_else(
    refusing: tuple[str, subprocess.Popen[str]], request_bytes: bytes, status: int, issue: str
) -> None:
    address = ("127.0.0.1", int(refusing[0].rsplit(":", 1)[1]))
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(request_bytes)
        assert_refused(connection, status, issue)


@pytest.mark.slow
def test_a_header_does_not_say_under_which_path_the_service_lies(tmp_path: Path) -> None:
    with _running(tmp_path / "marker") as (base, _):
        answer = requests.get(f"{base}/x/process", headers={"SCRIPT_NAME": "/x"}, timeout=5)
    assert answer.status_code == 404


@pytest.mark.slow
def test_where_connections_are_too_many_those_that_wait_longest_give_way(tmp_path: Path) -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few_files = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (110, {hard}))"
    with ExitStack() as stack:
        base, process = stack.enter_context(_running(tmp_path / "marker", before=few_files))
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        for _number in range(300):
            stack.enter_context(socket.create_connection(address))
        assert requests.get(f"{base}/process", timeout=5).status_code == 200
        assert process.poll() is None
        assert len(list(tmp_path.glob("fork-*"))) == 2


def test_a_body_is_whole_with_its_last_byte_however_it_is_cut() -> None:
    bodies = [
        b"Content-Length: 4\r\n\r\n\r\n0\r",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\n0\r\n\r\n0\r\n\r\n",
    ]
    for request in [_HEAD + body for body in bodies]:
        for cut in range(len(request)):
            arrival = Arrival(most_body_bytes=1000)
            arrival.add(request[:cut])
            assert not arrival.is_whole
            arrival.add(request[cut:])
            assert arrival.is_whole


@pytest.mark.slow
def test_what_is_refused_leaves_a_line_without_what_was_sent(tmp_path: Path) -> None:
    with _running(tmp_path / "marker") as (base, process):
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(b"planted-text\r\n\r\n")
            assert_refused(connection, 400, "invalid")
        process.terminate()
        output, log = process.communicate(timeout=20)
    (line,) = [json.loads(one) for one in output.splitlines() if one.startswith("{")]
    assert (line["event"], line["status"], line["refused"]) == ("request", 400, "InvalidRequestLine")
    assert "planted-text" not in output + log


@pytest.mark.slow
def test_an_application_that_fails_outside_of_itself_leaves_no_word_of_the_request(tmp_path: Path) -> None:
    with _running(tmp_path / "marker") as (base, process):
        answer = requests.get(f"{base}/fails-planted-text", timeout=5)
        process.terminate()
        output, log = process.communicate(timeout=20)
    assert answer.status_code == 500
    assert answer.json()["issue"][0]["diagnostics"].startswith("incident ")
    assert "planted-text" not in output + log


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


def test_an_ipv6_address_is_bracketed() -> None:
    assert gunicorn_options(Settings(), "::1", 8000)["bind"] == "[::1]:8000"


def test_what_a_large_chart_took_is_given_back() -> None:
    """In a process of its own, as the setting is for all of it."""
    code = (
        "import re, sys; from pathlib import Path; from service.server import give_memory_back\n"
        "def held(): return int(re.search(r'VmRSS:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "if sys.argv[1] == 'set': give_memory_back()\n"
        "bytearray(30_000_000)\n"  # after this glibc, left to itself, keeps blocks of this size
        "before = held(); blocks = [bytearray(500_000) for _ in range(40)]; del blocks[1::2]\n"
        "del blocks[:-1]; print(held() - before)"
    )
    held = {
        how: int(subprocess.run([sys.executable, "-c", code, how], check=True, capture_output=True).stdout)
        for how in ("set", "left")
    }
    assert held["set"] < 2_000 < held["left"]
