"""Cards as CDS Hooks JSON.

https://cds-hooks.hl7.org/2.0/#cds-service-response, kept valid under 1.0 and under the 3.0 ballot.
Nothing that is null or empty is written, apart from ``cards`` itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from time import time_ns
from typing import Any

from service.fhir.evidence import Evidence
from service.hooks.card import Card, Indicator, NotAssessed, Suggestion, without_empty
from service.hooks.text import cut, without_tags

EXPLANATION = "net-cds.explanation"
SHARED_CHARACTERS = 34
"""How many characters the uuids of all cards of one answer have in common."""

_INDICATORS = {indicator: indicator.name.lower() for indicator in Indicator}


def response_document(cards: Iterable[Card]) -> dict[str, Any]:
    """The body of a 200 answer; each card and each suggestion gets a fresh uuid."""
    shown = tuple(cards)
    uuids = _uuids(1 + sum([len(card.suggestions) for card in shown]))
    numbered = _numbered(next(uuids))
    return {"cards": [_card(card, next(numbered), uuids) for card in shown]}


def _numbered(uuid: str) -> Iterator[str]:
    """UUIDs that differ from this one in their last digits only, so that the store can keep them together."""
    for number in range(256):
        yield f"{uuid[:SHARED_CHARACTERS]}{number:02x}"


def _uuids(count: int) -> Iterator[str]:
    """UUIDs that begin with the time (RFC 9562, version 7), from one reading of the system's randomness.

    The store has an index of them, which grows at its end when they are in order, and all over otherwise.
    """
    time = f"{time_ns() // 1_000_000:012x}"
    begin = f"{time[:8]}-{time[8:]}-7"
    digits = os.urandom(10 * count).hex()
    for start in range(0, 20 * count, 20):
        one = digits[start : start + 20]
        yield f"{begin}{one[:3]}-{_VARIANT[one[3]]}{one[4:7]}-{one[7:19]}"


_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""The seventeenth digit of a UUID: its two upper bits are fixed."""


def _card(card: Card, uuid: str, uuids: Iterator[str]) -> dict[str, Any]:
    """One card; what may be empty is asked for one by one, as that is cheaper than to look afterwards."""
    written: dict[str, Any] = {"uuid": uuid, "summary": cut(card.summary)}
    if card.detail:
        written["detail"] = without_tags(card.detail)
    written["indicator"] = _INDICATORS[card.indicator]
    written["source"] = card.source.wire
    if card.suggestions:
        written["suggestions"] = [_suggestion(suggestion, uuids) for suggestion in card.suggestions]
        written["selectionBehavior"] = card.selection_behavior
    if card.override_reasons:
        written["overrideReasons"] = [reason.wire for reason in card.override_reasons]
    if card.links:
        written["links"] = [link.wire for link in card.links]
    written["extension"] = {EXPLANATION: _explanation(card)}
    return written


def _suggestion(suggestion: Suggestion, uuids: Iterator[str]) -> dict[str, Any]:
    written: dict[str, Any] = {"label": suggestion.label, "uuid": next(uuids)}
    if suggestion.is_recommended:
        written["isRecommended"] = True
    written["actions"] = [
        {"type": action.type, "description": action.description, "resource": action.resource}
        for action in suggestion.actions
    ]
    return written


def _explanation(card: Card) -> dict[str, Any]:
    # A card of no rule, such as the one on incomplete data, stands for itself.
    written: dict[str, Any] = {"recommendations": list(card.recommendations) or [card.source.topic_code]}
    if card.statements:
        written["statements"] = list(card.statements)
    if card.evidence:
        written["evidence"] = [_evidence(one) for one in card.evidence]
    if card.not_assessed:
        written["notAssessed"] = [_not_assessed(one) for one in card.not_assessed]
    if card.notes:
        written["notes"] = list(card.notes)
    if knowledge := _knowledge(card.knowledge_version, card.review):
        written["knowledge"] = knowledge
    return written


def _evidence(one: Evidence) -> dict[str, str]:
    if one.reference and one.says:
        return {"reference": one.reference, "says": one.says}
    return without_empty({"reference": one.reference, "says": one.says})


def _not_assessed(one: NotAssessed) -> dict[str, str]:
    return {"recommendation": one.recommendation, "section": one.section, "reason": one.reason}


@cache
def _knowledge(version: str, review: str) -> dict[str, str]:
    return without_empty({"version": version, "review": review})
