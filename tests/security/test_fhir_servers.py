from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from service.fhir.access import FhirAccess
from service.fhir.client import fetch_all
from service.security.clients import ANONYMOUS, Client
from service.security.fhir_servers import may_read, unusable_entries
from service.security.urls import same_base

REGISTERED = Client(issuer="https://ehr.example.org", fhir_servers=("https://ehr.example.org/fhir/r4",))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port on loopback that nobody may reach; ``accept`` does not wait."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def was_reached(listener: socket.socket) -> bool:
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return False
    connection.close()
    return True


def read_if_allowed(url: str, client: Client, allowed: tuple[str, ...] = ()) -> bool:
    """What the web does with a ``fhirServer``; whether it was let through."""
    if not may_read(url, client, allowed_fhir_servers=allowed):
        return False
    fetch_all(FhirAccess(url), {"patient": "Patient/1"}, deadline_seconds=1, same_base=same_base)
    return True


def test_the_listener_notices_a_request_that_is_allowed(listener: socket.socket) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"
    assert read_if_allowed(url, ANONYMOUS)
    assert was_reached(listener)


AT_THE_LISTENER = [
    "http://127.0.0.1:{port}",
    "http://127.0.0.1:{port}/fhir/r4",
    "http://localhost:{port}/fhir/r4",
    "http://LOCALHOST:{port}/fhir/r4",
    "http://localhost.:{port}/fhir/r4",
    "http://127.1:{port}/fhir/r4",
    "http://127.0.0.1.:{port}/fhir/r4",
    "http://2130706433:{port}/fhir/r4",
    "http://0x7f000001:{port}/fhir/r4",
    "http://0x7f.0.0.1:{port}/fhir/r4",
    "http://0177.0.0.1:{port}/fhir/r4",
    "http://0:{port}/fhir/r4",
    "http://0.0.0.0:{port}/fhir/r4",
    "http://[::1]:{port}/fhir/r4",
    "http://[::ffff:127.0.0.1]:{port}/fhir/r4",
    "http://[::ffff:7f00:1]:{port}/fhir/r4",
    "http://①②⑦.0.0.1:{port}/fhir/r4",
    "http://127。0。0。1:{port}/fhir/r4",
    "http://ehr.example.org@127.0.0.1:{port}/fhir/r4",
    "https://ehr.example.org@127.0.0.1:{port}/fhir/r4",
    "https://ehr.example.org:443@127.0.0.1:{port}/fhir/r4",
    "https://ehr.example.org%40127.0.0.1:{port}/fhir/r4",
    "https://127.0.0.1:{port}\\@ehr.example.org/fhir/r4",
    "https://127.0.0.1:{port}#@ehr.example.org/fhir/r4",
    "https://127.0.0.1:{port}?@ehr.example.org/fhir/r4",
    "https://127.0.0.1:{port}/https://ehr.example.org/fhir/r4",
    "https://ehr.example.org.127.0.0.1:{port}/fhir/r4",
    "http://127.0.0.1:{port}\r\nHost: ehr.example.org/fhir/r4",
    "http://%31%32%37.0.0.1:{port}/fhir/r4",
    "//127.0.0.1:{port}/fhir/r4",
    "gopher://127.0.0.1:{port}/_GET",
]


@pytest.mark.parametrize("template", AT_THE_LISTENER)
def test_a_registered_client_cannot_point_the_service_at_this_machine(
    template: str, listener: socket.socket
) -> None:
    assert not read_if_allowed(template.format(port=listener.getsockname()[1]), REGISTERED)
    assert not was_reached(listener)


