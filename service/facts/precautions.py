"""What speaks against treating the liver through its vessels, or against a radionuclide?

Diagnoses without a verified code are recognised by words (section 8 of the algorithm).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from service.facts.patient import Patient, fact
from service.facts.statements import newest_evidence
from service.facts.words import evidence, on_day, stated
from service.fhir import dates, quantities, r4
from service.fhir.about import About
from service.fhir.context import Assertion
from service.fhir.dates import Moment
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
        pregnancy=newest_evidence("pregnancy", patient) or _current_pregnancy(patient),
        current_pregnancy=_current_pregnancy(patient),
        egfr=newest.value if (newest := newest_egfr(patient)) else None,
    )


@fact
def _current_pregnancy(patient: Patient) -> Evidence | None:
    """The newest sign of a pregnancy, unless a later one says that there is none, or none any more.

    One without a date may be decades old, and a card that is silent for good does more harm than one
    that comes too often.
    """
    moment, is_pregnant, says = max(
        _signs_of_pregnancy(patient), key=lambda one: dates.order(one[0]), default=_NONE
    )
    is_recent = moment is not None and moment.days_before(patient.now) <= patient.defaults.pregnancy_days
    return says if is_pregnant and is_recent else None


_Sign = tuple[Moment | None, bool, Evidence | None]
_NONE: _Sign = (None, False, None)


def _signs_of_pregnancy(patient: Patient) -> Iterator[_Sign]:
    """Diagnoses and the pregnancy status; notes and reports speak of tests and of pregnancies to avoid."""
    for condition in patient.record.about(r4.Condition, _PREGNANT, _PREGNANCY_CODES):
        told = _told_of_pregnancy(condition.about)
        if told is not None and condition.is_in_force(patient.now):
            yield condition.since, told, stated(condition, patient)
    for result in patient.record.about(r4.Observation, "pregnancy-status"):
        told = _told_of_pregnancy(patient.terminology.about_concept(result.value_codeable_concept))
        if told is not None and result.is_done and not dates.is_in_future(result.happened(), patient.now):
            says = f"{r4.label(result.value_codeable_concept)}, {on_day(result.happened(), patient)}"
            yield result.happened(), told, evidence(result, says)


_PREGNANT, _PREGNANCY_CODES = "pregnancy", "pregnancy-codes"


def _told_of_pregnancy(about: About) -> bool | None:
    """Pregnant or not, by a code, else by asserted or denied words; None where it says neither."""
    if rows := about.rows(_PREGNANCY_CODES):
        return all(row.get("role") == "pregnant" for row in rows)
    return {Assertion.ASSERTED: True, Assertion.NEGATED: False}.get(
        about.says_of(_PREGNANT) or Assertion.NOTHING
    )


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


@dataclass(frozen=True, slots=True)
class Filtration:
    """An estimated glomerular filtration rate in mL/min/1.73 m2, and the result that holds it."""

    value: float
    observation: r4.Observation


@fact
def newest_egfr(patient: Patient) -> Filtration | None:
    """The newest filtration rate; of two of one moment the higher."""
    results = [
        Filtration(_number(value), one)
        for one in patient.record.about(r4.Observation, "renal-function")
        if one.is_done and one.about.has_row("renal-function", roles=("egfr",))
        if (value := quantities.value_of(one)) is not None
    ]
    return max(results, key=lambda one: (dates.order(one.observation.happened()), one.value), default=None)


def _number(value: quantities.Interval) -> float:
    """Laboratories print good results as ">60" or ">90": the number is then the lower end."""
    return value.high if value.high < math.inf else value.low
