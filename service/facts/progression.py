"""Has the tumour come back or grown? (F-10)

A recurrence makes older imaging worthless and an old Ki-67 doubtful. Only the tumour's own Conditions
are asked, because other diseases recur as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from service.facts.statements import Statement, Statements
from service.facts.tumour import Tumour
from service.fhir import dates
from service.fhir.dates import Moment
from service.fhir.reading import Resource, code
from service.fhir.record import Record

_WORDS = "progression"


@dataclass(frozen=True, slots=True)
class Progression:
    """Every recurrence and progression on record, with what it rests on."""

    found: tuple[Statement, ...] = ()

    def after(self, moment: Moment) -> Statement | None:
        """The newest that is later than this; one without a date may be."""
        later = [one for one in self.found if one.moment is None or one.moment.day > moment.day]
        return max(later, key=lambda one: one.order, default=None)


def read_progression(record: Record, tumour: Tumour, statements: Statements, *, now: datetime) -> Progression:
    """Recurrences by the status of the tumour's Conditions; progression by words, also of reports."""
    stated = [*_recurrences(tumour), *_worded(record, tumour)]
    # A report does not say which of two cancers has grown.
    if not tumour.other_malignancy and (reported := statements.newest(_WORDS, "DiagnosticReport")):
        stated.append(reported)
    return Progression(tuple(one for one in stated if not dates.is_in_future(one.moment, now)))


def last_recurrence(tumour: Tumour) -> Moment | None:
    """When the last recurrence or relapse was recorded; None where none is dated."""
    return max((one.moment for one in _recurrences(tumour) if one.moment), default=None)


def _recurrences(tumour: Tumour) -> Iterator[Statement]:
    """The tumour's Conditions that are a recurrence or relapse by their status."""
    for primary in tumour.primaries:
        if code(primary.condition.get("clinicalStatus")) in ("recurrence", "relapse"):
            yield _recorded(primary.condition)


def _worded(record: Record, tumour: Tumour) -> Iterator[Statement]:
    """The tumour's Conditions that are called so in their name or note."""
    for primary in tumour.primaries:
        if record.is_named(primary.condition, _WORDS) or record.finds(primary.condition, _WORDS):
            yield _recorded(primary.condition)


def _recorded(condition: Resource) -> Statement:
    """With the day of recording; the onset may be that of the first tumour."""
    return Statement(condition, dates.parse(condition.get("recordedDate")) or dates.first_recorded(condition))