ELSEWHERE = [
    "https://ehr.example.org.evil.example/fhir/r4",
    "https://evil-ehr.example.org/fhir/r4",
    "https://ehr.example.org./fhir/r4",
    "https://еhr.example.org/fhir/r4",
    "https://ehr.example.org:8443/fhir/r4",
    "http://ehr.example.org/fhir/r4",
    "http://ehr.example.org:443/fhir/r4",
    "https://ehr.example.org",
    "https://ehr.example.org/fhir",
    "https://ehr.example.org/fhir/r4evil",
    "https://ehr.example.org/FHIR/R4",
    "https://ehr.example.org/fhir/r4/..",
    "https://ehr.example.org/fhir/r4/../../admin",
    "https://ehr.example.org/fhir/r4/%2e%2e/admin",
    "https://ehr.example.org/fhir/r4/.%2E/admin",
    "https://ehr.example.org/fhir/r4/%252e%252e/admin",
    "https://ehr.example.org/fhir/r4/..%2fadmin",
    "https://ehr.example.org/fhir/r4/..%5cadmin",
    "https://ehr.example.org/fhir/r4//evil.example",
    "https://ehr.example.org/fhir/r4?x=",
    "https://ehr.example.org/fhir/r4#x",
    "https://ehr.example.org/fhir/r4%00",
    "https://user:secret@ehr.example.org/fhir/r4",
    "https://169.254.169.254/latest/meta-data",
    "http://169.254.169.254/latest/meta-data",
    "https://[fe80::1%25eth0]/fhir/r4",
    "https://metadata.google.internal/computeMetadata/v1",
    "file:///etc/passwd",
    "https:/ehr.example.org/fhir/r4",
    "https:ehr.example.org/fhir/r4",
    " https://ehr.example.org/fhir/r4",
    "https://ehr.example.org/fhir/r4\n",
    "https://ehr.example.org:0443x/fhir/r4",
    "https://ehr.example.org:99999/fhir/r4",
    "https://ehr.example.org:0/fhir/r4",
    "https:///fhir/r4",
    "https://ehr.example.org/fhir/r4/" + "a" * 9000,
    "",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_registered_client_cannot_point_the_service_elsewhere(url: str) -> None:
    assert not may_read(url, REGISTERED)


@pytest.mark.parametrize(
    "url",
    [
        "https://ehr.example.org/fhir/r4",
        "https://ehr.example.org/fhir/r4/",
        "HTTPS://EHR.Example.ORG:443/fhir/r4",
        "https://ehr.example.org/fhir/r4/tenant-7",
    ],
)
def test_the_registered_server_may_be_read_however_it_is_spelt(url: str) -> None:
    assert may_read(url, REGISTERED)


@pytest.mark.parametrize("host", ["[2001:db8::1]", "[2001:0DB8:0:0:0:0:0:1]", "[2001:db8:0::0:1]"])
def test_an_address_of_the_sixth_version_is_the_same_in_every_spelling(host: str) -> None:
    assert may_read(f"https://{host}/fhir", ANONYMOUS, allowed_fhir_servers=("https://[2001:DB8::1]/fhir",))


def test_a_list_of_the_client_takes_the_place_of_that_of_the_operator() -> None:
    allowed = ("https://other.example/fhir",)
    assert not may_read("https://other.example/fhir", REGISTERED, allowed_fhir_servers=allowed)
    assert may_read("https://other.example/fhir", Client(issuer="x"), allowed_fhir_servers=allowed)
    assert may_read("https://other.example/fhir", ANONYMOUS, allowed_fhir_servers=allowed)


def test_a_registered_client_without_any_list_reads_nothing() -> None:
    assert not may_read("http://127.0.0.1:8080/fhir", Client(issuer="x"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test_an_open_service_reads_this_machine(host: str) -> None:
    assert may_read(f"http://{host}:8080/fhir", ANONYMOUS)


NOT_THIS_MACHINE = ["10.0.0.1", "0.0.0.0", "hapi", "localhost.evil.example", "127.0.0.1.evil.example"]
NOT_THIS_MACHINE += ["[::2]", "[::]", "[::ffff:10.0.0.1]", "[127.0.0.1]", "[::1%251]", "user@127.0.0.1"]
NOT_THIS_MACHINE += ["127.1", "0", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.01", "127.0.0.1."]


@pytest.mark.parametrize("port", ["0", "99999", "80x", ""])
def test_a_port_that_is_none(port: str) -> None:
    assert not may_read(f"http://127.0.0.1:{port}/fhir", ANONYMOUS)


@pytest.mark.parametrize("host", NOT_THIS_MACHINE)
def test_an_open_service_reads_nothing_but_this_machine(host: str) -> None:
    assert not may_read(f"http://{host}:8080/fhir", ANONYMOUS)


def test_an_open_service_with_a_list_reads_only_what_is_on_it() -> None:
    assert not may_read("http://127.0.0.1:8080/fhir", ANONYMOUS, allowed_fhir_servers=("http://hapi/fhir",))


def test_plain_http_is_read_beyond_this_machine_where_the_entry_says_so() -> None:
    assert may_read("http://hapi:8080/fhir", ANONYMOUS, allowed_fhir_servers=("http://hapi:8080",))
    assert not may_read("http://hapi:8080/fhir", ANONYMOUS, allowed_fhir_servers=("https://hapi:8080",))


def test_an_entry_that_could_never_match_is_named() -> None:
    problems = unusable_entries(["https://ok.example/fhir", "ehr.example.org", "*", "https://a.example/?b"])
    assert [problem.split(" ")[0] for problem in problems] == [
        "'ehr.example.org'",
        "'*'",
        "'https://a.example/?b'",
    ]


@pytest.mark.parametrize(
    ("base", "url", "expected"),
    [
        ("https://a.example/fhir", "https://a.example/fhir?_getpages=1&x=http://b|c", True),
        ("https://a.example/fhir/", "https://a.example:443/fhir/Condition?page=2", True),
        ("https://a.example", "https://a.example/Condition", True),
        ("https://a.example/fhir", "https://a.example/Condition", False),
        ("https://a.example/fhir", "https://a.example/fhir2/Condition", False),
        ("https://a.example/fhir", "http://a.example/fhir/Condition", False),
        ("https://a.example/fhir", "https://b.example/fhir/Condition", False),
        ("https://a.example/fhir", "https://a.example/fhir/../Condition", False),
        ("https://a.example/fhir", "https://a.example/fhir/Condition#x", False),
        ("https://a.example/fhir", "https://a.example/fhir/Condition?x=\\y", False),
        ("https://a.example/fhir?x", "https://a.example/fhir/Condition", False),
        ("nonsense", "nonsense", False),
    ],
)
def test_a_link_has_to_stay_under_the_base(base: str, url: str, expected: bool) -> None:
    assert same_base(base, url) is expected
