"""What do reports, documents, plans and conditions state in words? (section 8 of the algorithm)

Exceptions such as "unresectable" or "unfit" have no code. They are recognised by word lists in the
conclusions of reports, the descriptions of documents, care plans, and conditions in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.facts.patient import Patient, fact
from service.facts.words import on_day
from service.fhir import dates, r4
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Statement:
    """One resource, and when it was stated; ``when`` is that in words."""

    resource: r4.Resource
    moment: Moment | None
    when: str

    def evidence(self, what: str) -> Evidence:
        """The resource with what it states and when."""
        return Evidence(self.resource.reference, f"{what}, {self.when}")

    @property
    def order(self) -> tuple[float, str]:
        """Sorts by time; what is undated comes first."""
        return dates.order(self.moment), self.resource.reference


@dataclass(frozen=True, slots=True)
class Statements:
    """Word list -> the statements in force that hold a phrase of it."""

    by_list: Mapping[str, Sequence[Statement]]

    def newest(self, word_list: str, *kinds: type[r4.Resource]) -> Statement | None:
        """The newest statement that holds a phrase of the word list, of any kind or of these."""
        said = [
            one for one in self.by_list.get(word_list, ()) if not kinds or isinstance(one.resource, kinds)
        ]
        return max(said, key=lambda one: one.order, default=None)


@fact
def statements(patient: Patient) -> Statements:
    """Everything in force that holds a phrase of any word list, in one pass."""
    by_list: dict[str, list[Statement]] = {}
    for resource in _in_force(patient):
        said = statement(resource, resource.happened(), patient)
        for word_list in resource.about.names | resource.about.findings:
            by_list.setdefault(word_list, []).append(said)
    return Statements(by_list)


def statement(resource: r4.Resource, moment: Moment | None, patient: Patient) -> Statement:
    """A resource as a statement of this moment."""
    return Statement(resource, moment, on_day(moment, patient))


def newest_evidence(word_list: str, patient: Patient) -> Evidence | None:
    """The newest statement of a word list, in the words that ``statement.`` has for it."""
    found = statements(patient).newest(word_list)
    return found.evidence(patient.phrases(f"statement.{word_list}")) if found else None


def _in_force(patient: Patient) -> Iterator[r4.Resource]:
    record = patient.record
    written = (*record.of(r4.DiagnosticReport), *record.of(r4.DocumentReference), *record.of(r4.CarePlan))
    yield from (one for one in written if one.is_done)
    yield from (one for one in record.of(r4.Condition) if one.is_in_force(patient.now))
