"""The README shows real answers and lists what there is."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from fhir_fixtures.vocabulary import TODAY, now_on
from service.engine import respond
from service.hooks.card import Card
from service.hooks.discovery import SERVICES
from service.rules import RULES
from tests.asking import as_read, knowledge

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
_ANSWERS = re.findall(r"<!-- answer: (\S+) -->\n```\n(.*?)```", README, re.DOTALL)


def _shown(cards: tuple[Card, ...]) -> str:
    return "".join(f"{card.indicator.name.lower():8} {card.summary}\n" for card in cards) or "no cards\n"


def test_the_readme_shows_answers() -> None:
    assert len(_ANSWERS) >= 4


@pytest.mark.parametrize(("name", "shown"), _ANSWERS, ids=[name for name, _ in _ANSWERS])
def test_an_answer_is_the_real_one(name: str, shown: str) -> None:
    document = orjson.loads((ROOT / "fhir_fixtures" / "requests" / f"{name}.json").read_bytes())

    result = respond(as_read(document), knowledge=knowledge(), now=now_on(TODAY))

    assert shown == _shown(result.cards)


def test_every_service_is_listed() -> None:
    assert all(f"| `{service.id}` | {service.hook} |" in README for service in SERVICES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_listed_with_its_hooks(rule: object) -> None:
    title = knowledge().cards[rule.id].title  # type: ignore[attr-defined]
    hooks = ", ".join(sorted(rule.hooks))  # type: ignore[attr-defined]

    assert f"| `{rule.id}` | {title} | {hooks} |\n" in README  # type: ignore[attr-defined]


def test_no_other_rule_is_listed() -> None:
    listed = set(re.findall(r"^\| `([a-z0-9-]+)` \| .* \| .* \|$", README, re.MULTILINE))

    assert listed - {service.id for service in SERVICES} == {rule.id for rule in RULES}
