"""A page on each card that a committee can print: everything that an approval answers for.

The pages are whole in themselves, without script, picture or font from elsewhere. Beside them
``content.json`` has the state that they show, with which a later one can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from service.cards import Knowledge
from service.config import Settings
from service.content_diff import kept, state_in_force
from service.dossier import TEMPLATES, page_on
from service.errors import InputFileError

_PAGES = Path(__file__).parent / "templates"


def write_dossier(
    names: Iterable[str], knowledge: Knowledge, settings: Settings, *, folder: Path, today: date
) -> list[Path]:
    """One page a card, and one that lists them. Raises InputFileError where the folder cannot be written."""
    environment = Environment(loader=FileSystemLoader([_PAGES, TEMPLATES]), autoescape=True, trim_blocks=True)
    pages = [page_on(knowledge.cards[name], knowledge, settings.cards_dir, today) for name in names]
    shown = {"version": knowledge.version, "today": today}
    written = {"index.html": environment.get_template("index.html").render(pages=pages, **shown)}
    template = environment.get_template("dossier.html")
    written |= {f"{one.card.id}.html": template.render(page=one, **shown) for one in pages}
    _write(folder, "content.json", kept(state_in_force(knowledge, settings.cards_dir, today)).decode())
    return [_write(folder, name, text) for name, text in written.items()]


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise InputFileError(f"--to {folder}: cannot be written ({problem.strerror}).") from None
    return path
