"""Cards as CDS Hooks JSON.

https://cds-hooks.hl7.org/2.0/#cds-service-response, kept valid under 1.0 and under the 3.0 ballot.
Nothing that is null or empty is written, apart from ``cards`` itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from uuid_utils import uuid7

from service.fhir.evidence import Evidence
from service.hooks.card import Card, Indicator, NotAssessed, Suggestion, without_empty
from service.hooks.text import cut, shortened, without_tags

EXPLANATION = "net-cds.explanation"
_INDICATORS = {indicator: indicator.name.lower() for indicator in Indicator}


def response_document(cards: Iterable[Card]) -> dict[str, Any]:
    """The body of a 200 answer; each card and each suggestion gets a fresh uuid."""
    return {"cards": [_card(card) for card in cards]}


def _card(card: Card) -> dict[str, Any]:
    """One card; what may be empty is asked for one by one, as that is cheaper than to look afterwards."""
    written: dict[str, Any] = {"uuid": str(uuid7()), "summary": cut(card.summary)}
    if card.detail:
        written["detail"] = without_tags(card.detail)
    written["indicator"] = _INDICATORS[card.indicator]
    written["source"] = card.source.wire
    if card.suggestions:
        written["suggestions"] = [_suggestion(suggestion) for suggestion in card.suggestions]
        written["selectionBehavior"] = card.selection_behavior
    if card.override_reasons:
        written["overrideReasons"] = [reason.wire for reason in card.override_reasons]
    if card.links:
        written["links"] = [link.wire for link in card.links]
    written["extension"] = {EXPLANATION: _explanation(card)}
    return written


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    written: dict[str, Any] = {"label": suggestion.label, "uuid": str(uuid7())}
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
    if card.sources:
        written["sources"] = list(card.sources)
    if knowledge := _knowledge(card.knowledge_version, card.review):
        written["knowledge"] = knowledge
    return written


def _evidence(one: Evidence) -> dict[str, str]:
    written = {"reference": shortened(one.reference), "says": shortened(one.says)}
    return written if one.reference and one.says else without_empty(written)


def _not_assessed(one: NotAssessed) -> dict[str, str]:
    return {"recommendation": one.recommendation, "section": one.section, "reason": one.reason}


@cache
def _knowledge(version: str, review: str) -> dict[str, str]:
    return without_empty({"version": version, "review": review})
