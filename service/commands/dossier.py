"""A page on each card that a committee can print: everything that an approval answers for.

The pages are whole in themselves, without script, picture or font from elsewhere.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from markupsafe import Markup

from service.cards import CardText, Knowledge
from service.commands.cases import Asked, asked
from service.config import Settings
from service.content_files import read_text
from service.errors import InputFileError

_TEMPLATES = Path(__file__).parent / "templates"
_SECTIONS = ("When it appears", "What it does not cover", "Current guidance differs")


@dataclass(frozen=True, slots=True)
class _Limit:
    """A number in force, and its reason."""

    name: str
    value: str
    unit: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Page:
    """What the page of one card shows."""

    card: CardText
    state: str
    digest: str
    basis: dict[str, str]
    sections: dict[str, Markup]
    details: dict[str, Markup]
    limits: Sequence[_Limit]
    orders: dict[str, str]
    cases: Sequence[Asked]


def write_dossier(
    names: Iterable[str], knowledge: Knowledge, settings: Settings, *, folder: Path, today: date
) -> list[Path]:
    """One page a card, and one that lists them. Raises InputFileError where the folder cannot be written."""
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True)
    limits = tomllib.loads(read_text(settings.cards_dir / "defaults.toml"))
    pages = [_page(knowledge.cards[name], knowledge, limits, today) for name in names]
    shown = {"version": knowledge.version, "today": today}
    written = {"index.html": environment.get_template("index.html").render(pages=pages, **shown)}
    template = environment.get_template("dossier.html")
    written |= {f"{one.card.id}.html": template.render(page=one, **shown) for one in pages}
    return [_write(folder, name, text) for name, text in written.items()]


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise InputFileError(f"--to {folder}: cannot be written ({problem.strerror}).") from None
    return path


def _page(card: CardText, knowledge: Knowledge, limits: dict[str, Any], today: date) -> _Page:
    return _Page(
        card=card,
        state=knowledge.review_in_words(knowledge.states(today)[card.id]),
        digest=knowledge.card_digest(card.id),
        basis=dict(knowledge.bases[card.id]),
        sections={name: _html(card.sections[name]) for name in _SECTIONS if name in card.sections},
        details={name: _html(wording.detail) for name, wording in card.wordings.items()},
        limits=[_limit(name, knowledge, limits[name]) for name in card.limits],
        orders={one.id: _json(one.resource) for one in card.suggestions},
        cases=asked(card, knowledge),
    )


def _limit(name: str, knowledge: Knowledge, table: dict[str, Any]) -> _Limit:
    """The number of the site where it sets one; its unit and reason stand beside the number of the cards."""
    return _Limit(name, knowledge.limits[name], table["unit"], table["kind"], table["reason"])


def _html(words: str) -> Markup:
    """Markdown of the cards; HTML in it is shown and not obeyed, as ``html`` is off."""
    return Markup(MarkdownIt("commonmark", {"html": False}).render(words))  # noqa: S704


def _json(resource: object) -> str:
    return orjson.dumps(resource, option=orjson.OPT_INDENT_2).decode()
