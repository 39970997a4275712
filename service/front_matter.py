"""Markdown files with front matter: read once, checked as a whole, each fault with its line.

``cards/README.md`` shows the form: a table in YAML between two lines of ``---``, and sections below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
import yaml
from pydantic import TypeAdapter, ValidationError

from service.content_files import read_text
from service.errors import ContentError


@dataclass(frozen=True, slots=True)
class MarkdownFile:
    """A Markdown file with front matter; ``node`` and ``lines`` tell where in it something stands."""

    name: str
    text: str
    front: Mapping[str, Any]
    node: yaml.Node
    sections: Mapping[str, str]
    lines: Mapping[str, int]

    def at(self, *path: str | int) -> str:
        """Where an entry of the front matter stands, to begin a message with."""
        steps = ".".join(str(step) for step in path)
        return f"{self.name}, line {_line(self.node, path)}, {steps}"

    def at_section(self, heading: str) -> str:
        """Where a section stands, or would have to stand."""
        line = f", line {self.lines[heading]}" if heading in self.lines else ""
        return f"{self.name}{line}, ## {heading}"

    def replaced(self, entry: str, lines: str) -> str:
        """The text of the file with these lines in place of an entry at the top of the front matter."""
        rows = self.text.splitlines(keepends=True)
        first, end = self._rows(entry)
        return "".join([*rows[:first], lines, *rows[end:]])

    def _rows(self, entry: str) -> tuple[int, int]:
        """The rows of the file from which and before which an entry stands; none where it is missing."""
        assert isinstance(self.node, yaml.MappingNode)  # noqa: S101  # _read_yaml has refused all others
        found = next((pair for pair in self.node.value if pair[0].value == entry), None)
        if found is None:
            return 1, 1
        begin, end = found[0].start_mark, found[1].end_mark
        return begin.line + 1, end.line + (2 if end.column else 1)


def _line(node: yaml.Node, path: Sequence[str | int]) -> int:
    """The line of the entry, or of the nearest one around it that is there."""
    mark = node.start_mark
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        mark, node = found
    return int(mark.line) + _LINES_BEFORE_FRONT_MATTER


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step].start_mark, node.value[step]
    return None


_LINES_BEFORE_FRONT_MATTER = 2  # the line of ---, and because YAML counts from nought
_FRONT_MATTER = re.compile(r"\A---\n(.*?\n)---\n(.*)\Z", re.DOTALL)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def read_markdown(path: Path) -> MarkdownFile:
    """Front matter and sections of one file; ContentError where it has neither."""
    text = read_text(path)
    found = _FRONT_MATTER.match(text)
    if found is None:
        raise ContentError([f"{path.name}: has to begin with front matter between two lines of ---"])
    front, node = _read_yaml(path.name, found[1])
    headings = list(_HEADING.finditer(found[2]))
    names = [heading[1].strip() for heading in headings]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ContentError([f"{path.name}: ## {name} is there twice" for name in repeated])
    texts = map(str.strip, _HEADING.split(found[2])[2::2])
    before = text.count("\n", 0, found.start(2)) + 1
    lines = [before + found[2].count("\n", 0, heading.start()) for heading in headings]
    return MarkdownFile(
        name=path.name,
        text=text,
        front=front,
        node=node,
        sections=dict(zip(names, texts, strict=True)),
        lines=dict(zip(names, lines, strict=True)),
    )


def _read_yaml(name: str, text: str) -> tuple[dict[str, Any], yaml.Node]:
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        front = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + _LINES_BEFORE_FRONT_MATTER}" if error.problem_mark else ""
        raise ContentError([f"{name}{line}: the front matter is not YAML: {error.problem}"]) from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        raise ContentError([f"{name}: the front matter is not YAML: {error}"]) from None
    finally:
        loader.dispose()
    if node is None or not isinstance(front, dict):
        raise ContentError([f"{name}: the front matter has to be a table of names and values"])
    repeated = [f"{name}, line {line}: {entry} is there twice" for entry, line in _repeated(node)]
    if repeated:
        raise ContentError(repeated)
    return front, node


def _repeated(node: yaml.Node) -> Iterator[tuple[str, int]]:
    """Names that a table has twice, of which YAML would drop the first in silence."""
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _value in node.value]
        for number, (key, value) in enumerate(node.value):
            if key.value in names[:number]:
                yield str(key.value), int(key.start_mark.line) + _LINES_BEFORE_FRONT_MATTER
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated(value)


_Front = TypeVar("_Front")
_SAID = {
    "missing": "has to be given",
    "unexpected_keyword_argument": "no entry has this name",
    "too_short": "has to have at least one",
    "string_too_short": "may not be empty",
    "dataclass_type": "has to be a table of names and values, as cards/README.md shows",
}
"""Faults for which pydantic's own words would not help an author."""


def checked(kind: type[_Front], file: MarkdownFile) -> _Front:
    """The front matter as this kind of table; ContentError with each entry that does not fit."""
    document = orjson.dumps(file.front, default=str, option=orjson.OPT_NON_STR_KEYS)
    try:
        # As JSON, because YAML's lists and dates are no tuples and no texts.
        return TypeAdapter(kind).validate_json(document)
    except ValidationError as refusal:
        faults = [
            f"{file.at(*fault['loc'])}: {_SAID.get(fault['type']) or _own_words(fault['msg'])}"
            for fault in refusal.errors(include_url=False, include_context=False, include_input=False)
        ]
    raise ContentError(faults)


def _own_words(message: str) -> str:
    return message.removeprefix("Value error, ")
