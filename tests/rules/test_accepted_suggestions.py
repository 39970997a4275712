"""A suggestion that was accepted never comes again: not as an active order, not among the drafts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from fhir_fixtures.vocabulary import TODAY, now_on
from service.cards import ENGLISH, Knowledge
from service.engine import HookResult, respond
from service.fhir.read import Entry
from service.hooks.card import Suggestion
from service.hooks.request import HookRequest
from tests.asking import SWITCHED_ON, hook_request, knowledge, translations
from tests.cards.rows import cases

pytestmark = pytest.mark.slow

_KEYS = {
    "ServiceRequest": "serviceRequests",
    "MedicationRequest": "medicationRequests",
    "Flag": "flags",
    "Condition": "conditions",
}


def _firing_cases() -> Iterator[object]:
    """The first case of each wording with a suggestion, on each hook."""
    seen = set()
    for case in cases():
        wording = case.expected.removeprefix("fires ").split(" (")[0]
        offered = any(wording in suggestion.wordings for suggestion in case.card.suggestions)
        kind = (case.card.id, wording, case.hook)
        if case.expected.startswith("fires ") and offered and kind not in seen:
            seen.add(kind)
            yield pytest.param(case.card.id, case.record, case.hook, id=case.id)


def _result(request: HookRequest, content: Knowledge) -> HookResult:
    switched_on = replace(content, defaults=replace(content.defaults, **SWITCHED_ON))
    return respond(request, knowledge=switched_on, now=now_on(TODAY))


def _of_rule(result: HookResult, rule_id: str, content: Knowledge) -> list[Suggestion]:
    """The suggestions whose words are this rule's."""
    labels = {one.label for one in content.cards[rule_id].suggestions}
    return [one for card in result.cards for one in card.suggestions if one.label in labels]


def _as_order(resource: dict[str, Any]) -> dict[str, Any]:
    if resource["resourceType"] in ("Flag", "Condition"):
        return {**resource, "id": "accepted"}
    written = now_on(TODAY).isoformat()
    return {**resource, "id": "accepted", "status": "active", "intent": "order", "authoredOn": written}


def _ordered(request: HookRequest, resource: dict[str, Any]) -> HookRequest:
    key = _KEYS[resource["resourceType"]]
    bundle = request.prefetch.get(key) or {"resourceType": "Bundle", "type": "searchset", "entry": []}
    entries = [*bundle.get("entry", []), {"resource": _as_order(resource), "search": {"mode": "match"}}]
    more = {**bundle, "entry": entries, "total": bundle.get("total", 0) + 1}
    return replace(request, prefetch={**request.prefetch, key: more})


def _drafted(request: HookRequest, resource: dict[str, Any]) -> HookRequest:
    return replace(request, draft_orders=(*request.draft_orders, Entry({**resource, "id": "accepted"})))


def _accepted(request: HookRequest, suggestion: Suggestion) -> HookRequest:
    resource = dict(suggestion.actions[0].resource or {})
    is_ordering = request.hook in ("order-select", "order-sign") and resource["resourceType"] not in (
        "Flag",
        "Condition",
    )
    return (_drafted if is_ordering else _ordered)(request, resource)


LANGUAGES = {ENGLISH: knowledge(), **{name: one.knowledge for name, one in translations().items()}}


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize(("rule_id", "record", "hook"), list(_firing_cases()))
def test_an_accepted_suggestion_does_not_come_again(
    rule_id: str, record: str, hook: str, language: str
) -> None:
    request, content = hook_request(record, hook), LANGUAGES[language]
    before = _of_rule(_result(request, content), rule_id, content)

    assert before
    for suggestion in before:
        after = _result(_accepted(request, suggestion), content)

        assert suggestion.label not in [one.label for one in _of_rule(after, rule_id, content)]
