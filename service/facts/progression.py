"""Has the tumour come back or grown? (F-10, Y-1)

A progression makes older imaging, markers and board notes old, and an old Ki-67 doubtful. Of Conditions only
the tumour's own are asked, because other diseases recur as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.facts.disease_status import Sign, disease_status
from service.facts.item import Limits, since_diagnosis
from service.facts.patient import Patient, fact
from service.facts.resection import is_well_after, resection
from service.facts.spread import Metastasis, own_metastases
from service.facts.statements import statement, statements
from service.facts.tumour import tumour
from service.fhir import dates, r4
from service.fhir.dates import Moment

_WORDS = "progression"


@dataclass(frozen=True, slots=True)
class Progression:
    """Every recurrence and progression on record, with what it rests on."""

    found: tuple[Sign, ...] = ()

    def after(self, moment: Moment) -> Sign | None:
        """The newest that is later than this; one without a date may be."""
        later = [one for one in self.found if one.moment is None or moment.precedes(one.moment)]
        return max(later, key=lambda one: one.order, default=None)

    @property
    def newest(self) -> Sign | None:
        """The newest; one without a date only where none has one."""
        return max(self.found, key=lambda one: one.order, default=None)


@fact
def progression(patient: Patient) -> Progression:
    """By the status and words of the tumour's Conditions, by reports, disease status and new metastases."""
    stated = (
        *_recurrences(patient),
        *_worded(patient),
        *_reported(patient),
        *disease_status(patient).progression,
        *_new_metastases(patient),
    )
    return Progression(tuple([one for one in stated if not dates.is_in_future(one.moment, patient.now)]))


def last_progression(patient: Patient) -> Moment | None:
    """When the tumour last came back or grew; None where that is not on record with a date."""
    newest = progression(patient).newest
    return newest.moment if newest else None


def since_progression(days: float, patient: Patient) -> Limits:
    """The limits of what shows the tumour as it is: since it last grew, else since the diagnosis."""
    grown = last_progression(patient)
    if grown is None:
        return since_diagnosis(days, patient)
    return Limits(days, grown, patient.phrases("item.before-progression", day=grown.day))


def is_recurrence(condition: r4.Condition) -> bool:
    """Whether its status says that the disease has come back."""
    return condition.clinical in ("recurrence", "relapse")


def _recurrences(patient: Patient) -> Iterator[Sign]:
    for condition in tumour(patient).conditions:
        if is_recurrence(condition):
            yield _recorded(condition, patient)


def _worded(patient: Patient) -> Iterator[Sign]:
    """The tumour's Conditions that are called so in their name or note."""
    for condition in tumour(patient).conditions:
        if condition.about.says(_WORDS):
            yield _recorded(condition, patient)


def _reported(patient: Patient) -> Iterator[Sign]:
    """The newest report that says so; it does not say which of two cancers has grown."""
    found = statements(patient).newest(_WORDS, r4.DiagnosticReport)
    if found and not tumour(patient).other_malignancy:
        yield _sign(found.resource, found.moment, patient)


def _recorded(condition: r4.Condition, patient: Patient) -> Sign:
    """With the day of recording; the onset may be that of the first tumour."""
    return _sign(condition, condition.recorded or condition.since, patient)


def _sign(resource: r4.Resource, moment: Moment | None, patient: Patient) -> Sign:
    what = patient.phrases("statement.progression")
    return Sign(moment, statement(resource, moment, patient).evidence(what))


def _new_metastases(patient: Patient) -> Iterator[Sign]:
    """Where metastases were first recorded long after the resection; those of before were there then."""
    removed = resection(patient)
    for first in _first_by_site(patient):
        if removed and first.moment and is_well_after(first.moment, removed, patient):
            yield Sign(first.moment, first.evidence)


def _first_by_site(patient: Patient) -> Iterator[Metastasis]:
    """The earliest of each site, undated ones first; words that name no site may mean any of them."""
    found = sorted(own_metastases(patient), key=lambda one: dates.order(one.moment))
    sites = {one.site for one in found}
    for site in sites - {"unspecified"} or sites:
        yield next(one for one in found if one.site == site)
