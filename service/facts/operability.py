"""What reports, notes and plans say of an operation: can it be done, and was something else decided?

Section 8 of the algorithm: such statements have no code, so they are recognised by the word lists
that the cards name, in conclusions of reports, descriptions of documents, care plans and conditions.
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
class Operability:
    """What is on record of each statement; None where nobody wrote it.

    Of ``unresectable`` and ``resectable`` only the later one stands.
    """

    unresectable: Evidence | None = None
    resectable: Evidence | None = None
    borderline: Evidence | None = None
    unfit: Evidence | None = None
    surveillance: Evidence | None = None


_STATUSES = {
    "DiagnosticReport": ("final", "amended", "corrected", "appended"),
    "DocumentReference": ("current",),
    "CarePlan": ("active", "completed"),
}


def read_operability(record: Record, *, now: datetime) -> Operability:
    """Read every statement."""
    unresectable = _newest(record, "unresectable", now=now)
    resectable = _newest(record, "resectable", now=now)
    is_overruled = _is_later(resectable, unresectable)
    return Operability(
        unresectable=None if is_overruled else _evidence(unresectable, "unresectable"),
        resectable=_evidence(resectable, "resectable") if is_overruled or unresectable is None else None,
        borderline=_evidence(_newest(record, "borderline-resectable", now=now), "borderline resectable"),
        unfit=_evidence(_newest(record, "unfit", now=now), "unfit for an operation"),
        surveillance=_evidence(_newest(record, "surveillance", now=now), "surveillance"),
    )


_Statement = tuple[Moment | None, Resource]


def statements(record: Record, word_list: str, *, now: datetime) -> Iterator[_Statement]:
    """The reports, documents, plans and conditions that say so, with their dates."""
    for kind, statuses in _STATUSES.items():
        for one in record.of(kind):
            if string(one.get("status")) in statuses and _says(one, word_list, record):
                yield dates.happened(one), one
    for one in record.of("Condition"):
        if is_in_force(one, now=now) and _says(one, word_list, record):
            yield dates.last_asserted(one), one


def _says(resource: Resource, word_list: str, record: Record) -> bool:
    return record.finds(resource, word_list) or record.is_named(resource, word_list)


def _newest(record: Record, word_list: str, *, now: datetime) -> _Statement | None:
    return max(statements(record, word_list, now=now), key=_when, default=None)


def _when(statement: _Statement) -> tuple[float, str]:
    moment, resource = statement
    return (moment.instant.timestamp() if moment else 0.0, reference(resource))


def _is_later(first: _Statement | None, second: _Statement | None) -> bool:
    return first is not None and second is not None and _when(first)[0] > _when(second)[0]


def _evidence(statement: _Statement | None, what: str) -> Evidence | None:
    if statement is None:
        return None
    moment, resource = statement
    return Evidence(reference(resource), f"{what}, {dates.shown(moment)}")
