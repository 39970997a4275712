"""A TOML file that people write by hand, read so that a fault names the line at which it stands.

https://toml.io/en/v1.0.0. The parser of the standard library gives values without their lines; keys and the
heads of tables are looked for once more, and what has no line of its own gets that of the table around it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from service.errors import ConfigurationError

Place = tuple[str | int, ...]
"""The keys that lead to a value; a number counts the tables of an array from 0."""

_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEAD = re.compile(rf"\s*(?P<open>\[\[?)\s*(?P<key>{_KEY})\s*\]")
_PAIR = re.compile(rf"\s*(?P<key>{_KEY})\s*=")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """The tables of a file, and the line of each key that stands at the beginning of one."""

    path: Path
    tables: Mapping[str, Any]
    lines: Mapping[Place, int]

    def where(self, *place: str | int) -> str:
        """``net-cds.toml, line 12, site.when[1].role``; tables of an array are counted from 1."""
        line = next((self.lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in self.lines), 1)
        return f"{self.path.name}, line {line}, {_dotted(place)}"

    def faults(
        self, found: ValidationError, *, under: Place = (), known: Callable[[Place], Collection[str]]
    ) -> list[str]:
        """Each fault that pydantic found in the tables ``under`` a place, in words.

        ``known`` gives the keys that the table at a place under it can have, for the nearest to one unknown.
        """
        return [
            f"{self.where(*under, *fault['loc'])}: {fault_in_words(fault, known(fault['loc'][:-1]))}"
            for fault in found.errors(include_url=False)
        ]


def read_toml(path: Path) -> TomlFile:
    """Read a file; ConfigurationError where it cannot be read or is not TOML."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte order mark
        return TomlFile(path, tomllib.loads(text), _lines(text))
    except OSError as problem:
        raise ConfigurationError([f"{path.name}: cannot be read ({problem.strerror})"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{path.name}: is not UTF-8 text"]) from None
    except ValueError as problem:  # not TOML, or an integer of thousands of digits
        raise ConfigurationError([f"{path.name}: is not TOML: {problem}"]) from None
    except RecursionError:
        raise ConfigurationError([f"{path.name}: is nested too deeply to be read"]) from None


_KINDS = {
    "dict_type": "has to be a table",
    "model_type": "has to be a table",
    "tuple_type": "has to be a list",
    "date_type": "has to be a date without quotation marks, as 2026-05-04",
}
"""Types of faults whose words in pydantic speak of Python and not of TOML."""


def fault_in_words(fault: Mapping[str, Any], known: Collection[str] = ()) -> str:
    """What pydantic found; it does not say what was given, nor which name was probably meant."""
    if fault["type"] == "extra_forbidden":
        return f"is unknown{meant(str(fault['loc'][-1]), known)}"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    if fault["type"] == "missing":
        return "is missing"
    return f"{_KINDS.get(fault['type'], fault['msg'])}, not {fault['input']!r}"


def meant(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'hiaa'?`` for the known name that is nearest, or nothing."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _dotted(place: Place) -> str:
    parts = (f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(parts).removeprefix(".")


def _lines(text: str) -> dict[Place, int]:
    """Where each key stands. What looks like a key within a text of several lines does no harm."""
    lines: dict[Place, int] = {}
    arrays: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if head := _HEAD.match(line):
            table = _table(list(_keys(head["key"])), arrays, is_array=head["open"] == "[[")
            lines.setdefault(table, number)
        elif pair := _PAIR.match(line):
            place = (*table, *_keys(pair["key"]))
            for length in range(len(table) + 1, len(place) + 1):
                lines.setdefault(place[:length], number)
    return lines


def _keys(written: str) -> Iterator[str]:
    """The parts of a dotted key, with their quotation marks taken off by the parser itself."""
    inner: Any = tomllib.loads(f"{written} = 0")
    while isinstance(inner, dict):
        ((name, inner),) = inner.items()
        yield name


def _table(keys: list[str], arrays: dict[Place, int], *, is_array: bool) -> Place:
    """The place of a table; within an array it belongs to the last one so far."""
    place: Place = ()
    for depth, key in enumerate(keys, start=1):
        place = (*place, key)
        if is_array and depth == len(keys):
            arrays[place] = arrays.get(place, -1) + 1
        if place in arrays:
            place = (*place, arrays[place])
    return place
