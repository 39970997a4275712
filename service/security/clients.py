"""The registered EHRs: who may call, with which keys, for what.

https://cds-hooks.hl7.org/2.0/#trusting-cds-clients. The TOML file has one ``[[client]]`` table for each; it
is read once at the start, and all that is wrong with it is reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError, NotPermitted
from service.security.key_sets import (
    SIGNATURE_ALGORITHMS,
    FetchKeySet,
    RemoteKeySet,
    SignatureKey,
    read_key_set,
)
from service.security.urls import is_loopback, parse_url
from service.toml_file import meant, read_toml

DEFAULT_ALGORITHMS = ("ES384", "RS384")

_KEYS = (
    *("iss", "jwks_file", "jwks_url", "algorithms", "services", "fhir_servers", "tenants"),
    *("profile", "order_codes", "language"),
)
_SYSTEM_AND_CODE = re.compile(r"[^|\s]+\|[^|\s]+")


def _no_key(key_id: str) -> SignatureKey | None:  # noqa: ARG001  # the shape of Client.find_key
    return None


@dataclass(frozen=True, slots=True)
class Client:
    """One caller. Empty ``services`` or ``tenants`` means that all are allowed.

    ``find_key`` gives the public key with a ``kid``. ``key_set_url`` is the only ``jku`` that is accepted; it
    is None where the keys come from a file. ``tenant`` is that of this call, or empty. ``profile`` and
    ``order_codes`` say how its cards are written, see :mod:`service.hooks.profiles`; ``language`` is the one
    of their words, empty where each call may ask for its own.
    """

    issuer: str
    algorithms: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    fhir_servers: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    key_set_url: str | None = None
    find_key: Callable[[str], SignatureKey | None] = _no_key
    tenant: str = ""
    profile: str = ""
    language: str = ""
    order_codes: Mapping[str, str] = field(default_factory=dict)


ANONYMOUS = Client(issuer="")
"""Every caller of an open service."""


def require_service(client: Client, service_id: str) -> None:
    """Raise NotPermitted unless ``client`` may call this CDS service."""
    if client.services and service_id not in client.services:
        raise NotPermitted("This client is not registered for this service.")


def read_clients(
    path: Path,
    *,
    known_services: Collection[str],
    fetch_key_set: FetchKeySet,
    known_profiles: Collection[str] = (),
    known_languages: Collection[str] | None = (),
    stands_alone: bool = True,
) -> Mapping[str, Client]:
    """Issuer -> Client, or ConfigurationError with every problem.

    ``known_services`` are the ids that ``services`` may name, ``known_profiles`` what ``profile`` and
    ``known_languages`` what ``language`` may be, None where that is not known; ``fetch_key_set`` reads a
    ``jwks_url`` when a key of it is needed. Where the file does not stand alone, its other tables are for
    others to read.
    """
    problems: list[str] = []
    tables = _tables(path, problems, stands_alone=stands_alone)
    clients: dict[str, Client] = {}
    for number, table in enumerate(tables, start=1):
        reader = _TableReader(table, path, f"{path.name}, client {number}", problems)
        client = replace(
            _client(reader, known_services, known_profiles, fetch_key_set),
            language=_one_of(reader, "language", known_languages),
        )
        if client.issuer in clients:
            reader.problem("iss", f"{client.issuer!r} is registered twice")
        clients[client.issuer] = client
    if problems:
        raise ConfigurationError(problems)
    return clients


def _tables(path: Path, problems: list[str], *, stands_alone: bool) -> list[dict[str, Any]]:
    document = dict(read_toml(path).tables)
    tables = document.pop("client", None)
    if stands_alone:
        words = "is unknown; each EHR is a [[client]] table"
        problems += [f"{path.name}: {key!r} {words}" for key in document]
    if isinstance(tables, list) and tables and all(isinstance(table, dict) for table in tables):
        return tables
    problems.append(f"{path.name}: has no [[client]] table, so nobody could call")
    return []


@dataclass(frozen=True, slots=True)
class _TableReader:
    """One table, and the list to which what is wrong with it is added."""

    table: Mapping[str, Any]
    path: Path
    place: str
    problems: list[str]

    def problem(self, key: str, words: str) -> None:
        self.problems.append(f"{self.place}, {key}: {words}")

    def text(self, key: str) -> str | None:
        value = self.table.get(key)
        if value is None or (isinstance(value, str) and value.strip() and value.isprintable()):
            return value
        self.problem(key, "must be a text that is not empty, on one line")
        return None

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        if key not in self.table:
            return default
        value = self.table[key]
        if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
            return tuple(value)
        # An empty list could be meant as "none" and would be read as "all".
        self.problem(key, "must be a list of at least one text; leave it out to set no bounds")
        return default


def _client(
    reader: _TableReader,
    known_services: Collection[str],
    known_profiles: Collection[str],
    fetch_key_set: FetchKeySet,
) -> Client:
    for key in reader.table:
        if key not in _KEYS:
            reader.problem(key, f"is unknown{meant(key, _KEYS)}")
    find_key, key_set_url = _key_source(reader, fetch_key_set)
    return Client(
        issuer=_issuer(reader),
        algorithms=_chosen(reader, "algorithms", SIGNATURE_ALGORITHMS, DEFAULT_ALGORITHMS),
        services=_chosen(reader, "services", known_services),
        fhir_servers=_fhir_servers(reader),
        tenants=reader.texts("tenants"),
        key_set_url=key_set_url,
        find_key=find_key,
        profile=_one_of(reader, "profile", known_profiles),
        order_codes=_order_codes(reader),
    )


def _issuer(reader: _TableReader) -> str:
    if "iss" not in reader.table:
        reader.problem("iss", "is missing: the issuer that the tokens of this EHR name")
    return reader.text("iss") or ""


def _chosen(
    reader: _TableReader, key: str, choices: Collection[str], default: tuple[str, ...] = ()
) -> tuple[str, ...]:
    values = reader.texts(key, default)
    for value in values:
        if value not in choices:
            reader.problem(key, f"{value!r} is not one of {', '.join(choices)}")
    return values


def _one_of(reader: _TableReader, key: str, choices: Collection[str] | None) -> str:
    name = reader.text(key) or ""
    if name and choices is not None and name not in choices:
        reader.problem(key, f"{name!r} is not one of {', '.join(choices)}")
    return name


def _order_codes(reader: _TableReader) -> Mapping[str, str]:
    table = reader.table.get("order_codes", {})
    pairs = table.items() if isinstance(table, dict) else [("", "")]
    if all(isinstance(to, str) and all(map(_SYSTEM_AND_CODE.fullmatch, (of, to))) for of, to in pairs):
        return dict(pairs)
    reader.problem("order_codes", 'must be a table of lines like "system|code" = "system|code"')
    return {}


def _fhir_servers(reader: _TableReader) -> tuple[str, ...]:
    values = reader.texts("fhir_servers")
    for value in values:
        url = parse_url(value)
        if url is None or url.has_query:
            reader.problem(
                "fhir_servers", f"{value!r} is not a base URL like https://ehr.example.org/fhir/r4"
            )
    return values


def _key_source(
    reader: _TableReader, fetch_key_set: FetchKeySet
) -> tuple[Callable[[str], SignatureKey | None], str | None]:
    """How to find a key, and the URL of the key set where there is one."""
    if ("jwks_file" in reader.table) == ("jwks_url" in reader.table):
        reader.problem("jwks_file", "give either jwks_file or jwks_url, and not both")
        return _no_key, None
    if "jwks_file" in reader.table:
        return _keys_of_file(reader).get, None
    return _keys_of_url(reader, fetch_key_set)


def _keys_of_file(reader: _TableReader) -> Mapping[str, SignatureKey]:
    name = reader.text("jwks_file")
    if name is None:
        return {}
    try:
        document = (reader.path.parent / name).read_bytes()
    except OSError as failure:
        reader.problem("jwks_file", f"{name!r} cannot be read ({failure.strerror})")
        return {}
    keys, problems = read_key_set(document)
    for problem in problems:
        reader.problem("jwks_file", f"{name!r}: {problem}")
    return keys


def _keys_of_url(
    reader: _TableReader, fetch_key_set: FetchKeySet
) -> tuple[Callable[[str], SignatureKey | None], str | None]:
    text = reader.text("jwks_url")
    if text is None:
        return _no_key, None
    url = parse_url(text)
    if url is None or (url.scheme != "https" and not is_loopback(url)):
        reader.problem("jwks_url", f"{text!r} is not an https URL")
        return _no_key, None
    return RemoteKeySet(text, fetch=fetch_key_set).find, text
