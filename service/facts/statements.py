"""What do reports, documents, plans and conditions state in words? (section 8 of the algorithm)

Exceptions such as "unresectable" or "unfit" have no code. They are recognised by word lists in the
conclusions of reports, the descriptions of documents, care plans, and conditions in force.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from service.facts.tumour import is_in_force
from service.fhir import dates
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, reference, string
from service.fhir.record import Record


@dataclass(frozen=True, slots=True)
class Statement:
    """One resource, when it was stated, and the word lists of which it holds a phrase."""

    resource: Resource
    moment: Moment | None
    word_lists: frozenset[str]

    def evidence(self, what: str) -> Evidence:
        """The resource with what it states and when."""
        return Evidence(reference(self.resource), f"{what}, {dates.shown(self.moment)}")

    @property
    def order(self) -> tuple[float, str]:
        """Sorts by time; what is undated comes first."""
        return (self.moment.instant.timestamp() if self.moment else 0.0, reference(self.resource))


Statements = tuple[Statement, ...]
"""Oldest first."""

_STATUSES = {
    "DiagnosticReport": ("final", "amended", "corrected", "appended"),
    "DocumentReference": ("current",),
    "CarePlan": ("active", "completed"),
}


def read_statements(record: Record, *, now: datetime) -> Statements:
    """Every resource that holds a phrase of any word list, in one pass."""
    return tuple(sorted(_read(record, now=now), key=lambda statement: statement.order))


def _read(record: Record, *, now: datetime) -> Iterator[Statement]:
    for kind, statuses in _STATUSES.items():
        for one in record.of(kind):
            recognised = record.recognised(one)
            if (found := recognised.names | recognised.findings) and string(one.get("status")) in statuses:
                yield Statement(one, dates.happened(one), found)
    for one in record.of("Condition"):
        recognised = record.recognised(one)
        if (found := recognised.names | recognised.findings) and is_in_force(one, now=now):
            yield Statement(one, dates.last_asserted(one), found)


def newest(statements: Statements, word_list: str) -> Statement | None:
    """The newest statement that holds a phrase of the word list."""
    return next((one for one in reversed(statements) if word_list in one.word_lists), None)
