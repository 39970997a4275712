"""Does the primary block the bowel, starve it or bleed?"""

from __future__ import annotations

from dataclasses import dataclass

from service.facts.patient import Patient, fact
from service.facts.words import stated
from service.fhir import r4
from service.fhir.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Complication:
    """One Condition; ``what`` is obstruction, ischaemia or bleeding, in words."""

    what: str
    is_confirmed: bool
    evidence: Evidence


@fact
def complications(patient: Patient) -> tuple[Complication, ...]:
    """Conditions in force, the confirmed ones first."""
    found = [
        Complication(
            what=patient.phrases(f"names.complication.{_what(condition)}"),
            is_confirmed=condition.verification == "confirmed",
            evidence=stated(condition, patient),
        )
        for condition in patient.record.about(r4.Condition, "primary-complication", "obstruction", "bleeding")
        if condition.is_in_force(patient.now)
    ]
    return tuple(sorted(found, key=lambda one: not one.is_confirmed))


def _what(condition: r4.Condition) -> str:
    """By its code, else by the words of its name."""
    rows = condition.about.rows("primary-complication")
    worded = "bleeding" if condition.about.is_named("bleeding") else "obstruction"
    return rows[0].get("role") if rows else worded
