"""Why a clinician may decline a card: HL7's non-adherence codes and the project's own.

https://cds-hooks.hl7.org/2.0/#overridereason for the shape; the codes come with CDS Hooks 3.0
(trial use) and are kept with their source and licence in ``override_reasons.json``. So are the classes of
reasons (Y-11): a class says for whom, and for how long, an override holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

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


class ReasonClass(Enum):
    """What kind of reason it is, and so for whom an override holds."""

    DONE_ELSEWHERE = "done-elsewhere"
    PATIENT_DECLINES = "patient-declines"
    DECIDED = "decided"
    JUDGEMENT = "judgement"
    NOT_NOW = "not-now"
    NOT_MY_PATIENT = "not-my-patient"
    NONE = "none"


@cache
def _file() -> Mapping[str, Any]:
    published = files("service.hooks").joinpath("override_reasons.json").read_bytes()
    return orjson.loads(published)  # type: ignore[no-any-return]  # an object


@cache
def reason_classes() -> dict[str, ReasonClass]:
    """Code -> class, of the codes that have one by name."""
    classes = _file()["classes"].items()
    return {code: ReasonClass(name) for name, codes in classes for code in codes}


def class_of(code: str | None) -> ReasonClass:
    """The class of a reason; without a code there was none, and every code without a class is a judgement."""
    if not code:
        return ReasonClass.NONE
    if code.endswith(_file()["ending_of_done_elsewhere"]):
        return ReasonClass.DONE_ELSEWHERE
    return reason_classes().get(code, ReasonClass.JUDGEMENT)


@cache
def non_adherence_reasons() -> dict[str, OverrideReason]:
    """HL7 code -> reason, with the display as HL7 prints it, without the asterisk of a footnote."""
    published = _file()
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
