"""What speaks against treating the liver through its vessels, or against a radionuclide?

Diagnoses without a verified code are recognised by words (section 8 of the algorithm).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.facts.patient import Patient, fact
from service.facts.statements import newest_evidence
from service.facts.words import evidence, on_day, stated
from service.fhir import dates, quantities, r4
from service.fhir.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Precautions:
    """One entry per condition that matters; ``egfr`` is the newest result in mL/min/1.73 m2.

    ``pregnancy`` is said anywhere and at any time; ``current_pregnancy`` is a diagnosis of now.
    """

    liver_failure: Evidence | None = None
    portal_vein_thrombosis: Evidence | None = None
    biliary_anastomosis: Evidence | None = None
    marrow_failure: Evidence | None = None
    pregnancy: Evidence | None = None
    current_pregnancy: Evidence | None = None
    egfr: float | None = None


@fact
def precautions(patient: Patient) -> Precautions:
    """Read diagnoses, reports, earlier operations and kidney function."""
    return Precautions(
        liver_failure=newest_evidence("liver-failure", patient),
        portal_vein_thrombosis=newest_evidence("portal-vein-thrombosis", patient),
        biliary_anastomosis=_anastomosis(patient) or newest_evidence("biliary-anastomosis", patient),
        marrow_failure=newest_evidence("marrow-failure", patient),
        pregnancy=newest_evidence("pregnancy", patient),
        current_pregnancy=_current_pregnancy(patient),
        egfr=_newest_egfr(patient),
    )


def _current_pregnancy(patient: Patient) -> Evidence | None:
    """By the name of a Condition only: notes and reports speak of tests and of pregnancies to avoid.

    One without a date may be decades old, and a card that is silent for good does more harm than one
    that comes too often.
    """
    for condition in patient.record.about(r4.Condition, "pregnancy"):
        began = condition.since
        is_recent = began is not None and began.days_before(patient.now) <= patient.defaults.pregnancy_days
        if is_recent and condition.is_in_force(patient.now):
            return stated(condition, patient)
    return None


_JOINING = ("pancreaticoduodenectomy", "biliary-anastomosis")


def _anastomosis(patient: Patient) -> Evidence | None:
    """A pancreaticoduodenectomy joins the bile duct to the bowel; other operations by their names."""
    for procedure in patient.record.about(r4.Procedure, "resection-procedures", *_JOINING):
        if procedure.is_done and _joins(procedure):
            done = on_day(procedure.happened(), patient)
            return evidence(procedure, f"{r4.label(procedure.code)}, {done}")
    return None


def _joins(procedure: r4.Procedure) -> bool:
    about = procedure.about
    by_code = about.has_row("resection-procedures", roles=("pancreaticoduodenectomy",))
    return by_code or about.is_named(*_JOINING)


def _newest_egfr(patient: Patient) -> float | None:
    results = [
        (dates.order(one.happened()), _number(value))
        for one in patient.record.about(r4.Observation, "renal-function")
        if one.is_done and one.about.has_row("renal-function", roles=("egfr",))
        if (value := quantities.value_of(one)) is not None
    ]
    return max(results)[1] if results else None


def _number(value: quantities.Interval) -> float:
    """Laboratories print good results as ">60" or ">90": the number is then the lower end."""
    return value.high if value.high < math.inf else value.low
