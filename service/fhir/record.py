"""The patient's record: sections that are known, partial or unknown, and the resources that matter.

Every entry ends as exactly one of: used, about something else, another patient's, unreadable. The last makes
its section partial, and no rule may say "missing" on such a section.
https://cds-hooks.hl7.org/2.0/#prefetch-responses-from-the-cds-client
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar, cast

from service.errors import MalformedRequest
from service.fhir import r4
from service.fhir.medications import Medications, named_medication
from service.fhir.phrasebook import Phrases
from service.fhir.queries import QUERIES, SECTIONS
from service.fhir.r4 import OfMedication, Resource
from service.fhir.read import Fault, Faults, Read, Reading, State, unreadable_dates, why_not_named
from service.fhir.terminology import Terminology
from service.fhir.whose import Names, Whose, names_of, whose

DRAFTS = "drafts"
"""The section of what is being ordered or booked, which comes with the hook's context."""


class Count(NamedTuple):
    """How the entries of a section ended."""

    used: int = 0
    something_else: int = 0
    another_patients: int = 0
    unreadable: int = 0


NO_ENTRIES = Count()


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its state, why it is not known, what was odd but harmless, and how its entries ended.

    ``refused`` are resources that nobody may rest on, though what they name was read; ``may_hide`` tells that
    there are others, or may be, of which not even that is known.
    """

    name: str
    state: State
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    count: Count = NO_ENTRIES
    refused: tuple[Resource, ...] = ()
    may_hide: bool = False


_R = TypeVar("_R", bound=Resource)


@dataclass(frozen=True, slots=True)
class Record:
    """All that is known of one patient. ``resources`` holds only what a rule may rest on.

    ``drafts`` are what is being ordered or booked; they are not among the ``resources``.
    """

    patient_id: str
    sections: Mapping[str, Section]
    resources: Mapping[type[Resource], tuple[Resource, ...]] = field(default_factory=dict)
    drafts: tuple[Resource, ...] = ()

    @property
    def patient(self) -> r4.Patient | None:
        """The Patient resource, if it was read."""
        return next(iter(self.of(r4.Patient)), None)

    def of(self, kind: type[_R]) -> tuple[_R, ...]:
        """The relevant resources of one type, each once, in a stable order."""
        return cast("tuple[_R, ...]", self.resources.get(kind, ()))

    def about(self, kind: type[_R], *lists: str) -> tuple[_R, ...]:
        """The resources of one type that hit one of these code lists, or word lists by name."""
        return tuple([one for one in self.of(kind) if one.about.hits(*lists)])

    def saying(self, kind: type[_R], *word_lists: str) -> tuple[_R, ...]:
        """The resources of one type whose name or findings hold a phrase of a word list."""
        return tuple([one for one in self.of(kind) if one.about.says(*word_lists)])

    def is_known(self, *sections: str) -> bool:
        """Whether all of these sections were read completely."""
        return all(self.state(name) is State.KNOWN for name in sections)

    def state(self, section: str) -> State:
        """How completely a section was read; what no hook's context brings is known to be empty."""
        found = self.sections.get(section)
        if found is None:
            return State.KNOWN if section == DRAFTS else State.UNKNOWN
        return found.state

    def why_not_known(self, section: str) -> str:
        """Why a section is partial or unknown, in words without patient data."""
        return "; ".join(self.sections[section].reasons)


@dataclass(slots=True)
class Shelf:
    """The resources of one key that are used, each once, and how all its entries ended."""

    reading: Reading
    used: dict[tuple[str, int], Resource] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    came_again: int = 0
    something_else: int = 0
    another_patients: int = 0
    unreadable: int = 0
    medications_lacked: list[str] = field(default_factory=list)
    refused: list[Resource] = field(default_factory=list)

    def refuse(self, fault: Fault, where: str) -> None:
        """Note a resource that nobody may rest on, and why."""
        self.unreadable += 1
        self.faults.note(fault, where)

    @property
    def state(self) -> State:
        """How completely the key could be read."""
        state = self.reading.state
        return State.PARTIAL if state is State.KNOWN and self.faults.told else state

    @property
    def may_hide(self) -> bool:
        """Whether there may be something of which not even the name was read."""
        return self.reading.state is not State.KNOWN or self.unreadable > len(self.refused)

    @property
    def could_be_completed(self) -> bool:
        """Whether a FHIR server might give what is missing."""
        return self.reading.could_be_completed or bool(self.medications_lacked)

    @property
    def count(self) -> Count:
        """How the entries ended; one that came twice is used twice."""
        reading = self.reading
        return Count(
            len(self.used) + self.came_again + reading.used_beside,
            self.something_else + reading.something_else,
            self.another_patients,
            self.unreadable + reading.unreadable,
        )


def names_in(patient: Reading, patient_id: str) -> Names:
    """By what the patient of a call is known; raises MalformedRequest where the Patient is somebody else."""
    for one in patient.read:
        if "id" in one.defects or one.resource.id not in (None, patient_id):
            raise MalformedRequest(
                "The Patient under prefetch is not the patient of context.patientId; "
                "send the record of one patient.",
                path="$.prefetch.patient.id",
            )
    found = (one.resource for one in patient.read if isinstance(one.resource, r4.Patient))
    return names_of(patient_id, next(found, None))


def shelve(reading: Reading, names: Names, medications: Medications, terminology: Terminology) -> Shelf:
    """Sort the resources of one key by whose they are and what they are about."""
    shelf = Shelf(reading)
    known_as = names.within(reading.patients)
    for number, one in enumerate(reading.read, start=1):
        owner = whose(one.resource, known_as)
        if owner is Whose.ANOTHERS:
            shelf.another_patients += 1
        elif owner is Whose.NOT_TOLD:
            shelf.refuse(Fault.SUBJECT, one.resource.shown)
        elif one.fault is not None and one.fault is not Fault.DEFECT:
            shelf.refuse(one.fault, one.where)
        elif isinstance(one.resource, OfMedication) and not medications.resolve(one.resource):
            shelf.medications_lacked.append(named_medication(one.resource))
            shelf.refuse(Fault.MEDICATION, one.resource.shown)
        else:
            _place(one, number, shelf, terminology)
    return shelf


