"""The README shows real answers and lists what there is."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from fhir_fixtures.vocabulary import TODAY, now_on
from service.engine import respond
from service.hooks.card import Card
from service.hooks.hooks import SERVICES
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


def test_the_tables_that_are_generated_are_there() -> None:
    deploy = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")

    assert all(f"\n| `{rule.id}` | " in README for rule in RULES)
    assert "<!-- end of settings -->" in deploy
