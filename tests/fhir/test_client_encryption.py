from __future__ import annotations

import threading
from pathlib import Path

import pytest

from service.fhir.access import FhirAccess
from service.fhir.client import FetchLimits, FetchOutcome, fetch_all
from service.fhir.reasons import Reason, Why
from service.security.urls import same_base
from tests.certificates import of_private_authority, self_signed, server_side
from tests.fhir import misbehaving
from tests.fhir.misbehaving import Reply, misbehaving_server

EMPTY = Reply(body=b'{"resourceType": "Bundle", "type": "searchset"}')
DISTRUSTED = Reason(Why.ENCRYPTION)


def ask(url: str, trusted: Path | None, *, seconds: float = 5) -> FetchOutcome:
    limits = FetchLimits(certificate_authorities=True if trusted is None else str(trusted))
    return fetch_all(
        FhirAccess(f"{url}/fhir", token="secret-token"),
        {"key": "Condition?patient=1"},
        deadline_seconds=seconds,
        same_base=same_base,
        limits=limits,
    )["key"]


def test_a_server_whose_certificate_is_trusted_is_read(tmp_path: Path) -> None:
    pem = self_signed(tmp_path, "127.0.0.1")
    with misbehaving_server({"/fhir/Condition": [EMPTY]}, encryption=server_side(pem)) as server:
        assert ask(server.url, pem).complete


def test_an_authority_of_the_hospital_vouches_for_its_servers(tmp_path: Path) -> None:
    trusted, served = of_private_authority(tmp_path)
    with misbehaving_server({"/fhir/Condition": [EMPTY]}, encryption=server_side(served)) as server:
        assert ask(server.url, None) == FetchOutcome(reason=DISTRUSTED)
        assert server.requests == []
        assert ask(server.url, trusted).complete


@pytest.mark.parametrize(
    ("address", "days", "trusted"),
    [("127.0.0.1", 1, False), ("127.0.0.2", 1, True), ("127.0.0.1", -1, True)],
    ids=["signed by nobody known", "of another machine", "expired"],
)
def test_a_server_whose_certificate_proves_nothing_gets_no_request(
    tmp_path: Path, address: str, days: int, trusted: bool
) -> None:
    pem = self_signed(tmp_path, address, days=days)
    with misbehaving_server({"/fhir/Condition": [EMPTY]}, encryption=server_side(pem)) as server:
        assert ask(server.url, pem if trusted else None) == FetchOutcome(reason=DISTRUSTED)
        assert server.requests == []


def test_a_slow_encrypted_answer_is_given_up_at_the_deadline_and_hung_up_on(tmp_path: Path) -> None:
    pem = self_signed(tmp_path, "127.0.0.1")
    hung_up = threading.Event()

    def until_hung_up(wire: object) -> None:
        try:
            misbehaving.trickling_body(wire)  # type: ignore[arg-type]
        finally:
            hung_up.set()

    with misbehaving_server({"/fhir/Condition": [until_hung_up]}, encryption=server_side(pem)) as server:
        assert ask(server.url, pem, seconds=0.5) == FetchOutcome(reason=Reason(Why.LATE))
        assert hung_up.wait(5)


def test_a_server_that_never_ends_the_handshake_is_given_up() -> None:
    with misbehaving_server({}) as server:
        # A server for plain HTTP waits for the rest of a request line that never comes.
        url = server.url.replace("http://", "https://")
        assert ask(url, None, seconds=0.5).resource is None
        assert server.requests == []
