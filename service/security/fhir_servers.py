"""Which FHIR servers the service may read for a caller.

``fhirServer`` is written by the caller (https://cds-hooks.hl7.org/2.0/#fhir-resource-access), so it is held
against a list: that of the registered client, otherwise that of the operator. Without either, only an open
service, whose callers are on this machine, reads FHIR servers on this machine.
"""

from __future__ import annotations

from collections.abc import Iterable

from service.security.clients import ANONYMOUS, Client
from service.security.urls import is_loopback, is_under, parse_url


def may_read(url: str, client: Client, *, allowed_fhir_servers: Iterable[str] = ()) -> bool:
    """Whether ``url``, the ``fhirServer`` of a request of ``client``, may be contacted.

    ``allowed_fhir_servers`` is the operator's list, used for a client without one of its own. An entry allows
    its own path and those below it, with its own scheme: plain http beyond this machine only where the entry
    says so.
    """
    server = parse_url(url)
    if server is None or server.has_query:
        return False
    entries = client.fhir_servers or tuple(allowed_fhir_servers)
    if not entries:
        return client is ANONYMOUS and is_loopback(server)
    allowed = [parse_url(entry) for entry in entries]
    return any(is_under(base, server) for base in allowed if base is not None and not base.has_query)


def unusable_entries(entries: Iterable[str]) -> list[str]:
    """One problem in words for each entry of a list of FHIR servers that could never match."""
    return [
        f"{entry!r} is not the base URL of a FHIR server; write it like https://ehr.example.org/fhir/r4"
        for entry in entries
        if (url := parse_url(entry)) is None or url.has_query
    ]
