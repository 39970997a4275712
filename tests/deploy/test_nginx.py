"""The examples for nginx do what deploy/README.md says, each with the nginx of this machine."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from fhir_fixtures.vocabulary import build_request
from tests.bench.processes import free_port, running
from tests.certificates import of_private_authority
from tests.commands.servers import server
from tests.nginx import EXAMPLES, MISSING, NGINX, nginx
from tests.security.keys import ISSUER, claims, elliptic, key_set, public, signed

pytestmark = [pytest.mark.slow, pytest.mark.skipif(NGINX is None, reason=MISSING)]
PUBLIC_URL = "https://cds.example.org/net-cds"


class Edge(NamedTuple):
    """What an EHR sees: the base URL, and the file of the authority that vouches for it."""

    url: str
    authority: str

    def get(self, path: str, **options: object) -> requests.Response:
        return requests.get(f"{self.url}{path}", verify=self.authority, timeout=10, **options)  # type: ignore[arg-type]


@contextmanager
def edge(folder: Path, upstream: str, *, examples: tuple[str, ...] = ("net-cds.conf",)) -> Iterator[Edge]:
    """An nginx before ``upstream`` (``host:port``), with a certificate of an authority of its own."""
    port = free_port()
    authority, served = of_private_authority(folder)
    changes = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "server 127.0.0.1:8000": f"server {upstream}",
        "/etc/nginx/tls/net-cds.pem": str(served),
        "/etc/nginx/tls/net-cds.key": str(served),
    }
    if "mutual-tls.conf" in examples:
        clients = folder / "clients"
        clients.mkdir()
        changes["/etc/nginx/tls/ehr-authorities.pem"] = str(of_private_authority(clients)[0])
        changes["listen 443 ssl"] = f"listen 127.0.0.1:{free_port()} ssl"
        changes["listen 8443 ssl"] = f"listen 127.0.0.1:{port} ssl"
    with nginx(folder, examples, changes):
        yield Edge(f"https://127.0.0.1:{port}", str(authority))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service with one registered EHR, as reached under a path; ``host:port``."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "keys.json").write_bytes(key_set(public(elliptic(), "ec-1")))
    (folder / "clients.toml").write_text(f'[[client]]\niss = "{ISSUER}"\njwks_file = "keys.json"\n')
    settings = {
        "NET_CDS_DATABASE_URL": f"sqlite:///{folder}/store.sqlite3",
        "NET_CDS_CLIENTS": str(folder / "clients.toml"),
        "NET_CDS_PUBLIC_URL": PUBLIC_URL,
        "NET_CDS_WORKERS": "1",
    }
    command = [sys.executable, "-m", "service", "serve", "--port", "{port}"]
    with running(command, settings, folder / "log", answers="/health/live") as process:
        yield f"127.0.0.1:{process.port}"


def token(path: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {signed(claims(aud=f'{PUBLIC_URL}{path}'))}"}


def test_there_is_an_example_test_for_every_file() -> None:
    text = Path(__file__).read_text() + (Path(__file__).parent.parent / "nginx.py").read_text()
    assert all(f'"{file.name}"' in text for file in EXAMPLES.glob("*.conf"))


def test_calls_pass_through_tls_and_what_is_for_this_network_does_not(tmp_path: Path, service: str) -> None:
    with edge(tmp_path, service) as before:
        discovery = before.get("/cds-services", headers=token("/cds-services"))
        inner = ("/metrics", "/health/live", "/health/ready", "/health")
        kept = [before.get(path).status_code for path in inner]
        without_token = before.get("/cds-services")
    assert discovery.status_code == 200
    assert discovery.json()["services"]
    assert kept == [404, 404, 404, 404]
    assert without_token.status_code == 401


def test_no_tls_older_than_1_2_is_spoken(tmp_path: Path, service: str) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSVersion"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with edge(tmp_path, service) as before:
        address = ("127.0.0.1", int(before.url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=5) as connection, pytest.raises(ssl.SSLError):
            old.wrap_socket(connection)


def test_mutual_tls_lets_in_only_who_shows_a_certificate_of_the_named_authorities(
    tmp_path: Path, service: str
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    of_private_authority(other)
    with edge(tmp_path, service, examples=("net-cds.conf", "mutual-tls.conf")) as before:
        path = "/cds-services"
        good = before.get(path, headers=token(path), cert=str(tmp_path / "clients" / "server.pem"))
        foreign = before.get(path, headers=token(path), cert=str(other / "server.pem"))
        none = before.get(path, headers=token(path))
        rest = before.get("/openapi.json", cert=str(tmp_path / "clients" / "server.pem"))
    assert [good.status_code, foreign.status_code, none.status_code, rest.status_code] == [200, 400, 400, 404]
    assert "token" not in none.text


def test_under_a_path_the_audience_of_a_token_is_the_public_url(tmp_path: Path, service: str) -> None:
    path = "/cds-services/net-patient-view"
    document = build_request("ileal NET 60 days ago")
    with edge(tmp_path, service, examples=_under_a_path(tmp_path)) as before:
        url = f"{before.url}/net-cds{path}"
        right = requests.post(url, json=document, headers=token(path), verify=before.authority, timeout=30)
        root = f"https://cds.example.org{path}"
        headers = {"Authorization": f"Bearer {signed(claims(aud=root))}"}
        wrong = requests.post(url, json=document, headers=headers, verify=before.authority, timeout=30)
        kept = before.get("/net-cds/health/ready").status_code
    assert right.status_code == 200
    assert right.json()["cards"]
    assert wrong.status_code == 401
    assert kept == 404


def _under_a_path(folder: Path) -> tuple[str, ...]:
    """``net-cds.conf`` with the prefix in its server block, as ``path-prefix.conf`` says."""
    whole = (EXAMPLES / "net-cds.conf").read_text()
    own = whole.index("    location / {")
    name = folder / "with-prefix.conf"
    name.write_text(whole[:own] + (EXAMPLES / "path-prefix.conf").read_text() + "}\n")
    return (str(name),)


def test_a_slow_client_holds_no_connection_of_the_service(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        upstream.settimeout(0.7)
        with edge(tmp_path, f"127.0.0.1:{upstream.getsockname()[1]}") as before:
            context = ssl.create_default_context(cafile=before.authority)
            address = ("127.0.0.1", int(before.url.rpartition(":")[2]))
            with (
                socket.create_connection(address, timeout=5) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1") as slow,
            ):
                slow.sendall(b"POST /cds-services/x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n{")
                with pytest.raises(TimeoutError):
                    upstream.accept()
                slow.sendall(b"  }")
                connection, _ = upstream.accept()
                with connection:
                    connection.settimeout(5)
                    received = connection.recv(65536)
                    assert received.endswith(b"{  }")
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                assert b"200 OK" in slow.recv(65536)


def test_a_call_that_was_sent_is_not_sent_to_another_replica(tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(method: str, path: str, body: bytes, headers: object) -> tuple[int, dict[str, str]]:
        seen.append(path)
        return 200, {}

    with socket.create_server(("127.0.0.1", 0)) as dying, server(answer) as healthy:
        threading.Thread(target=_take_and_close, args=(dying,), daemon=True).start()
        upstreams = f"127.0.0.1:{dying.getsockname()[1]}; server {healthy.removeprefix('http://')}"
        with edge(tmp_path, upstreams) as before:
            url = f"{before.url}/cds-services/x"
            statuses = [
                requests.post(url, json={}, verify=before.authority, timeout=10).status_code for _ in range(4)
            ]
    assert statuses.count(502) + statuses.count(200) == 4
    assert statuses.count(502) >= 1
    assert len(seen) == statuses.count(200)


def _take_and_close(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            time.sleep(0.05)


def test_a_call_goes_to_another_replica_where_the_first_cannot_be_reached(tmp_path: Path) -> None:
    with server(lambda *_: (200, {})) as healthy:
        upstreams = f"127.0.0.1:{free_port()}; server {healthy.removeprefix('http://')}"
        with edge(tmp_path, upstreams) as before:
            url = f"{before.url}/cds-services/x"
            statuses = {
                requests.post(url, json={}, verify=before.authority, timeout=10).status_code for _ in range(6)
            }
    assert statuses == {200}


def test_headers_that_a_caller_forges_do_not_arrive(tmp_path: Path) -> None:
    seen: dict[str, str] = {}

    def answer(method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        seen.update(headers)
        return 200, {}

    with server(answer) as upstream, edge(tmp_path, upstream.removeprefix("http://")) as before:
        forged = {"SCRIPT_NAME": "/x", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "gopher"}
        before.get("/cds-services", headers=forged)
    assert "script_name" not in seen
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert len(seen["x-request-id"]) == 32
