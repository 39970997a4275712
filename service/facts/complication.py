"""Does the primary block the bowel, starve it or bleed?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.facts.tumour import describe_condition, is_in_force, verification
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, reference
from service.fhir.record import Record


@dataclass(frozen=True, slots=True)
class Complication:
    """One Condition; ``what`` is obstruction, ischaemia or bleeding."""

    what: str
    is_confirmed: bool
    evidence: Evidence


def read_complications(record: Record, *, now: datetime) -> tuple[Complication, ...]:
    """Conditions in force, the confirmed ones first."""
    found = [
        Complication(
            what=_what(condition, record),
            is_confirmed=verification(condition) == "confirmed",
            evidence=Evidence(reference(condition), describe_condition(condition)),
        )
        for condition in record.about("Condition", "primary-complication", "obstruction", "bleeding")
        if is_in_force(condition, now=now)
    ]
    return tuple(sorted(found, key=lambda one: not one.is_confirmed))


def _what(condition: Resource, record: Record) -> str:
    rows = record.rows(condition, "primary-complication")
    if rows:
        return rows[0].get("role")
    return "bleeding" if record.is_named(condition, "bleeding") else "obstruction"
