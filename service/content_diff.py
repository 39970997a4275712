"""What changed between two states of the content, said so that a committee can read it.

A state is that of a checkout of the project, of a folder of cards alone (read with the rules of this
program), of a git revision of this checkout, or one that was kept in a file. https://git-scm.com/docs/git-archive
"""

from __future__ import annotations

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

import msgspec
import orjson

from service.approvals import Basis
from service.cards import Knowledge, load_knowledge
from service.content_files import read_tables, read_text
from service.errors import ContentError, InputFileError
from service.front_matter import read_markdown
from service.rule_code import SERVICE, read_code
from service.rules import RULES

_KINDS = (".md", ".csv", ".txt", ".toml")
_ROWS = ""
"""The place of a file of which each row is an entry."""
_CASES = "## Cases"

Entries = Mapping[str, str]
"""What a file says, by the place at which a reader finds it."""


@dataclass(frozen=True, slots=True)
class ContentState:
    """What the files of one state say, and what its approvals rest on.

    ``files`` are by path below ``cards/``, ``code`` has digests by path below ``service/``, ``bases`` are by
    card. ``approved`` are the cards that count as approved on the day on which it was read. ``fault`` says
    why the bases could not be told, where they could not.
    """

    name: str
    files: Mapping[str, Entries]
    code: Mapping[str, str]
    bases: Mapping[str, Basis]
    approved: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Differences:
    """The changes in words, each after its file; what they mean for the cards; whose approval ends."""

    changes: tuple[str, ...]
    about: tuple[str, ...]
    ended: tuple[str, ...]


def differences(before: str, after: str, *, cards_dir: Path, today: date) -> Differences:
    """From the first state to the second. Raises InputFileError where one of them cannot be read."""
    old, new = (_state(name, cards_dir.parent, today) for name in (before, after))
    return compared(old, new)


def compared(old: ContentState, new: ContentState) -> Differences:
    """From one state to another."""
    changes = (*_changed_files(old, new), *_changed_code(old, new))
    fault = old.fault or new.fault
    if fault:
        why = f"Whose approval ends could not be told, because not all of it loads: {fault}"
        return Differences(changes, (why,), ())
    touched = [name for name in new.bases if old.bases.get(name) != new.bases[name]]
    ended = tuple([name for name in old.approved if name not in new.approved])
    if not (changes or touched or ended):
        return Differences((), (f"Nothing of the content differs between {old.name} and {new.name}.",), ())
    about = [f"Cards that rest on something that changed: {', '.join(touched)}."] if touched else []
    return Differences(changes, (*about, f"Approvals that end: {', '.join(ended) or 'none'}."), ended)


def state_in_force(knowledge: Knowledge, cards_dir: Path, today: date) -> ContentState:
    """The state that a server shows, with the numbers of its site."""
    return ContentState(
        name=f"{knowledge.version} of {today}",
        files=_files(cards_dir),
        code=_code(SERVICE),
        bases=knowledge.bases,
        approved=_approved(knowledge, today),
    )


def kept(state: ContentState) -> bytes:
    """The state as a file, to be compared with later ones: JSON."""
    return orjson.dumps(state, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_kept(document: object) -> ContentState:
    """The state of a kept file, from its JSON. Raises InputFileError where it is something else."""
    try:
        return msgspec.convert(document, ContentState)
    except msgspec.ValidationError as problem:
        raise InputFileError(f"This is no state of the content that was kept: {problem}.") from None


def _state(name: str, checkout: Path, today: date) -> ContentState:
    place = Path(name)
    if place.is_file():
        return _in_file(place)
    if place.is_dir():
        return _in_folder(name, place, today)
    with tempfile.TemporaryDirectory() as unpacked:
        _unpack(name, checkout, Path(unpacked))
        return _in_folder(name, Path(unpacked), today)


def _in_file(path: Path) -> ContentState:
    try:
        return read_kept(orjson.loads(path.read_bytes()))
    except (OSError, orjson.JSONDecodeError):
        raise InputFileError(f"{path}: cannot be read as JSON.") from None


def _in_folder(name: str, folder: Path, today: date) -> ContentState:
    cards = folder / "cards" if (folder / "cards").is_dir() else folder
    if not (cards / "common.md").is_file():
        raise InputFileError(f"{name}: holds no content; common.md is missing.")
    package = folder / "service" if (folder / "service" / "rules").is_dir() else SERVICE
    files, code = _files(cards), _code(package)
    try:
        knowledge = _loaded(cards, package)
    except ContentError as error:
        return ContentState(name, files, code, {}, (), fault=error.problems[0])
    return ContentState(name, files, code, knowledge.bases, _approved(knowledge, today))


def _loaded(cards: Path, package: Path) -> Knowledge:
    return load_knowledge(
        cards,
        holes={rule.id: rule.holes for rule in RULES},
        version="",
        code=read_code(package),
    )


def _approved(knowledge: Knowledge, today: date) -> tuple[str, ...]:
    return tuple([name for name, state in knowledge.states(today).items() if state.is_approved])


def _unpack(revision: str, checkout: Path, folder: Path) -> None:
    """The cards and the package as they were at a revision."""
    problem = f"{revision}: is neither a file, a folder nor a git revision of this checkout."
    if revision.startswith("-"):
        raise InputFileError(problem)
    command = ["git", "-C", str(checkout), "archive", "--format=tar", revision, "--", "cards", "service"]
    try:
        archive = subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        raise InputFileError(problem) from None
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        members.extractall(folder, filter="data")


def _files(cards: Path) -> dict[str, Entries]:
    paths = (path for path in sorted(cards.rglob("*")) if path.suffix in _KINDS and path.name != "README.md")
    return {path.relative_to(cards).as_posix(): _entries(path) for path in paths}


def _entries(path: Path) -> Entries:
    match path.suffix:
        case ".csv" | ".txt":
            return {_ROWS: read_text(path)}
        case ".toml":
            return dict(_flat(read_tables(path)))
        case _:
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


def _code(package: Path) -> dict[str, str]:
    return {name: one.digest for name, one in read_code(package).modules.items()}


def _changed_files(old: ContentState, new: ContentState) -> Iterator[str]:
    for name in sorted(old.files.keys() | new.files.keys()):
        if name not in old.files or name not in new.files:
            yield f"{name}: {'new' if name in new.files else 'no longer there'}"
        else:
            yield from (f"{name}: {change}" for change in _changes(old.files[name], new.files[name]))


def _changes(old: Entries, new: Entries) -> Iterator[str]:
    for place in dict.fromkeys([*old, *new]):
        was, now = old.get(place), new.get(place)
        if place in (_ROWS, _CASES):
            rows = _changed_rows((was or "").splitlines(), (now or "").splitlines())
            yield from (f"case, {row}" if place else row for row in rows)
        elif was != now:
            yield _said(place, was, now)


def _changed_rows(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    old, new = Counter(before), Counter(after)
    yield from (f"row removed: {row}" for row in (old - new).elements())
    yield from (f"row added: {row}" for row in (new - old).elements())


def _said(place: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"{place}: new: {new}"
    return f"{place}: removed; it was: {old}" if new is None else f"{place}: was: {old}; is: {new}"


def _changed_code(old: ContentState, new: ContentState) -> Iterator[str]:
    for name in sorted(old.code.keys() | new.code.keys()):
        if name not in old.code or name not in new.code:
            yield f"code of rules: service/{name}: {'new' if name in new.code else 'no longer there'}"
        elif old.code[name] != new.code[name]:
            yield f"code of rules: service/{name}: changed"
