"""A card before it becomes JSON.

https://cds-hooks.hl7.org/2.0/#card-attributes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any

from service.fhir.evidence import Evidence


class Indicator(IntEnum):
    """How loud a card is; the order is the order of urgency."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """A rule that could not be answered because a section of the record could not be read."""

    recommendation: str
    section: str
    reason: str


@dataclass(frozen=True, slots=True)
class Action:
    """One suggested change: ``type`` is ``create`` or ``update``, never ``delete``."""

    type: str
    description: str
    resource: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A label and the actions that belong together, and the rule that offers them."""

    label: str
    actions: tuple[Action, ...]
    is_recommended: bool = False
    rule: str = ""


@dataclass(frozen=True)
class OverrideReason:
    """Why a clinician may decline, as a Coding."""

    code: str
    system: str
    display: str

    # The same few reasons, links and sources are on every card, so each makes its JSON only once.
    # They have no slots, because a cached property needs room for its answer.
    @cached_property
    def wire(self) -> Mapping[str, str]:
        """The reason as it is sent."""
        return {"code": self.code, "system": self.system, "display": self.display}


@dataclass(frozen=True)
class Link:
    """An absolute link to the evidence."""

    label: str
    url: str

    @cached_property
    def wire(self) -> Mapping[str, str]:
        """The link as it is sent."""
        return {"label": self.label, "url": self.url, "type": "absolute"}


TOPIC_SYSTEM = "urn:net-cds:recommendation"


@dataclass(frozen=True)
class Source:
    """Where the advice comes from, and the rule that made the card as ``topic``."""

    label: str
    url: str
    topic_code: str
    topic_display: str

    @cached_property
    def wire(self) -> Mapping[str, Any]:
        """The source as it is sent."""
        topic = {"system": TOPIC_SYSTEM, "code": self.topic_code, "display": self.topic_display}
        return without_empty({"label": self.label, "url": self.url, "topic": without_empty(topic)})


def without_empty(written: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object without the members that say nothing."""
    return {name: value for name, value in written.items() if value not in (None, "", [], {})}


@dataclass(frozen=True, slots=True)
class Advice:
    """One rule's part of a card, as the store keeps it.

    ``facts`` is what it rests on, as text, of which only a keyed digest is kept; ``digest`` stands for the
    words and rules that made it.
    """

    rule: str
    wording: str
    indicator: Indicator
    facts: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One card. ``recommendations`` holds a rule id each; a grouped card has several.

    ``advice`` and ``group`` are not sent: they tell the store what was said.
    """

    recommendations: tuple[str, ...]
    indicator: Indicator
    summary: str
    detail: str
    source: Source
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: str = "any"
    override_reasons: tuple[OverrideReason, ...] = ()
    links: tuple[Link, ...] = ()
    statements: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    not_assessed: tuple[NotAssessed, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[Mapping[str, str], ...] = ()
    knowledge_version: str = ""
    review: str = ""
    advice: tuple[Advice, ...] = ()
    group: str = ""
