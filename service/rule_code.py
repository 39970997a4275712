"""The Python that a rule rests on: its file, and the files of rules and facts that it imports.

An approval is bound to this code as it is to the words of a card; see :mod:`service.approvals`. The files are
read as text and never run, so that the code of another revision can be looked at as well.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from service.content_files import read_text

SERVICE = Path(__file__).parent
"""The package that is running."""

_PACKAGES = ("rules", "facts")
_ALSO_DECIDE = ("fhir",)
_FOR_EVERY_RULE = "rules/phases.py"
"""What decides with every rule, and is imported by none."""
"""What reads the record: part of the version of the content, and of no approval."""


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: a digest of its text, and what its syntax tree names.

    ``imports`` are the files of rules and facts that it imports, ``texts`` its string literals,
    ``beginnings`` what stands before the first hole of its f-strings, ``attributes`` the names after a dot.
    """

    digest: str
    imports: frozenset[str]
    texts: frozenset[str]
    beginnings: frozenset[str]
    attributes: frozenset[str]


@dataclass(frozen=True)
class RuleCode:
    """The files of one rule by their path within the package, as in ``rules/tnm.py``."""

    modules: Mapping[str, Module]

    @cached_property
    def texts(self) -> frozenset[str]:
        """Every string literal."""
        return _union(one.texts for one in self.modules.values())

    @cached_property
    def attributes(self) -> frozenset[str]:
        """Every name after a dot."""
        return _union(one.attributes for one in self.modules.values())

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        return tuple(_union(one.beginnings for one in self.modules.values()))

    def names_phrase(self, key: str) -> bool:
        """Whether the code asks for the phrase of this key, spelled out or put together."""
        return key in self.texts or key.startswith(self._beginnings)


@dataclass(frozen=True, slots=True)
class Code:
    """All rules and facts of a package, and one digest of everything that reads and decides."""

    modules: Mapping[str, Module]
    digest: str

    def of_rule(self, rule_id: str) -> RuleCode:
        """The code of a rule and of the phases of care; empty where no file has its name, as for a group."""
        name = f"rules/{rule_id.replace('-', '_')}.py"
        return self.from_files(name, _FOR_EVERY_RULE) if name in self.modules else RuleCode({})

    def from_files(self, *names: str) -> RuleCode:
        """Files with all that they import, directly or not."""
        found: dict[str, Module] = {}
        waiting = set(names) & self.modules.keys()
        while waiting:
            one = waiting.pop()
            found[one] = self.modules[one]
            waiting |= found[one].imports - found.keys()
        return RuleCode(found)


def read_code(package: Path = SERVICE) -> Code:
    """The code in the folder of a package; ContentError where a file cannot be read or is not Python."""
    texts = {
        path.relative_to(package).as_posix(): read_text(path)
        for folder in (*_PACKAGES, *_ALSO_DECIDE)
        for path in sorted((package / folder).glob("*.py"))
    }
    digest = digest_of(f"{name}\0{text}" for name, text in texts.items())
    files = frozenset(texts)
    modules = {
        name: _module(text, files) for name, text in texts.items() if name.startswith(("rules/", "facts/"))
    }
    return Code(modules, digest)


def digest_of(texts: Iterable[str]) -> str:
    """The SHA-256 of texts, which cannot run into each other, in hexadecimal."""
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


@cache  # content is loaded more than once in a process, and its code is the same each time
def _module(text: str, files: frozenset[str]) -> Module:
    nodes = list(ast.walk(ast.parse(text)))
    literals = (one.value for one in nodes if isinstance(one, ast.Constant))
    return Module(
        digest=digest_of([text]),
        imports=frozenset(name for one in nodes for name in _imported(one)) & files,
        texts=frozenset(one for one in literals if isinstance(one, str)),
        beginnings=frozenset(_beginnings(nodes)),
        attributes=frozenset(one.attr for one in nodes if isinstance(one, ast.Attribute)),
    )


def _imported(node: ast.AST) -> Iterator[str]:
    """The files that a statement may import; what ``from`` takes can be a module or a name in one."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    for name in names:
        package, _, module = name.partition(".")[2].partition(".")
        if package in _PACKAGES and module:
            yield f"{package}/{module}.py"


def _beginnings(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What an f-string begins with, where that is a table of phrases such as ``names.site.``."""
    for node in nodes:
        first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and "." in first.value:
            yield first.value


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)
