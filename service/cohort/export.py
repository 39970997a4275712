"""Fetch the charts of a FHIR server by Bulk Data ``$export``.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html, with SMART backend services
(https://hl7.org/fhir/smart-app-launch/backend-services.html). Files that were fetched whole stay, so that the
same command goes on where it was stopped; the manifest's errors are kept beside them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import jwt
import orjson
import requests

from service.cohort.private_files import create, write
from service.cohort.sources import ERRORS
from service.documents import elements, mapping, string
from service.errors import InputFileError
from service.fhir.r4 import TYPES

_SECONDS = 60.0  # to wait for one answer
_LONGEST_POLL_SECONDS = 120.0
_FIRST_POLL_SECONDS = 1.0
_MOST_HOURS = 24.0
_TRIES = 5
_CHUNK = 1 << 20
_TOKEN_MARGIN_SECONDS = 30
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Access:
    """Where to ask, and as whom: a backend service with its private key, a token, or nobody."""

    base_url: str
    client_id: str = ""
    key_file: Path | None = None
    key_id: str = ""
    token: str = ""


def export(access: Access, folder: Path, *, certificate_authorities: bool | str = True) -> None:
    """Write every file of the export into a folder, which only its owner can read.

    Raises InputFileError: what the server answered, and what to do.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with requests.Session() as session:
        session.verify = certificate_authorities
        server = _Server(access, session)
        manifest = _manifest(server, folder)
        for number, (kind, url) in enumerate(_wanted(manifest)):
            _download(server, url, folder / f"{number:04d}-{kind}.ndjson", manifest)
        for number, one in enumerate(elements(manifest.get("error"))):
            # Not .ndjson: they are no part of a chart.
            _download(server, string(one.get("url")), folder / f"{number:04d}{ERRORS}", manifest)


class _Server:
    """A FHIR server with the token that is good for it."""

    def __init__(self, access: Access, session: requests.Session) -> None:
        self.base = access.base_url.rstrip("/")
        self._access, self._session = access, session
        self._token, self._until = access.token, float("inf") if access.token else 0.0

    def get(self, url: str, *, token: bool = True, stream: bool = False, **headers: str) -> requests.Response:
        """One answer, asked for again where the server is busy. Raises InputFileError."""
        for attempt in range(_TRIES):
            found = self._ask(url, headers | (self._authorization() if token else {}), stream=stream)
            if found.status_code not in (429, 500, 502, 503, 504) or attempt == _TRIES - 1:
                return found
            time.sleep(_pause(found, 2.0**attempt))
        raise AssertionError("the last attempt returns")

    def _ask(self, url: str, headers: Mapping[str, str], *, stream: bool) -> requests.Response:
        try:
            return self._session.get(url, headers=dict(headers), timeout=_SECONDS, stream=stream)
        except requests.RequestException as fault:
            raise InputFileError(f"{_shown(url)}: does not answer ({type(fault).__name__}).") from None

    def _authorization(self) -> dict[str, str]:
        if self._access.client_id and time.time() > self._until - _TOKEN_MARGIN_SECONDS:
            self._token, self._until = self._fresh_token()
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def _fresh_token(self) -> tuple[str, float]:
        """A token for the client's assertion; https://hl7.org/fhir/smart-app-launch/backend-services.html."""
        endpoint = self._token_endpoint()
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(f"system/{kind}.read" for kind in (*TYPES, "Medication")),
            "client_assertion_type": _ASSERTION,
            "client_assertion": _assertion(self._access, endpoint),
        }
        try:
            answer = self._session.post(endpoint, data=form, timeout=_SECONDS)
            stated = mapping(answer.json())
        except (requests.RequestException, ValueError):
            raise InputFileError(f"{_shown(endpoint)}: gave no token.") from None
        if answer.status_code != 200 or not string(stated.get("access_token")):
            why = string(stated.get("error")) or f"status {answer.status_code}"
            raise InputFileError(
                f"{_shown(endpoint)}: refuses a token ({why[:60]}); check --client-id, --sign-with and "
                "--kid, and that the server knows the public key."
            )
        seconds = stated.get("expires_in")
        return string(stated["access_token"]), time.time() + (seconds if isinstance(seconds, int) else 60)

    def _token_endpoint(self) -> str:
        found = self.get(f"{self.base.partition('/Group/')[0]}/.well-known/smart-configuration", token=False)
        endpoint = string(_json(found).get("token_endpoint"))
        if not endpoint:
            raise InputFileError(f"{_shown(found.url)}: names no token_endpoint; use --token-env.")
        return endpoint


