"""Certificates for servers on loopback, made anew for each test."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def self_signed(folder: Path, address: str, *, days: int = 1) -> Path:
    """A PEM file with a key and a certificate that it signed itself; ``days`` below nought has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("a server of a test")
    certificate = (
        _certificate(name, key, issuer=name, days=days)
        .add_extension(_address(address), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{address}{days}.pem"
    pem.write_bytes(_private(key) + certificate.public_bytes(serialization.Encoding.PEM))
    return pem


def of_private_authority(folder: Path, address: str = "127.0.0.1") -> tuple[Path, Path]:
    """The PEM file of an authority that nobody else knows, and one with a key and certificate it signed."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = (
        _certificate(_name("a hospital"), authority_key, issuer=_name("a hospital"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _certificate(_name("a server of a test"), key, issuer=authority.subject)
        .add_extension(_address(address), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    trusted, served = folder / "authority.pem", folder / "server.pem"
    trusted.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    served.write_bytes(_private(key) + certificate.public_bytes(serialization.Encoding.PEM))
    return trusted, served


def server_side(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def encrypted(listening: socket.socket, context: ssl.SSLContext) -> socket.socket:
    """The socket of a server; each connection makes its own handshake, so that a bad one stops no other."""
    return context.wrap_socket(listening, server_side=True, do_handshake_on_connect=False)


def _certificate(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, issuer: x509.Name, days: int = 1
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _address(address: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