def _place(one: Read, number: int, shelf: Shelf, terminology: Terminology) -> None:
    """Keep a resource that names, or says, something that is on a list."""
    resource = one.resource
    concepts = resource.naming_concepts()
    if not resource.ALWAYS_MATTERS and (fault := why_not_named(resource, concepts, one.defects)):
        shelf.refuse(fault, resource.shown)
        return
    resource.about = terminology.about(
        concepts, name=resource.name_by(concepts), findings=resource.findings, is_report=resource.IS_REPORT
    )
    if histologies := resource.histologies():
        resource.about = terminology.with_histologies(resource.about, histologies)
    if not _matters(resource):
        shelf.something_else += 1
    elif one.fault is not None:
        shelf.refused.append(resource)
        shelf.refuse(one.fault, one.where)
    else:
        _use(one, number, shelf)


def _use(one: Read, number: int, shelf: Shelf) -> None:
    """Keep a resource, and note what of it could not be read."""
    resource = one.resource
    for path in (*one.defects, *resource.without_contradictions(), *unreadable_dates(resource)):
        shelf.faults.note(Fault.DEFECT, f"{resource.shown}: {path}")
    if resource.lacks_status and shelf.reading.key != DRAFTS:
        shelf.faults.note(Fault.DEFECT, f"{resource.shown}: status")
    if resource.is_in_doubt:
        shelf.faults.note(Fault.STATUS_UNKNOWN, resource.shown)
    _keep(resource, number, shelf)


def _keep(resource: Resource, number: int, shelf: Shelf) -> None:
    """Each resource once, in its latest version; those without an id cannot be told to be the same."""
    identity = (resource.reference, 0) if resource.id else ("", number)
    known = shelf.used.get(identity)
    shelf.came_again += known is not None
    if known is None or resource.version >= known.version:
        shelf.used[identity] = resource


def _matters(resource: Resource) -> bool:
    """Whether a rule may rest on the resource."""
    about = resource.about
    is_named = about.codes or about.said_in_name
    return bool(resource.ALWAYS_MATTERS or is_named or (resource.NOTES_MATTER and about.findings))


def assemble(shelves: Mapping[str, Shelf], *, patient_id: str, phrases: Phrases) -> Record:
    """The record of those keys that were looked at; the sections of all others are not in it.

    Raises MalformedRequest where every Condition belongs to somebody else.
    """
    if "conditions" in shelves:
        _refuse_strangers(shelves["conditions"].count)
    sections = [
        _section(name, keys, shelves, phrases) for name, keys in _KEYS.items() if keys & shelves.keys()
    ]
    drafts = tuple(shelves[DRAFTS].used.values()) if DRAFTS in shelves else ()
    return Record(patient_id, {one.name: one for one in sections}, _by_type(shelves), drafts)


def _refuse_strangers(count: Count) -> None:
    if count.another_patients and count.another_patients == sum(count):
        raise MalformedRequest(
            "Every Condition under prefetch belongs to another patient than context.patientId; "
            "send the record of one patient.",
            path="$.prefetch.conditions",
        )


def _by_type(shelves: Mapping[str, Shelf]) -> dict[type[Resource], tuple[Resource, ...]]:
    return {
        type(resources[0]): tuple(resources)
        for key, shelf in shelves.items()
        if key != DRAFTS and (resources := [shelf.used[identity] for identity in sorted(shelf.used)])
    }


_KEYS = {name: {key for key, query in QUERIES.items() if query.section == name} for name in SECTIONS}
_KEYS[DRAFTS] = {DRAFTS}


def _section(name: str, keys: Iterable[str], shelves: Mapping[str, Shelf], phrases: Phrases) -> Section:
    """One section from its keys: known if all are known, unknown if none gave anything."""
    found = [shelves[key] for key in shelves if key in keys]
    states = {shelf.state for shelf in found}
    reasons = [reason for shelf in found for reason in _reasons(shelf, phrases)]
    return Section(
        name,
        states.pop() if len(states) == 1 else State.PARTIAL,
        reasons=tuple(dict.fromkeys(reasons)),
        notes=tuple(_notes(found, phrases)),
        count=found[0].count if len(found) == 1 else _together([shelf.count for shelf in found]),
        refused=tuple([one for shelf in found for one in shelf.refused]),
        may_hide=any(shelf.may_hide for shelf in found),
    )


def _notes(shelves: Iterable[Shelf], phrases: Phrases) -> Iterator[str]:
    """What is odd, and leaves nothing open."""
    if strangers := sum([shelf.another_patients for shelf in shelves]):
        yield phrases("record.another-patients", count=strangers)
    resources = [one for shelf in shelves for one in shelf.used.values()]
    if any(isinstance(one, r4.Patient) and one.is_replaced for one in resources):
        yield phrases("record.replaced")


def _together(counts: Iterable[Count]) -> Count:
    return Count(*[sum(part) for part in zip(*counts, strict=True)])


def _reasons(shelf: Shelf, phrases: Phrases) -> list[str]:
    key, told = shelf.reading.key, [*shelf.reading.faults.told, *shelf.faults.told]
    reasons = [phrases(f"record.{fault.value}", key=key, where=where) for fault, where in told]
    more = shelf.reading.faults.more + shelf.faults.more
    return [*reasons, phrases("record.more", count=more)] if more else reasons