def _assertion(access: Access, audience: str) -> str:
    if access.key_file is None:
        raise InputFileError("--client-id needs --sign-with KEY, the PEM file of the private key.")
    now = int(time.time())
    claims = {
        "iss": access.client_id,
        "sub": access.client_id,
        "aud": audience,
        "exp": now + 240,
        "jti": str(uuid4()),
    }
    try:
        key = access.key_file.read_bytes()
        algorithm = "RS384" if b"RSA" in key or _is_rsa(key) else "ES384"
        return jwt.encode(
            claims, key, algorithm=algorithm, headers={"kid": access.key_id} if access.key_id else None
        )
    except (OSError, ValueError, TypeError, jwt.PyJWTError):
        raise InputFileError(
            f"{access.key_file}: is not a PEM file with an RSA or P-384 private key."
        ) from None


def _is_rsa(key: bytes) -> bool:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return isinstance(load_pem_private_key(key, password=None), RSAPrivateKey)


def _manifest(server: _Server, folder: Path) -> dict[str, Any]:
    """The manifest of the export; of an earlier start where its files can still be fetched."""
    kept = folder / "manifest.json"
    if kept.exists():
        return dict(mapping(orjson.loads(kept.read_bytes())))
    manifest = _polled(server, _started(server, folder))
    write(kept, orjson.dumps(manifest))
    return manifest


def _started(server: _Server, folder: Path) -> str:
    """Where the state of the export is told; kept, so that a second start does not export again."""
    kept = folder / "status-url.txt"
    if kept.exists():
        return kept.read_text(encoding="utf-8")
    kinds = ",".join(sorted((*TYPES, "Medication")))
    level = "" if "/Group/" in server.base or server.base.endswith("/Patient") else "/Patient"
    url = f"{server.base}{level}/$export?_type={kinds}"
    answer = server.get(url, Accept="application/fhir+json", Prefer="respond-async")
    location = answer.headers.get("Content-Location", "")
    if answer.status_code != 202 or not location:
        raise InputFileError(
            f"{_shown(url)}: does not begin an export (status {answer.status_code}{_diagnosis(answer)}); the "
            "server has to support Bulk Data $export, and the client to be allowed to use it."
        )
    write(kept, urljoin(url, location).encode())
    return urljoin(url, location)


def _polled(server: _Server, url: str) -> dict[str, Any]:
    pause, until = _FIRST_POLL_SECONDS, time.monotonic() + _MOST_HOURS * 3600
    while time.monotonic() < until:
        answer = server.get(url, Accept="application/json")
        if answer.status_code == 200:
            return _json(answer)
        if answer.status_code != 202:
            raise InputFileError(
                f"{_shown(url)}: the export failed (status {answer.status_code}{_diagnosis(answer)}); delete "
                "the folder export in the output to begin again."
            )
        time.sleep(_pause(answer, pause))
        pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
    raise InputFileError(f"{_shown(url)}: the export did not end within {_MOST_HOURS:g} hours.")


def _pause(answer: requests.Response, otherwise: float) -> float:
    """The seconds of Retry-After, as a number or a date; no longer than the longest pause."""
    stated = answer.headers.get("Retry-After", "")
    try:
        seconds = float(stated) if stated.isdecimal() else _until(stated)
    except (ValueError, TypeError):
        seconds = otherwise
    return min(max(seconds, 0.0), _LONGEST_POLL_SECONDS)


def _until(date: str) -> float:
    return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()


def _wanted(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in elements(manifest.get("output")):
        kind, url = string(one.get("type")), string(one.get("url"))
        if (kind in TYPES or kind == "Medication") and url:
            yield kind, url


def _download(server: _Server, url: str, path: Path, manifest: Mapping[str, Any]) -> None:
    """One file, written beside its place until it is whole."""
    if path.exists():
        return
    needs = manifest.get("requiresAccessToken") is not False and _same_origin(url, server.base)
    part = path.with_suffix(".part")
    answer = server.get(url, token=needs, stream=True, Accept="application/fhir+ndjson")
    if answer.status_code != 200:
        raise InputFileError(
            f"{_shown(url)}: cannot be fetched (status {answer.status_code}); give the command again."
        )
    try:
        with create(part) as opened:
            for chunk in answer.iter_content(_CHUNK):
                opened.write(chunk)
    except requests.RequestException as fault:
        raise InputFileError(
            f"{_shown(url)}: broke off ({type(fault).__name__}); give the command again."
        ) from None
    part.replace(path)


def _same_origin(url: str, base: str) -> bool:
    """A token is given to nobody but the server that it is for."""
    one, other = urlsplit(url), urlsplit(base)
    return (one.scheme, one.netloc) == (other.scheme, other.netloc)


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        return dict(mapping(answer.json()))
    except ValueError:
        raise InputFileError(f"{_shown(answer.url)}: did not answer with JSON.") from None


def _diagnosis(answer: requests.Response) -> str:
    """The code of an OperationOutcome; its text may speak of a patient."""
    try:
        issue = next(iter(elements(mapping(answer.json()).get("issue"))), {})
    except ValueError:
        return ""
    return f", {string(issue.get('code'))[:40]}" if issue.get("code") else ""


def _shown(url: str) -> str:
    """A URL without its query, which may hold a secret."""
    return url.partition("?")[0]
