"""Public keys of the registered EHRs: JSON Web Key Sets (RFC 7517) from a file or a URL.

https://cds-hooks.hl7.org/2.0/#trusting-cds-clients
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from service.fhir.phrasebook import Phrases
from service.fhir.transport import Answer, Exchange, ExchangeFailed, get, run_within

_ALGORITHMS: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("RSA", None): ("RS384", "RS256", "RS512", "PS384", "PS256", "PS512"),
}
# Key type and curve -> what it can sign. "none" and the symmetric algorithms are absent on purpose.

SIGNATURE_ALGORITHMS = tuple(name for names in _ALGORITHMS.values() for name in names)
"""What a client may be registered with."""

SMALLEST_RSA_KEY_BITS = 2048  # RFC 7518 section 3.3
FRESH_SECONDS = 600.0  # how long a fetched key set is used without asking again
STALE_SECONDS = 3600.0  # how long it is used when its URL cannot be read
PAUSE_SECONDS = 30.0  # between two fetches, so that unknown key ids cannot hammer the URL
FETCH_SECONDS = 3.0
MOST_WITHOUT_KEYS = 4  # calls that wait for the first answer of the URL
MAX_BYTES = 256 * 1024

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignatureKey:
    """A public key and the algorithms whose signatures it may check."""

    public_key: EllipticCurvePublicKey | RSAPublicKey
    algorithms: tuple[str, ...]


def read_key_set(document: bytes) -> tuple[dict[str, SignatureKey], list[str]]:
    """The usable signature keys by ``kid``, and every problem in words. No key is a problem too."""
    try:
        listed = orjson.loads(document)["keys"]
        entries = [entry for entry in listed if isinstance(entry, dict)]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}, ['is not a JSON Web Key Set: a JSON object with a list "keys"']
    keys: dict[str, SignatureKey] = {}
    problems: list[str] = []
    for number, entry in enumerate(entries, start=1):
        # RFC 7517 section 5 asks to pass over keys of types that are not understood.
        if entry.get("use", "sig") != "sig" or entry.get("kty") not in ("EC", "RSA", "oct"):
            continue
        key, problem = _key(entry)
        if key is not None and entry["kid"] not in keys:
            keys[entry["kid"]] = key
        else:
            problems.append(f"key {number}: {problem or 'its kid is that of another key'}")
    if not keys:
        problems.append("holds no usable signature key")
    return keys, problems


def _key(entry: Mapping[str, Any]) -> tuple[SignatureKey | None, str]:
    """The key, or None and why not."""
    if not isinstance(entry.get("kid"), str) or not entry["kid"]:
        return None, "has no kid"
    if entry["kty"] == "oct":
        return None, "is a shared secret, which proves nothing about who signed"
    if "d" in entry:
        return None, "is a private key; register the public one and replace this one, which is now known"
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None, "is not meant for checking signatures"
    algorithms = _algorithms(entry)
    if not algorithms:
        return None, "has an unknown curve, or an algorithm that does not fit it"
    return _public_key(entry, algorithms)


def _algorithms(entry: Mapping[str, Any]) -> tuple[str, ...]:
    curve = entry.get("crv") if entry["kty"] == "EC" else None
    fitting = _ALGORITHMS.get((entry["kty"], curve), ()) if isinstance(curve, str | None) else ()
    return tuple(name for name in fitting if entry.get("alg", name) == name)


def _public_key(entry: Mapping[str, Any], algorithms: tuple[str, ...]) -> tuple[SignatureKey | None, str]:
    try:
        key = PyJWK(dict(entry), algorithms[0]).key
    except PyJWTError:
        return None, "has members that make no key"
    if isinstance(key, RSAPublicKey) and key.key_size < SMALLEST_RSA_KEY_BITS:
        return None, f"is an RSA key of fewer than {SMALLEST_RSA_KEY_BITS} bits"
    return SignatureKey(key, algorithms), ""


FetchKeySet = Callable[[str], bytes | None]
"""``URL -> the body``, None where it could not be read."""


class RemoteKeySet:
    """A key set behind a URL: remembered, and asked for again when it ages or lacks a key id.

    ``fetch`` and ``clock`` are arguments so that tests need neither a network nor time.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: FetchKeySet,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._without_keys = threading.BoundedSemaphore(MOST_WITHOUT_KEYS)
        self._keys: Mapping[str, SignatureKey] = {}
        self._read_at = self._tried_at = float("-inf")

    def find(self, key_id: str) -> SignatureKey | None:
        """The key with this ``kid``; None when the set lacks it or could not be read for too long."""
        fresh = self._clock() - self._read_at < FRESH_SECONDS
        if not (fresh and key_id in self._keys):
            self._read_again(key_id)
        usable = self._clock() - self._read_at < STALE_SECONDS
        return self._keys.get(key_id) if usable else None

    def _read_again(self, key_id: str) -> None:
        # Whoever has keys to go by does not wait for another call that reads them again, and while there
        # are none only a few wait: an issuer whose URL hangs must not hold every thread.
        if self._keys:
            self._read_unless_another_does(key_id, seconds=0)
        elif self._without_keys.acquire(blocking=False):
            try:
                self._read_unless_another_does(key_id, seconds=FETCH_SECONDS)
            finally:
                self._without_keys.release()

    def _read_unless_another_does(self, key_id: str, *, seconds: float) -> None:
        if not self._lock.acquire(timeout=seconds):
            return
        try:
            now = self._clock()
            read_meanwhile = now - self._read_at < FRESH_SECONDS and key_id in self._keys
            if read_meanwhile or now - self._tried_at < PAUSE_SECONDS:
                return
            self._tried_at = now
            document = self._fetch(self._url)
            keys, problems = read_key_set(document) if document is not None else ({}, ["cannot be read"])
            if problems:
                _logger.warning("key set %s: %s", self._url, "; ".join(problems))
            if keys:
                self._keys, self._read_at = keys, now
        finally:
            self._lock.release()


def fetch_key_set(url: str, certificate_authorities: str | bool, phrases: Phrases) -> bytes | None:
    """The body behind ``url``, None when it could not be read; the log says why in words of ``phrases``."""
    job = functools.partial(_get_key_set, url, certificate_authorities, phrases)
    answer = run_within(FETCH_SECONDS, {url: job}, lane=f"key set {url}")[url]
    return answer.body if answer is not None and answer.status == 200 else None


def _get_key_set(
    url: str, certificate_authorities: str | bool, phrases: Phrases, exchange: Exchange
) -> Answer | None:
    try:
        return get(
            url,
            {"Accept": "application/jwk-set+json, application/json"},
            exchange=exchange,
            max_bytes=MAX_BYTES,
            certificate_authorities=certificate_authorities,
        )
    except ExchangeFailed as failure:
        _logger.warning("key set %s: %s", url, failure.reason.in_words(phrases))
        return None
