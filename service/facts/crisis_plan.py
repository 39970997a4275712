"""Is there already a plan against a carcinoid crisis? (F-8)"""

from __future__ import annotations

from service.facts.patient import Patient
from service.fhir.r4 import CarePlan, Flag


def has_crisis_plan(patient: Patient) -> bool:
    """An active safety Flag, or a CarePlan that asks for octreotide cover."""
    flags = [one for one in patient.record.of(Flag) if one.is_done]
    plans = [one for one in patient.record.of(CarePlan) if one.is_to_follow]
    is_flagged = any(one.about.is_named("carcinoid-crisis-flag") for one in flags)
    return is_flagged or any(one.about.says("octreotide-plan") for one in plans)
