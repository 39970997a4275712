"""What a resource is about: the rows of code lists and the word lists that it hits.

The lists are in ``cards/codelists`` and ``cards/wordlists``; :mod:`service.fhir.terminology` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class ListedCode(NamedTuple):
    """One row of a code list; every column beyond the code is an attribute."""

    list_name: str
    system: str
    code: str
    display: str
    attributes: Mapping[str, str]

    def get(self, attribute: str) -> str:
        """The attribute's value, or an empty string."""
        return self.attributes.get(attribute, "")


@dataclass(frozen=True, slots=True)
class About:
    """The listed codes by list; the word lists found in the name, and those found in the findings."""

    codes: Mapping[str, tuple[ListedCode, ...]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    findings: frozenset[str] = frozenset()

    def rows(self, *code_lists: str) -> tuple[ListedCode, ...]:
        """The rows of these code lists that its codes hit."""
        if not self.codes:
            return ()
        return tuple([row for name in code_lists for row in self.codes.get(name, ())])

    def has_row(self, code_list: str, *, roles: Iterable[str] = ()) -> bool:
        """Whether it hits a code list, in a row with one of the roles (any if none is named)."""
        rows = self.codes.get(code_list, ())
        return bool(rows) and (not roles or not {row.get("role") for row in rows}.isdisjoint(roles))

    def is_named(self, *word_lists: str) -> bool:
        """Whether its name holds a phrase of one of the word lists."""
        return not self.names.isdisjoint(word_lists)

    def finds(self, *word_lists: str) -> bool:
        """Whether its conclusion, value or notes hold a phrase of one of the word lists."""
        return not self.findings.isdisjoint(word_lists)

    def says(self, *word_lists: str) -> bool:
        """Whether its name or its findings hold a phrase of one of the word lists."""
        return self.is_named(*word_lists) or self.finds(*word_lists)

    def hits(self, *lists: str) -> bool:
        """Whether it hits one of these code lists, or word lists by name."""
        return not self.names.isdisjoint(lists) or not self.codes.keys().isdisjoint(lists)


NOTHING = About()
"""About nothing on any list."""
