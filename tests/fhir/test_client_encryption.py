from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.fhir.access import FhirAccess
from service.fhir.client import FetchLimits, FetchOutcome, fetch_all
from service.security.urls import same_base
from tests.fhir import misbehaving
from tests.fhir.misbehaving import Reply, misbehaving_server

EMPTY = Reply(body=b'{"resourceType": "Bundle", "type": "searchset"}')
DISTRUSTED = "the certificate or the encryption of the server was refused"


def certificate_for(folder: Path, address: str, *, days: int = 1) -> Path:
    """A PEM file with a key and a certificate that it signed itself; ``days`` below nought has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a FHIR server of a test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{address}{days}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return pem


def server_side(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


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
    pem = certificate_for(tmp_path, "127.0.0.1")
    with misbehaving_server({"/fhir/Condition": [EMPTY]}, encryption=server_side(pem)) as server:
        assert ask(server.url, pem).complete


@pytest.mark.parametrize(
    ("address", "days", "trusted"),
    [("127.0.0.1", 1, False), ("127.0.0.2", 1, True), ("127.0.0.1", -1, True)],
    ids=["signed by nobody known", "of another machine", "expired"],
)
def test_a_server_whose_certificate_proves_nothing_gets_no_request(
    tmp_path: Path, address: str, days: int, trusted: bool
) -> None:
    pem = certificate_for(tmp_path, address, days=days)
    with misbehaving_server({"/fhir/Condition": [EMPTY]}, encryption=server_side(pem)) as server:
        assert ask(server.url, pem if trusted else None) == FetchOutcome(reason=DISTRUSTED)
        assert server.requests == []


def test_a_slow_encrypted_answer_is_given_up_at_the_deadline_and_hung_up_on(tmp_path: Path) -> None:
    pem = certificate_for(tmp_path, "127.0.0.1")
    hung_up = threading.Event()

    def until_hung_up(wire: object) -> None:
        try:
            misbehaving.trickling_body(wire)  # type: ignore[arg-type]
        finally:
            hung_up.set()

    with misbehaving_server({"/fhir/Condition": [until_hung_up]}, encryption=server_side(pem)) as server:
        assert ask(server.url, pem, seconds=0.5) == FetchOutcome(reason="no answer within the time allowed")
        assert hung_up.wait(5)


def test_a_server_that_never_ends_the_handshake_is_given_up() -> None:
    with misbehaving_server({}) as server:
        # A server for plain HTTP waits for the rest of a request line that never comes.
        url = server.url.replace("http://", "https://")
        assert ask(url, None, seconds=0.5).resource is None
        assert server.requests == []
