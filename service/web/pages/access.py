"""Who may see the pages, and which browsers may post to them.

While only this machine is answered nobody has to say who looks: the application refuses what comes from
elsewhere. Otherwise a password is asked for (https://www.rfc-editor.org/rfc/rfc7617). A post has to come
from a page of the same origin (https://fetch.spec.whatwg.org/#origin-header).
"""

from __future__ import annotations

import hmac
from pathlib import Path

from flask import request

from service.config import Settings
from service.errors import ConfigurationError, NotAuthenticated, NotPermitted
from service.security.urls import same_base

_CHALLENGE = 'Basic realm="net-cds", charset="UTF-8"'
_SHORTEST_PASSWORD = 12  # characters; guessed at over the network


def read_password(settings: Settings) -> str | None:
    """The password of the pages; None where none is needed. ConfigurationError where it is unusable."""
    if settings.pages_password_file is None:
        return None
    password = _text(settings.pages_password_file)
    if len(password) < _SHORTEST_PASSWORD:
        raise ConfigurationError(
            [f"NET_CDS_PAGES_PASSWORD_FILE: needs at least {_SHORTEST_PASSWORD} characters"]
        )
    return password


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(["NET_CDS_PAGES_PASSWORD_FILE: cannot be read as UTF-8 text"]) from None


def check_reader(password: str | None) -> None:
    """Raises NotAuthenticated for a request without the password, where one is needed."""
    if password is None:
        return
    given = request.authorization
    stated = given.password if given and given.type == "basic" else None
    if not hmac.compare_digest((stated or "").encode(), password.encode()):
        raise NotAuthenticated("the password of the pages is missing or wrong", challenge=_CHALLENGE)


def check_same_origin(public_url: str) -> None:
    """Raises NotPermitted for a post that a page of another origin sends.

    An origin is scheme, host and port. The own ones are that of the request, and that of ``public_url``:
    behind a proxy that speaks TLS the request has another scheme than the browser sees.
    """
    origin = request.headers.get("Origin")
    if origin is not None and not any(same_base(origin, own) for own in (request.host_url, public_url)):
        raise NotPermitted("Only the pages of this service may post here.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise NotPermitted("Only the pages of this service may post here.")
