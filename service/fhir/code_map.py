"""A site's own codes: each is read as a code of the lists (``NET_CDS_CODE_MAP``).

The file is a CSV, in the form in which ``doctor`` proposes it, a FHIR ConceptMap in JSON
(https://hl7.org/fhir/R4/conceptmap.html), or the configuration file with a ``[[code_map]]`` table for each
row. A fault is named with its line, or its path in the JSON.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from service.content_files import read_rows, read_text
from service.errors import ConfigurationError, ContentError
from service.toml_file import read_toml

COLUMNS = ("local_system", "local_code", "system", "code")
"""The columns that every CSV has to have; further ones, such as words and counts, are for people."""

NO_COUNTERPART = frozenset({"unmatched", "disjoint", "not-related-to"})
"""Of ConceptMap.group.element.target: the two codes do not mean the same."""


class MappedCode(NamedTuple):
    """A code of the site, the listed code that it stands for, and where the file says so."""

    system: str
    code: str
    listed_system: str
    listed_code: str
    where: str


class _Target(msgspec.Struct):
    code: str | None = None
    equivalence: str | None = None
    relationship: str | None = None


class _Element(msgspec.Struct):
    code: str
    target: list[_Target] = []


class _Group(msgspec.Struct):
    source: str
    target: str
    element: list[_Element]


def read_code_map(path: Path) -> tuple[MappedCode, ...]:
    """The rows of the file; ContentError with every fault in it."""
    problems: list[str] = []
    mapped = tuple(_READERS.get(path.suffix, _of_rows)(path, problems))
    if not mapped and not problems:
        problems.append(f"{path.name}: maps no code")
    if problems:
        raise ContentError(problems)
    return mapped


def _of_rows(path: Path, problems: list[str]) -> Iterator[MappedCode]:
    columns = next(csv.reader(read_text(path).splitlines()[:1]), [])
    if missing := [name for name in COLUMNS if name not in columns]:
        problems.append(f"{path.name}, line 1: the columns {', '.join(missing)} are missing")
        return
    for number, row in enumerate(read_rows(path), start=2):
        system, code, listed_system, listed_code = [row[name].strip() for name in COLUMNS]
        where = f"{path.name}, line {number}"
        problems += [f"{where}: {name} is empty" for name in COLUMNS[1:] if not row[name].strip()]
        yield MappedCode(system, code, listed_system, listed_code, where)


def _of_tables(path: Path, problems: list[str]) -> Iterator[MappedCode]:
    try:
        file = read_toml(path)
    except ConfigurationError as fault:
        problems += fault.problems
        return
    rows = file.tables.get("code_map", [])
    for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
        where = file.where("code_map", number)
        texts = [row.get(name, "") if isinstance(row, dict) else "" for name in COLUMNS]
        system, code, listed_system, listed_code = [str(text).strip() for text in texts]
        needed = zip(COLUMNS[1:], (code, listed_system, listed_code), strict=True)
        problems += [f"{where}: {name} is missing" for name, text in needed if not text]
        yield MappedCode(system, code, listed_system, listed_code, where)


_Read = TypeVar("_Read")


def _of_concept_map(path: Path, problems: list[str]) -> Iterator[MappedCode]:
    document = _read(path, "", lambda: msgspec.json.decode(read_text(path)), problems)
    groups = document.get("group") if isinstance(document, dict) else None
    if document is None:
        return
    if not isinstance(document, dict) or document.get("resourceType") != "ConceptMap":
        problems.append(f"{path.name}, $.resourceType: has to be ConceptMap")
    elif not isinstance(groups, list):
        problems.append(f"{path.name}, $.group: has to be a list")
    else:
        for number, group in enumerate(groups):
            yield from _of_group(path, f"$.group[{number}]", group, problems)


def _of_group(path: Path, at: str, group: Any, problems: list[str]) -> Iterator[MappedCode]:
    """Element by element, so that each fault is named and not only the first."""
    elements = group.pop("element", None) if isinstance(group, dict) else None
    read = _read(path, at, lambda: msgspec.convert({**group, "element": []}, _Group), problems)
    if not isinstance(elements, list):
        problems.append(f"{path.name}, {at}.element: has to be a list")
        return
    for number, one in enumerate(elements):
        where = f"{at}.element[{number}]"
        element = _read(path, where, lambda one=one: msgspec.convert(one, _Element), problems)  # type: ignore[misc]
        if read is not None and element is not None:
            yield from _of_element(path, where, element, read)


def _of_element(path: Path, at: str, element: _Element, group: _Group) -> Iterator[MappedCode]:
    for number, target in enumerate(element.target):
        if target.code and NO_COUNTERPART.isdisjoint({target.equivalence, target.relationship}):
            where = f"{path.name}, {at}.target[{number}].code"
            yield MappedCode(group.source, element.code, group.target, target.code, where)


def _read(path: Path, at: str, load: Callable[[], _Read], problems: list[str]) -> _Read | None:
    try:
        return load()
    except (msgspec.MsgspecError, TypeError) as problem:
        says, _, where = str(problem).partition(" - at `$")
        problems.append(f"{path.name}, {at or '$'}{where.rstrip('`')}: {says}")
        return None


_READERS: Mapping[str, Callable[[Path, list[str]], Iterator[MappedCode]]] = {
    ".json": _of_concept_map,
    ".toml": _of_tables,
}
"""The ending of the file -> what reads it; every other is a CSV."""
