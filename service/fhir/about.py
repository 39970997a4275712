"""What a resource is about: the rows of code lists and the word lists that it hits.

The lists are in ``cards/codelists`` and ``cards/wordlists``; :mod:`service.fhir.terminology` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from service.fhir.context import Assertion


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
    """The listed codes by list, and what its name and its findings say of each word list.

    ``names`` are the word lists of which the name says that it is so, may be, or was; ``findings`` those of
    which the findings say that it is so. ``left_unread`` is whether a text was too long to be read whole.
    """

    codes: Mapping[str, tuple[ListedCode, ...]] = field(default_factory=dict)
    said_in_name: Mapping[str, Assertion] = field(default_factory=dict)
    said_in_findings: Mapping[str, Assertion] = field(default_factory=dict)
    left_unread: bool = False
    names: frozenset[str] = field(init=False)
    findings: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the word lists by what is said."""
        named = [name for name, said in self.said_in_name.items() if said >= Assertion.HISTORICAL]
        found = [name for name, said in self.said_in_findings.items() if said is Assertion.ASSERTED]
        object.__setattr__(self, "names", frozenset(named))
        object.__setattr__(self, "findings", frozenset(found))

    def says_of(self, word_list: str) -> Assertion | None:
        """What its name says of a word list; None where it holds no phrase of it."""
        return self.said_in_name.get(word_list)

    def finds_of(self, word_list: str) -> Assertion | None:
        """What its conclusion, value or notes say of a word list; None where they hold no phrase of it."""
        return self.said_in_findings.get(word_list)

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
        """Whether its name says of one of the word lists that it is so, may be, or was."""
        return not self.names.isdisjoint(word_lists)

    def finds(self, *word_lists: str) -> bool:
        """Whether its conclusion, value or notes say of one of the word lists that it is so."""
        return not self.findings.isdisjoint(word_lists)

    def says(self, *word_lists: str) -> bool:
        """Whether it is named so, or finds so."""
        return self.is_named(*word_lists) or self.finds(*word_lists)

    def mentions(self, word_list: str) -> bool:
        """Whether its name or its findings hold a phrase of a word list, whatever they say of it."""
        return word_list in self.said_in_name or word_list in self.said_in_findings

    def hits(self, *lists: str) -> bool:
        """Whether it hits one of these code lists, or word lists by name."""
        return not self.names.isdisjoint(lists) or not self.codes.keys().isdisjoint(lists)


NOTHING = About()
"""About nothing on any list."""
