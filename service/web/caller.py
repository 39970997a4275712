"""What a call says of itself in its headers: its id, its trace, and whether it comes from this machine.

https://www.w3.org/TR/trace-context/#traceparent-header, https://www.rfc-editor.org/rfc/rfc7239 (Forwarded),
https://www.rfc-editor.org/rfc/rfc9110#name-via
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from uuid_utils import uuid7

from service.errors import NotLocal

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_FORWARDED = ("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP")


def request_id(environ: Mapping[str, Any]) -> str:
    """The ``X-Request-ID`` of the caller where it is short and plain, else a new one."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid7())


def trace_id(environ: Mapping[str, Any]) -> str | None:
    """The id of the trace that the call belongs to, by its ``traceparent``."""
    found = _TRACE_PARENT.fullmatch(environ.get("HTTP_TRACEPARENT", "").strip())
    return found[1] if found else None


def require_local(environ: Mapping[str, Any]) -> None:
    """Raise NotLocal unless the call was made on this machine, to this machine, by nobody else's order.

    A page of any site can have a browser on this machine send a request, and by a name that resolves to this
    machine (DNS rebinding) read the answer; a proxy on this machine passes on what comes from anywhere.
    """
    if _was_forwarded(environ):
        raise NotLocal("calls that were forwarded (Forwarded, X-Forwarded-*, X-Real-IP, Via) are refused")
    if not _is_loopback(environ.get("HTTP_HOST", "")):
        raise NotLocal("the Host has to be localhost or a loopback address")
    peer = environ.get("REMOTE_ADDR")
    if peer and not is_loopback_address(peer):
        raise NotLocal("the call comes from another machine")


def may_read_metrics(environ: Mapping[str, Any], readers: Collection[IPv4Network | IPv6Network]) -> bool:
    """Whether the call comes from one of the networks, and not by way of a proxy."""
    if _was_forwarded(environ):
        return False
    try:
        peer = ipaddress.ip_address(environ.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(peer in network for network in readers)


def _was_forwarded(environ: Mapping[str, Any]) -> bool:
    return any(name in _FORWARDED or name.startswith("HTTP_X_FORWARDED") for name in environ)


def _is_loopback(host: str) -> bool:
    name = host[1 : host.find("]")] if host.startswith("[") else host.rpartition(":")[0] or host
    return name.lower() == "localhost" or is_loopback_address(name)


@lru_cache(maxsize=64)
def is_loopback_address(text: str) -> bool:
    """Whether the text is an address of this machine."""
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False
