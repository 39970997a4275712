"""Cards as CDS Hooks JSON.

https://cds-hooks.hl7.org/2.0/#cds-service-response, kept valid under 1.0 and under the 3.0 ballot.
Nothing that is null or empty is written, apart from ``cards`` itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import uuid4

from service.hooks.card import Card, OverrideReason, Source, Suggestion
from service.hooks.text import cut, without_tags

TOPIC_SYSTEM = "urn:net-cds:recommendation"
EXPLANATION = "net-cds.explanation"


def response_document(cards: Iterable[Card]) -> dict[str, Any]:
    """The body of a 200 answer; each card and each suggestion gets a fresh uuid."""
    return {"cards": [_card(card) for card in cards]}


def _card(card: Card) -> dict[str, Any]:
    written = {
        "uuid": str(uuid4()),
        "summary": cut(card.summary),
        "detail": without_tags(card.detail),
        "indicator": card.indicator.name.lower(),
        "source": _source(card.source),
        "suggestions": [_suggestion(suggestion) for suggestion in card.suggestions],
        "selectionBehavior": card.selection_behavior if card.suggestions else "",
        "overrideReasons": [_override_reason(reason) for reason in card.override_reasons],
        "links": [{"label": link.label, "url": link.url, "type": "absolute"} for link in card.links],
        "extension": {EXPLANATION: _explanation(card)},
    }
    return _without_empty(written)


def _source(source: Source) -> dict[str, Any]:
    topic = {"system": TOPIC_SYSTEM, "code": source.topic_code, "display": source.topic_display}
    return _without_empty({"label": source.label, "url": source.url, "topic": _without_empty(topic)})


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    written = {
        "label": suggestion.label,
        "uuid": str(uuid4()),
        "isRecommended": suggestion.is_recommended or None,
        "actions": [
            {"type": action.type, "description": action.description, "resource": action.resource}
            for action in suggestion.actions
        ],
    }
    return _without_empty(written)


@cache
def _override_reason(reason: OverrideReason) -> dict[str, str]:
    return {"code": reason.code, "system": reason.system, "display": reason.display}


def _explanation(card: Card) -> dict[str, Any]:
    written = {
        # A card of no rule, such as the one on incomplete data, stands for itself.
        "recommendations": list(card.recommendations) or [card.source.topic_code],
        "statements": list(card.statements),
        "evidence": [_without_empty({"reference": e.reference, "says": e.says}) for e in card.evidence],
        "notAssessed": [
            _without_empty({"recommendation": n.recommendation, "section": n.section, "reason": n.reason})
            for n in card.not_assessed
        ],
        "notes": list(card.notes),
        "knowledge": _without_empty({"version": card.knowledge_version, "review": card.review}),
    }
    return _without_empty(written)


def _without_empty(written: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in written.items() if value not in (None, "", [], {})}
