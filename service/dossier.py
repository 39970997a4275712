"""What a page on one card shows, in print and on the screen: everything that an approval answers for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson
from markdown_it import MarkdownIt
from markupsafe import Markup

from service.cards import CardText, Knowledge
from service.cases import Asked, asked
from service.content_files import read_tables

TEMPLATES = Path(__file__).parent / "templates"
"""``card_body.html``: what stands on the page of a card wherever it is shown."""

_SECTIONS = ("When it appears", "What it does not cover", "Current guidance differs")


@dataclass(frozen=True, slots=True)
class Limit:
    """A number in force, and its reason."""

    name: str
    value: str
    unit: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """What the page of one card shows."""

    card: CardText
    state: str
    digest: str
    basis: dict[str, str]
    sections: dict[str, Markup]
    details: dict[str, Markup]
    limits: Sequence[Limit]
    orders: dict[str, str]
    cases: Sequence[Asked]


def page_on(card: CardText, knowledge: Knowledge, cards_dir: Path, today: date) -> Page:
    """The card as it is in force today. Raises InputFileError where its cases cannot be run."""
    limits = read_tables(cards_dir / "defaults.toml")
    return Page(
        card=card,
        state=knowledge.review_in_words(knowledge.states(today)[card.id]),
        digest=knowledge.card_digest(card.id),
        basis=dict(knowledge.bases[card.id]),
        sections={
            name: to_html(_with_limits(card.sections[name], knowledge))
            for name in _SECTIONS
            if name in card.sections
        },
        details={name: to_html(wording.detail) for name, wording in card.wordings.items()},
        limits=[_limit(name, knowledge, limits[name]) for name in card.limits],
        orders={one.id: _json(one.resource) for one in card.suggestions},
        cases=asked(card, knowledge),
    )


def _with_limits(words: str, knowledge: Knowledge) -> str:
    """Words with the numbers in force in place of their names; other holes are filled for a patient only."""
    for name, value in knowledge.limits.items():
        words = words.replace(f"{{{name}}}", value)
    return words


def _limit(name: str, knowledge: Knowledge, table: dict[str, Any]) -> Limit:
    """The number of the site where it sets one; its unit and reason stand beside the number of the cards."""
    return Limit(name, knowledge.limits[name], table["unit"], table["kind"], table["reason"])


def to_html(words: str) -> Markup:
    """Markdown of the cards; HTML in it is shown and not obeyed, as ``html`` is off."""
    return Markup(MarkdownIt("commonmark", {"html": False}).render(words))  # noqa: S704


def _json(resource: object) -> str:
    return orjson.dumps(resource, option=orjson.OPT_INDENT_2).decode()
