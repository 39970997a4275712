"""Keys and tokens of a made-up EHR, made anew for each test run."""

from __future__ import annotations

import json
import time
import uuid
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from service.security.clients import Client
from service.security.key_sets import read_key_set

ISSUER = "https://ehr.example.org"
PUBLIC_URL = "https://cds.example.org"
AUDIENCE = f"{PUBLIC_URL}/cds-services/net-patient-view"


@lru_cache
def elliptic(name: str = "ehr", curve: str = "P-384") -> ec.EllipticCurvePrivateKey:
    curves: dict[str, ec.EllipticCurve] = {
        "P-256": ec.SECP256R1(),
        "P-384": ec.SECP384R1(),
        "P-521": ec.SECP521R1(),
    }
    return ec.generate_private_key(curves[curve])


@lru_cache
def rsa_key(name: str = "ehr", bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@lru_cache
def edwards() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def public(key: Any, kid: str, **members: Any) -> dict[str, Any]:
    writer: Any = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    if isinstance(key, ed25519.Ed25519PrivateKey):
        writer = OKPAlgorithm
    return {**json.loads(writer.to_jwk(key.public_key())), "kid": kid, **members}


def key_set(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(entries)}).encode()


def client(**changes: Any) -> Client:
    keys, problems = read_key_set(
        key_set(
            public(elliptic(), "ec-1"),
            public(rsa_key(), "rsa-1"),
            public(elliptic("p256", "P-256"), "ec-256"),
        )
    )
    assert problems == []
    return Client(
        **{"issuer": ISSUER, "algorithms": ("ES384", "RS384"), "find_key": keys.get, **changes}  # type: ignore[arg-type]
    )


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims; a change to None leaves the claim out."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4())}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(
    body: dict[str, Any] | None = None, *, key: Any = None, algorithm: str = "ES384", **header: Any
) -> str:
    """A token; ``kid`` and ``typ`` are good unless ``header`` says otherwise."""
    return jwt.encode(
        claims() if body is None else body,
        elliptic() if key is None else key,
        algorithm=algorithm,
        headers={"kid": "ec-1", **header},
    )
