from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from service.cohort.export import Access, export
from service.errors import InputFileError

PATIENT = b'{"resourceType":"Patient","id":"a"}\n'
OUTCOME = b'{"resourceType":"OperationOutcome"}\n'


class Server:
    """A small Bulk Data server; ``polls`` are answered with 202 first, ``busy`` files with 503 once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.assertions: list[str] = []
        self.polls, self.busy, self.refuse = 2, 1, False
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.base = f"http://127.0.0.1:{self.http.server_port}/fhir"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if path.endswith("/.well-known/smart-configuration"):
            return 200, {}, json.dumps({"token_endpoint": f"{self.base}/token"}).encode()
        if "$export" in path:
            return (
                (403, {}, b"{}") if self.refuse else (202, {"Content-Location": f"{self.base}/state/1"}, b"")
            )
        if path.endswith("/state/1"):
            self.polls -= 1
            return (202, {"Retry-After": "0"}, b"") if self.polls >= 0 else (200, {}, self.manifest())
        if path.endswith("/files/patient"):
            self.busy -= 1
            return (503, {"Retry-After": "0"}, b"") if self.busy >= 0 else (200, {}, PATIENT)
        return 200, {}, OUTCOME

    def manifest(self) -> bytes:
        return json.dumps(
            {
                "requiresAccessToken": True,
                "output": [
                    {"type": "Patient", "url": f"{self.base}/files/patient"},
                    {"type": "Immunization", "url": f"{self.base}/files/shots"},
                ],
                "error": [{"type": "OperationOutcome", "url": f"{self.base}/files/errors"}],
            }
        ).encode()

    def _handler(owner) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.append((self.path.partition("?")[0], self.headers.get("Authorization", "")))
                self._send(*owner.answer(self.path.partition("?")[0]))

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                owner.assertions.append(form["client_assertion"][0])
                self._send(200, {}, json.dumps({"access_token": "granted", "expires_in": 300}).encode())

            def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.http.shutdown()
    found.http.server_close()


def test_an_export_is_polled_and_fetched(server: Server, tmp_path: Path) -> None:
    export(Access(server.base, token="mine"), tmp_path / "export")
    assert (tmp_path / "export" / "0000-Patient.ndjson").read_bytes() == PATIENT
    assert (tmp_path / "export" / "0000-errors.txt").read_bytes() == OUTCOME
    assert not any("shots" in path for path, _ in server.asked)
    assert {token for _, token in server.asked} == {"Bearer mine"}
    assert stat.S_IMODE((tmp_path / "export" / "0000-Patient.ndjson").stat().st_mode) == 0o600


def test_a_second_start_fetches_nothing_again(server: Server, tmp_path: Path) -> None:
    export(Access(server.base), tmp_path / "export")
    before = len(server.asked)
    export(Access(server.base), tmp_path / "export")
    assert len(server.asked) == before


def test_a_backend_service_signs_for_its_token(server: Server, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    path = tmp_path / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    export(Access(server.base, client_id="net-cds", key_file=path, key_id="k1"), tmp_path / "export")
    claims = jwt.decode(
        server.assertions[0], key.public_key(), algorithms=["ES384"], audience=f"{server.base}/token"
    )
    assert (claims["iss"], claims["sub"]) == ("net-cds", "net-cds")
    assert jwt.get_unverified_header(server.assertions[0])["kid"] == "k1"
    asked = {token for path, token in server.asked if "smart-configuration" not in path}
    assert asked == {"Bearer granted"}


def test_a_refusal_says_what_to_do(server: Server, tmp_path: Path) -> None:
    server.refuse = True
    with pytest.raises(InputFileError, match=r"does not begin an export \(status 403\)"):
        export(Access(server.base), tmp_path / "export")


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="does not answer"):
        export(Access("http://127.0.0.1:9/fhir"), tmp_path / "export")


@pytest.mark.parametrize("written", [b"no key", b""])
def test_a_key_that_is_none_is_named(server: Server, tmp_path: Path, written: bytes) -> None:
    (tmp_path / "key.pem").write_bytes(written)
    with pytest.raises(InputFileError, match=r"key\.pem: is not a PEM file"):
        export(Access(server.base, client_id="a", key_file=tmp_path / "key.pem"), tmp_path / "export")
