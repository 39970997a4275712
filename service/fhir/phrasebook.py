"""Phrases that reach a reader and belong to no card: what Python says, in the words of the clinicians.

They stand in ``cards/phrases.toml`` and have holes like the words of a card: see ``cards/README.md``.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.content_files import read_tables, read_text
from service.errors import ContentError


@dataclass(frozen=True, slots=True)
class Phrases:
    """Every phrase by its table and name, as in ``phrases("evidence.ordered", when="2026-05-01")``."""

    texts: Mapping[str, str]

    def __call__(self, key: str, /, **values: object) -> str:
        """The phrase with its holes filled; KeyError where there is no such phrase, or a hole stays empty."""
        if key not in self.texts:
            raise KeyError(f"phrases.toml has no {key}")
        try:
            return self.texts[key].format_map(values)
        except KeyError as hole:
            raise KeyError(f"phrases.toml: nothing fills the hole {hole} of {key}") from None

    def name(self, table: str, value: str, /) -> str:
        """How readers call a value of a list, such as a site; the value itself where no phrase names it."""
        return self.texts.get(f"{table}.{value.replace(' ', '-')}", value)


def load_phrases(path: Path) -> Phrases:
    """The phrases of a TOML file; ContentError with each that is none."""
    texts = dict(_flattened(read_tables(path)))
    problems = [
        f"{path.name}: {key} has to be a phrase" for key, text in texts.items() if not _is_phrase(text)
    ]
    problems += [
        f"{path.name}: {key} has a brace that is no hole"
        for key, text in texts.items()
        if _is_phrase(text) and not has_plain_holes(text)
    ]
    if problems:
        raise ContentError(problems)
    return Phrases(texts)


def lines_of_phrases(path: Path) -> dict[str, int]:
    """Key -> the line of its phrase, in a file that :func:`load_phrases` accepts."""
    lines, table = {}, ""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.startswith("["):
            table = line.strip("[] ")
        elif "=" in line and not line.startswith("#"):
            lines[f"{table}.{line.partition('=')[0].strip()}"] = number
    return lines


def _flattened(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _is_phrase(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip())


def holes_in(text: str) -> frozenset[str]:
    """The names of the holes of a text."""
    return frozenset(name for _text, name, _format, _conversion in string.Formatter().parse(text) if name)


def has_plain_holes(text: str) -> bool:
    """Whether every brace is a hole, which is a name between braces and nothing else."""
    try:
        holes = [part[1:] for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError:
        return False
    return all(
        name is not None and name.isidentifier() and not form and conversion is None
        for name, form, conversion in holes
    )
