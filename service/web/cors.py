"""Which browser pages may read the answers.

https://cds-hooks.hl7.org/2.0/#cors
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.config import Settings
from service.errors import ConfigurationError

_LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")
_ONE_ORIGIN = re.compile(r"https?://[^/\s*@]+")
_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
    # A star would not cover Authorization, so both are named.
    ("Access-Control-Allow-Headers", "Authorization, Content-Type"),
    ("Access-Control-Max-Age", "600"),
)
_VARY = (("Vary", "Origin"),)


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins that are allowed: a list, all of them, or pages served by this machine."""

    listed: frozenset[str]
    everywhere: bool
    this_machine: bool

    def allowed(self, origin: str) -> bool:
        """Whether a page of this origin may read an answer."""
        return self.everywhere or origin in self.listed or self._served_here(origin)

    def _served_here(self, origin: str) -> bool:
        return self.this_machine and _LOOPBACK.fullmatch(origin) is not None

    def headers(self, origin: str | None, *, preflight: bool = False) -> tuple[tuple[str, str], ...]:
        """The CORS headers of an answer to a request with that Origin."""
        if not origin or not self.allowed(origin):
            return self._unless_everywhere()
        allow = ("Access-Control-Allow-Origin", "*" if self.everywhere else origin)
        return (*self._unless_everywhere(), allow, *(_PREFLIGHT if preflight else ()))

    def _unless_everywhere(self) -> tuple[tuple[str, str], ...]:
        return () if self.everywhere else _VARY


def origins(settings: Settings) -> Origins:
    """Read NET_CDS_ALLOWED_ORIGINS.

    A star is refused where clients have to authenticate. Where nothing is configured and the
    service is open, it is reachable from this machine only, and so are pages of this machine
    allowed: that is what a local copy of the CDS Hooks sandbox needs.
    """
    configured = frozenset(origin.rstrip("/") for origin in settings.allowed_origins)
    open_to_all = not settings.authentication_required
    problems = [
        f"NET_CDS_ALLOWED_ORIGINS: {origin!r} is no origin such as https://ehr.example.org"
        for origin in sorted(configured - {"*"})
        if not _ONE_ORIGIN.fullmatch(origin)
    ]
    if "*" in configured and not open_to_all:
        problems.append("NET_CDS_ALLOWED_ORIGINS: * is refused where clients authenticate; list the origins")
    if problems:
        raise ConfigurationError(problems)
    return Origins(
        listed=configured - {"*"},
        everywhere="*" in configured,
        this_machine=not configured and open_to_all and settings.authentication != "off",
    )
