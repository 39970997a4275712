"""Is there a gallbladder that could be removed at the same operation, and does it hold stones? (F-9)"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from service.facts.context import Context
from service.facts.defaults import Defaults
from service.facts.orders import find_order
from service.facts.plan import Plan
from service.facts.status import is_done
from service.facts.tumour import describe_condition, is_in_force, verification
from service.fhir import dates
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, label, reference, string
from service.fhir.record import Record


class Gallbladder(Enum):
    """Where the gallbladder stands. Without any sign of its removal it is taken to be there."""

    PRESENT = "present"
    ABSENT = "removed"
    REMOVAL_PLANNED = "to be removed"
    REMOVAL_DECLINED = "removal declined"
    DISCUSSED = "removal discussed"


@dataclass(frozen=True, slots=True)
class Biliary:
    """The answer to F-9; ``stones`` are the conditions that name gallstones (X-7)."""

    gallbladder: Gallbladder
    why: str
    stones: tuple[Evidence, ...] = ()


def read_biliary(
    record: Record, context: Context, plan: Plan, *, now: datetime, defaults: Defaults
) -> Biliary:
    """Read earlier operations, histories, planned operations, refusals and notes."""
    state, why = _state(record, context, plan, now=now, defaults=defaults)
    return Biliary(state, why, tuple(_stones(record, now=now)))


def _state(
    record: Record, context: Context, plan: Plan, *, now: datetime, defaults: Defaults
) -> tuple[Gallbladder, str]:
    if absent := next(_signs_of_absence(record), None):
        return Gallbladder.ABSENT, f"the gallbladder was removed: {absent}"
    if act := next((act for act in plan.every if _removes_gallbladder(act.resource, record)), None):
        return Gallbladder.REMOVAL_PLANNED, f"{act.name} removes the gallbladder"
    order = find_order(
        record, context, lambda one: _removes_gallbladder(one, record), now=now, defaults=defaults
    )
    if order is not None:
        state = Gallbladder.REMOVAL_DECLINED if order.is_refusal else Gallbladder.REMOVAL_PLANNED
        return state, f"cholecystectomy: {order.says}"
    if any(_is_discussed(one, record) for one in (*_notes(record), *context.drafts)):
        return Gallbladder.DISCUSSED, "a note on record discusses the gallbladder"
    return Gallbladder.PRESENT, "nothing on record says that the gallbladder was removed"


def _signs_of_absence(record: Record) -> Iterator[str]:
    for procedure in record.of("Procedure"):
        if is_done(procedure) and _removes_gallbladder(procedure, record):
            yield f"{label(procedure.get('code'))} {dates.shown(dates.happened(procedure))}"
    for condition in record.of("Condition"):
        # What was removed stays removed: a history counts whatever its clinical status.
        is_stated = verification(condition) not in ("refuted", "entered-in-error")
        if is_stated and _says_absent(condition, record):
            yield describe_condition(condition)


def _says_absent(condition: Resource, record: Record) -> bool:
    """A code of absence; the code of any absent digestive organ only with words that name this one."""
    if record.has_row(condition, "cholecystectomy", roles=("history",)):
        return True
    if record.has_row(condition, "cholecystectomy", roles=("suggestive",)):
        return record.is_named(condition, "gallbladder") or record.finds(condition, "gallbladder")
    return record.is_named(condition, "gallbladder-absent")


def _removes_gallbladder(resource: Resource, record: Record) -> bool:
    """A cholecystectomy by code or name, or a pancreaticoduodenectomy, which takes it along."""
    return (
        record.has_row(resource, "cholecystectomy", roles=("procedure",))
        or record.has_row(resource, "resection-procedures", roles=("pancreaticoduodenectomy",))
        or record.is_named(resource, "cholecystectomy", "pancreaticoduodenectomy")
    )


def _notes(record: Record) -> Iterator[Resource]:
    for kind, statuses in (
        ("DocumentReference", ("current",)),
        ("CarePlan", ("active", "completed")),
        ("ServiceRequest", ("draft", "active", "on-hold")),
    ):
        yield from (one for one in record.of(kind) if string(one.get("status")) in statuses)


def _is_discussed(resource: Resource, record: Record) -> bool:
    return record.is_named(resource, "cholecystectomy") or record.finds(
        resource, "cholecystectomy", "gallbladder"
    )


def _stones(record: Record, *, now: datetime) -> Iterator[Evidence]:
    for condition in record.about("Condition", "gallstones"):
        if is_in_force(condition, now=now):
            yield Evidence(reference(condition), describe_condition(condition))
