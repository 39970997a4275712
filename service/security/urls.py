"""URLs in one canonical spelling, so that two of them can be compared.

A URL that comes from outside could point the service at an inner host
(https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html).
Whatever two programs could read in two ways (user information, percent-encoded hosts and dots, letters
beyond ASCII, a final dot) is refused instead of repaired: this reader and the one that connects must never
disagree about the host. Odd spellings of an address (``127.1``, ``0x7f000001``) need no rule of their own: a
host is compared as text, and only an address in its usual spelling is known to be of this machine.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LONGEST = 8192
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/(?:[a-z0-9._~!$&'()*+,;=:|-]|%[0-9a-f]{2})*)*)"
    r"(?P<query>\?[\x21\x22\x24-\x5b\x5d-\x7e]*)?",
    re.IGNORECASE | re.ASCII,
)
# An encoded slash, backslash, dot, percent sign or control character changes meaning with each decoding.
_AMBIGUOUS_PATH = re.compile(r"%(?:2f|5c|2e|25|[01][0-9a-f]|7f)|//|/\.{1,2}(?:/|$)", re.IGNORECASE)


class PlainUrl(NamedTuple):
    """A URL without its query; ``path`` has no final slash."""

    scheme: str
    host: str
    port: int
    path: str
    has_query: bool = False


def parse_url(text: str) -> PlainUrl | None:
    """The canonical spelling of an absolute http or https URL, None for anything doubtful."""
    match = _URL.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or _AMBIGUOUS_PATH.search(match["path"]):
        return None
    scheme = match["scheme"].lower()
    host = _canonical_host(match["host"].lower())
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if host is None or not 0 < port < 65536:
        return None
    return PlainUrl(scheme, host, port, match["path"].rstrip("/"), match["query"] is not None)


def is_loopback(url: PlainUrl) -> bool:
    """Whether the host is this machine, by name or by address."""
    if url.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_under(base: PlainUrl, url: PlainUrl) -> bool:
    """Whether ``url`` has the origin of ``base`` and its path is that of ``base`` or below it."""
    same_origin = (base.scheme, base.host, base.port) == (url.scheme, url.host, url.port)
    return same_origin and (url.path == base.path or url.path.startswith(f"{base.path}/"))


def same_base(base: str, url: str) -> bool:
    """Whether ``url``, which may have a query, lies at or under the base URL on the same origin."""
    plain_base, plain_url = parse_url(base), parse_url(url)
    if plain_base is None or plain_url is None or plain_base.has_query:
        return False
    return is_under(plain_base, plain_url)


def _canonical_host(host: str) -> str | None:
    """The host; an IPv6 address in its shortest spelling, None when it is no address."""
    if not host.startswith("["):
        return host
    try:
        return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
    except ValueError:
        return None
