"""Why a clinician may decline a card: HL7's non-adherence codes and the project's own.

https://cds-hooks.hl7.org/2.0/#overridereason for the shape; the codes come with CDS Hooks 3.0
(trial use) and are kept with their source and licence in ``override_reasons.json``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import orjson

from service.hooks.card import OverrideReason

OWN_SYSTEM = "urn:net-cds:override-reason"
"""The system of the reasons that belong to one rule only."""

COMMON_CODES: tuple[str, ...] = (
    "patient-ineligible",
    "action-completed",
    "need-more-info",
    "recipient-disagrees-evidence",
    "patient-refuses",
)
"""The HL7 codes that fit every card, in the order in which they are offered."""


@cache
def non_adherence_reasons() -> dict[str, OverrideReason]:
    """HL7 code -> reason, with the display as HL7 prints it, without the asterisk of a footnote."""
    published = orjson.loads(files("service.hooks").joinpath("override_reasons.json").read_bytes())
    system = published["system"]
    return {code: OverrideReason(code, system, display) for code, display in published["concepts"].items()}


def override_reason(code: str, display: str | None = None) -> OverrideReason:
    """The HL7 reason of that code or, where ``display`` is given, a reason of the project's own.

    Raises KeyError for a code that HL7 does not publish and that comes without display.
    """
    return non_adherence_reasons()[code] if display is None else OverrideReason(code, OWN_SYSTEM, display)


def published_reasons(own: Iterable[OverrideReason]) -> dict[str, OverrideReason]:
    """Code -> reason: all of HL7's, and those of the project's own that cards offer."""
    return non_adherence_reasons() | {reason.code: reason for reason in own}
