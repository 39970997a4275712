"""Files that people write by hand, read so that a fault is a message and never a stack trace.

``cards/README.md`` says what each file is for.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from service.errors import ContentError

_Loaded = TypeVar("_Loaded")


def read_text(path: Path) -> str:
    """The text of a file; ContentError where it is missing, cannot be opened or is not UTF-8."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ContentError([f"{path.name}: missing"]) from None
    except OSError as problem:
        raise ContentError([f"{path.name}: cannot be read ({problem.strerror})"]) from None
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        raise ContentError([f"{path.name}, line {line}: is not UTF-8 text; save the file as UTF-8"]) from None


def read_rows(path: Path, columns: Sequence[str] | None = None) -> list[dict[str, str]]:
    """The rows of a CSV file; ContentError where it has others than these columns, if any are named."""
    reader = csv.DictReader(read_text(path).splitlines(keepends=True), strict=True)
    try:
        rows = list(reader)
    except csv.Error as problem:
        raise ContentError([f"{path.name}, line {reader.line_num}: {problem}"]) from None
    if columns is not None and list(reader.fieldnames or ()) != list(columns):
        raise ContentError([f"{path.name}, line 1: the columns have to be {', '.join(columns)}"])
    uneven = [number for number, row in enumerate(rows, start=2) if None in row or None in row.values()]
    if uneven:
        raise ContentError([f"{path.name}, line {line}: needs a value for each column" for line in uneven])
    return rows


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; ContentError where it is none."""
    try:
        return tomllib.loads(read_text(path))
    except ValueError as problem:  # not TOML, or an integer of thousands of digits
        raise ContentError([f"{path.name}: is not TOML: {problem}"]) from None
    except RecursionError:
        raise ContentError([f"{path.name}: is nested too deeply to be read"]) from None


def collect(problems: list[str], load: Callable[[], _Loaded]) -> _Loaded | None:
    """What ``load`` gives; where it cannot be loaded its problems are added to the list."""
    try:
        return load()
    except ContentError as error:
        problems.extend(error.problems)
        return None
