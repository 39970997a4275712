"""What do reports, documents, plans and conditions state in words? (section 8 of the algorithm)

Exceptions such as "unresectable" or "unfit" have no code. They are recognised by word lists in the
conclusions of reports, the descriptions of documents, care plans, and conditions in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from service.facts.status import is_done
from service.facts.tumour import is_in_force
from service.fhir import dates
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, reference
from service.fhir.record import Record


@dataclass(frozen=True, slots=True)
class Statement:
    """One resource, and when it was stated."""

    resource: Resource
    moment: Moment | None

    def evidence(self, what: str) -> Evidence:
        """The resource with what it states and when."""
        return Evidence(reference(self.resource), f"{what}, {dates.shown(self.moment)}")

    @property
    def order(self) -> tuple[float, str]:
        """Sorts by time; what is undated comes first."""
        return (self.moment.instant.timestamp() if self.moment else 0.0, reference(self.resource))


@dataclass(frozen=True, slots=True)
class Statements:
    """Word list -> the resources that hold a phrase of it; their status is looked at when one is asked."""

    by_list: Mapping[str, list[Resource]]
    now: datetime

    def newest(self, word_list: str, *kinds: str) -> Statement | None:
        """The newest statement in force that holds a phrase of the word list, of any kind or of these."""
        said = [
            _statement(one)
            for one in self.by_list.get(word_list, ())
            if (not kinds or one["resourceType"] in kinds) and _is_in_force(one, self.now)
        ]
        return sorted(said, key=lambda statement: statement.order)[-1] if said else None


_PLANS_IN_FORCE = ("active", "completed")
_KINDS = ("DiagnosticReport", "DocumentReference", "CarePlan", "Condition")


def read_statements(record: Record, *, now: datetime) -> Statements:
    """Every resource that holds a phrase of any word list, in one pass."""
    by_list: dict[str, list[Resource]] = {}
    for kind in _KINDS:
        for one in record.of(kind):
            recognised = record.recognised(one)
            for name in recognised.names | recognised.findings:
                by_list.setdefault(name, []).append(one)
    return Statements(by_list, now)


def _is_in_force(resource: Resource, now: datetime) -> bool:
    match resource["resourceType"]:
        case "Condition":
            return is_in_force(resource, now=now)
        case "DiagnosticReport":
            return is_done(resource)
        case "DocumentReference":
            return resource.get("status") == "current"
    return resource.get("status") in _PLANS_IN_FORCE


def _statement(resource: Resource) -> Statement:
    is_condition = resource.get("resourceType") == "Condition"
    return Statement(resource, dates.last_asserted(resource) if is_condition else dates.happened(resource))
