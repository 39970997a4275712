"""Has the tumour come back or grown? (F-10)

A recurrence makes older imaging worthless and an old Ki-67 doubtful. Only the tumour's own Conditions
are asked, because other diseases recur as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.facts.patient import Patient, fact
from service.facts.statements import Statement, statement, statements
from service.facts.tumour import tumour
from service.fhir import dates, r4
from service.fhir.dates import Moment

_WORDS = "progression"


@dataclass(frozen=True, slots=True)
class Progression:
    """Every recurrence and progression on record, with what it rests on."""

    found: tuple[Statement, ...] = ()

    def after(self, moment: Moment) -> Statement | None:
        """The newest that is later than this; one without a date may be."""
        later = [one for one in self.found if one.moment is None or moment.precedes(one.moment)]
        return max(later, key=lambda one: one.order, default=None)


@fact
def progression(patient: Patient) -> Progression:
    """Recurrences by the status of the tumour's Conditions; progression by words, also of reports."""
    stated = (*_recurrences(patient), *_worded(patient), *_reported(patient))
    return Progression(tuple([one for one in stated if not dates.is_in_future(one.moment, patient.now)]))


def last_recurrence(patient: Patient) -> Moment | None:
    """When the last recurrence or relapse was recorded; None where none is dated."""
    return max((one.moment for one in _recurrences(patient) if one.moment), default=None)


def _recurrences(patient: Patient) -> Iterator[Statement]:
    """The tumour's Conditions that are a recurrence or relapse by their status."""
    for condition in tumour(patient).conditions:
        if condition.clinical in ("recurrence", "relapse"):
            yield _recorded(condition, patient)


def _worded(patient: Patient) -> Iterator[Statement]:
    """The tumour's Conditions that are called so in their name or note."""
    for condition in tumour(patient).conditions:
        if condition.about.says(_WORDS):
            yield _recorded(condition, patient)


def _reported(patient: Patient) -> Iterator[Statement]:
    """The newest report that says so; it does not say which of two cancers has grown."""
    found = statements(patient).newest(_WORDS, r4.DiagnosticReport)
    if found and not tumour(patient).other_malignancy:
        yield found


def _recorded(condition: r4.Condition, patient: Patient) -> Statement:
    """With the day of recording; the onset may be that of the first tumour."""
    return statement(condition, condition.recorded or condition.since, patient)
