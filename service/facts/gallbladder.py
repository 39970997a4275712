"""Is there a gallbladder that could be removed at the same operation, and does it hold stones? (F-9)"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from service.facts.orders import find_order
from service.facts.patient import Patient, fact
from service.facts.plan import plan
from service.facts.words import describe, on_day, stated
from service.fhir.evidence import Evidence
from service.fhir.r4 import CarePlan, Condition, DocumentReference, Procedure, Resource, ServiceRequest


class Gallbladder(Enum):
    """Where the gallbladder stands. Without any sign of its removal it is taken to be there."""

    PRESENT = "present"
    ABSENT = "removed"
    REMOVAL_PLANNED = "removal-planned"
    REMOVAL_ORDERED = "removal-ordered"
    REMOVAL_DECLINED = "removal-declined"
    DISCUSSED = "removal-discussed"


@dataclass(frozen=True, slots=True)
class Biliary:
    """The answer to F-9; ``says`` names what shows it, ``stones`` are the gallstones on record (X-7)."""

    gallbladder: Gallbladder
    says: str = ""
    stones: tuple[Evidence, ...] = ()


@fact
def biliary(patient: Patient) -> Biliary:
    """Earlier operations, histories, planned operations, refusals and notes."""
    gallbladder, says = _state(patient)
    return Biliary(gallbladder, says, tuple(_stones(patient)))


def _state(patient: Patient) -> tuple[Gallbladder, str]:
    if absent := next(_signs_of_absence(patient), None):
        return Gallbladder.ABSENT, absent
    if act := next((act for act in plan(patient).every if _removes_gallbladder(act.resource)), None):
        return Gallbladder.REMOVAL_PLANNED, act.name
    if order := find_order(patient, _removes_gallbladder):
        return (Gallbladder.REMOVAL_DECLINED if order.is_refusal else Gallbladder.REMOVAL_ORDERED), order.says
    if any(_is_discussed(one) for one in _notes(patient)):
        return Gallbladder.DISCUSSED, ""
    return Gallbladder.PRESENT, ""


def _signs_of_absence(patient: Patient) -> Iterator[str]:
    for procedure in patient.record.of(Procedure):
        if procedure.is_done and _removes_gallbladder(procedure):
            when = on_day(procedure.happened(), patient)
            yield patient.phrases("act.dated", name=procedure.label, when=when)
    for condition in patient.record.of(Condition):
        # What was removed stays removed: a history counts whatever its clinical status.
        if not condition.is_refuted and _says_absent(condition):
            yield describe(condition, patient)


def _says_absent(condition: Condition) -> bool:
    """A code of absence; the code of any absent digestive organ only with words that name this one."""
    about = condition.about
    if about.has_row("cholecystectomy", roles=("history",)):
        return True
    if about.has_row("cholecystectomy", roles=("suggestive",)):
        return about.mentions("gallbladder")
    return about.is_named("gallbladder-absent")


def _removes_gallbladder(resource: Resource) -> bool:
    """A cholecystectomy by code or name, or a pancreaticoduodenectomy, which takes it along."""
    return (
        resource.about.has_row("cholecystectomy", roles=("procedure",))
        or resource.about.has_row("resection-procedures", roles=("pancreaticoduodenectomy",))
        or resource.about.is_named("cholecystectomy-words", "pancreaticoduodenectomy")
    )


def _notes(patient: Patient) -> Iterator[Resource]:
    record = patient.record
    yield from (one for one in record.of(DocumentReference) if one.is_done)
    yield from (one for one in record.of(CarePlan) if one.is_done)
    yield from (one for one in record.of(ServiceRequest) if one.is_open)
    yield from record.drafts


def _is_discussed(resource: Resource) -> bool:
    return resource.about.says("cholecystectomy-words") or resource.about.finds("gallbladder")


def _stones(patient: Patient) -> Iterator[Evidence]:
    for condition in patient.record.about(Condition, "gallstones", "gallstones-words"):
        if condition.is_in_force(patient.now):
            yield stated(condition, patient)
