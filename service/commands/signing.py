"""A fresh token for each call, signed as an EHR signs it.

https://cds-hooks.hl7.org/2.0/#trusting-cds-clients: ``aud`` is the URL called, a ``jti`` is good once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from service.errors import InputFileError

_LIFETIME_SECONDS = 300  # the longest that CDS Hooks recommends
_OF_CURVE = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


@dataclass(frozen=True, slots=True)
class Signer:
    """The key of an EHR, never shown by ``repr``, and the names by which a service knows it."""

    key: EllipticCurvePrivateKey | RSAPrivateKey = field(repr=False)
    algorithm: str
    issuer: str
    key_id: str

    def token(self, audience: str) -> str:
        """A token for one call to the URL ``audience``."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": audience, "iat": now, "exp": now + _LIFETIME_SECONDS}
        header = {"kid": self.key_id, "typ": "JWT"}
        return jwt.encode({**claims, "jti": str(uuid4())}, self.key, self.algorithm, headers=header)


def signer(path: Path, *, issuer: str, key_id: str) -> Signer:
    """The signer with the private key in a PEM file without a password; raises InputFileError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as problem:
        raise InputFileError(f"--sign-with {path}: cannot be read ({problem.strerror}).") from None
    except (ValueError, TypeError):
        raise InputFileError(
            f"--sign-with {path}: has to be a private key in PEM form without a password."
        ) from None
    algorithm = "RS384" if isinstance(key, RSAPrivateKey) else None
    if isinstance(key, EllipticCurvePrivateKey):
        algorithm = _OF_CURVE.get(key.curve.name)
    if algorithm is None or not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise InputFileError(f"--sign-with {path}: has to be an RSA key or one on P-256, P-384 or P-521.")
    return Signer(key, algorithm, issuer, key_id)
