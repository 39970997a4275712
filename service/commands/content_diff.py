"""What changed between two states of the content, said so that a committee can read it.

A state is a checkout of the project, a folder of cards alone (read with the rules of this program), or a git
revision of this checkout. https://git-scm.com/docs/git-archive
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from service import VERSION
from service.cards import Knowledge, load_knowledge
from service.content_files import read_tables, read_text
from service.errors import ContentError, InputFileError
from service.front_matter import read_markdown
from service.rule_code import SERVICE, read_code
from service.rules import RULES

_KINDS = (".md", ".csv", ".txt", ".toml")


@dataclass(frozen=True, slots=True)
class Differences:
    """The changes in words, and the cards whose approval ends with them."""

    lines: tuple[str, ...]
    ended: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _State:
    """One state: its cards, and the package with its rules."""

    name: str
    cards: Path
    package: Path


def differences(before: str, after: str, *, cards_dir: Path, today: date) -> Differences:
    """From the first state to the second. Raises InputFileError where one of them cannot be read."""
    with contextlib.ExitStack() as stack:
        old, new = (stack.enter_context(_state(name, cards_dir.parent)) for name in (before, after))
        lines = [*_changed_files(old, new), *_changed_code(old, new)]
        touched, ended, notes = _approvals(old, new, today)
    if not lines:
        return Differences((f"Nothing of the content differs between {before} and {after}.",), ())
    about = [f"Cards that rest on something that changed: {', '.join(touched)}."] if touched else []
    about += notes or [f"Approvals that end: {', '.join(ended) or 'none'}."]
    return Differences((*lines, "", *about), ended)


@contextlib.contextmanager
def _state(name: str, checkout: Path) -> Iterator[_State]:
    folder = Path(name)
    if folder.is_dir():
        yield _in_folder(name, folder)
        return
    with tempfile.TemporaryDirectory() as unpacked:
        _unpack(name, checkout, Path(unpacked))
        yield _in_folder(name, Path(unpacked))


def _in_folder(name: str, folder: Path) -> _State:
    cards = folder / "cards" if (folder / "cards").is_dir() else folder
    if not (cards / "common.md").is_file():
        raise InputFileError(f"{name}: holds no content; common.md is missing.")
    package = folder / "service"
    return _State(name, cards, package if (package / "rules").is_dir() else SERVICE)


def _unpack(revision: str, checkout: Path, folder: Path) -> None:
    """The cards and the package as they were at a revision."""
    if revision.startswith("-"):
        raise InputFileError(f"{revision}: is neither a folder nor a git revision of this checkout.")
    command = ["git", "-C", str(checkout), "archive", "--format=tar", revision, "--", "cards", "service"]
    try:
        archive = subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        raise InputFileError(
            f"{revision}: is neither a folder nor a git revision of this checkout."
        ) from None
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        members.extractall(folder, filter="data")


def _changed_files(old: _State, new: _State) -> Iterator[str]:
    before, after = _files(old.cards), _files(new.cards)
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield f"{name}: {'new' if name in after else 'no longer there'}"
        elif read_text(before[name]) != read_text(after[name]):
            yield from (f"{name}: {change}" for change in _changes(before[name], after[name]))


def _files(cards: Path) -> dict[str, Path]:
    paths = (path for path in cards.rglob("*") if path.suffix in _KINDS and path.name != "README.md")
    return {path.relative_to(cards).as_posix(): path for path in paths}


def _changes(before: Path, after: Path) -> Iterator[str]:
    if before.suffix in (".csv", ".txt"):
        yield from _changed_rows(read_text(before).splitlines(), read_text(after).splitlines())
        return
    old, new = _entries(before), _entries(after)
    for place in dict.fromkeys([*old, *new]):
        if place == "## Cases":
            cases = (text.get(place, "").splitlines() for text in (old, new))
            yield from (f"case, {change}" for change in _changed_rows(*cases))
        elif old.get(place) != new.get(place):
            yield _said(place, old.get(place), new.get(place))


def _changed_rows(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    old, new = Counter(before), Counter(after)
    yield from (f"row removed: {row}" for row in (old - new).elements())
    yield from (f"row added: {row}" for row in (new - old).elements())


def _said(place: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"{place}: new: {new}"
    return f"{place}: removed; it was: {old}" if new is None else f"{place}: was: {old}; is: {new}"


def _entries(path: Path) -> dict[str, str]:
    """Every entry of a file by the place at which a reader finds it."""
    if path.suffix == ".toml":
        return dict(_flat(read_tables(path)))
    file = read_markdown(path)
    return {**dict(_flat(file.front)), **{f"## {name}": text for name, text in file.sections.items()}}


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """The entries of a table; those of a list by id, label or code, so that a new one moves no other."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _flat(part, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        for number, part in enumerate(value):
            named = part if isinstance(part, Mapping) else {}
            name = named.get("id") or named.get("label") or named.get("code") or number
            yield from _flat(part, f"{place}[{name}]")
    else:
        yield place, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _changed_code(old: _State, new: _State) -> Iterator[str]:
    before, after = read_code(old.package).modules, read_code(new.package).modules
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield f"code of rules: service/{name}: {'new' if name in after else 'no longer there'}"
        elif before[name].digest != after[name].digest:
            yield f"code of rules: service/{name}: changed"


def _approvals(old: _State, new: _State, today: date) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """The cards whose basis differs, those whose approval ends, and why that could not be told."""
    try:
        before, after = _loaded(old), _loaded(new)
    except ContentError as error:
        why = f"Whose approval ends could not be told, because not all of it loads: {error.problems[0]}"
        return (), (), [why]
    touched = [name for name in after.cards if before.bases.get(name) != after.bases[name]]
    states, now = before.states(today), after.states(today)
    ended = [name for name, one in states.items() if one.is_approved and not _holds(now, name)]
    return tuple(touched), tuple(ended), []


def _holds(states: Mapping[str, Any], name: str) -> bool:
    return name in states and states[name].is_approved


def _loaded(state: _State) -> Knowledge:
    return load_knowledge(
        state.cards,
        holes={rule.id: rule.holes for rule in RULES},
        version=VERSION,
        code=read_code(state.package),
    )
