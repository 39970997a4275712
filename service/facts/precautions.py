"""What speaks against treating the liver through its vessels, or against a radionuclide?

Diagnoses without a verified code are recognised by words (section 8 of the algorithm).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from service.facts.defaults import Defaults
from service.facts.statements import Statements
from service.facts.status import is_done
from service.facts.tumour import describe_condition, is_in_force
from service.fhir import dates, quantities
from service.fhir.evidence import Evidence
from service.fhir.reading import label, reference
from service.fhir.record import Record


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


def read_precautions(
    record: Record, statements: Statements, *, now: datetime, defaults: Defaults
) -> Precautions:
    """Read diagnoses, reports, earlier operations and kidney function."""
    return Precautions(
        liver_failure=_stated(statements, "liver-failure"),
        portal_vein_thrombosis=_stated(statements, "portal-vein-thrombosis"),
        biliary_anastomosis=_anastomosis(record) or _stated(statements, "biliary-anastomosis"),
        marrow_failure=_stated(statements, "marrow-failure"),
        pregnancy=_stated(statements, "pregnancy"),
        current_pregnancy=_current_pregnancy(record, now=now, days=defaults.pregnancy_days),
        egfr=_newest_egfr(record),
    )


def _stated(statements: Statements, word_list: str) -> Evidence | None:
    found = statements.newest(word_list)
    return found.evidence(word_list.replace("-", " ")) if found else None


def _current_pregnancy(record: Record, *, now: datetime, days: float) -> Evidence | None:
    """By the name of a Condition only: notes and reports speak of tests and of pregnancies to avoid.

    One without a date may be decades old, and a card that is silent for good does more harm than one
    that comes too often.
    """
    for condition in record.about("Condition", "pregnancy"):
        began = dates.first_recorded(condition)
        is_recent = began is not None and began.days_before(now) <= days
        if is_recent and is_in_force(condition, now=now):
            return Evidence(reference(condition), describe_condition(condition))
    return None


_JOINING = ("resection-procedures", "pancreaticoduodenectomy", "biliary-anastomosis")


def _anastomosis(record: Record) -> Evidence | None:
    """A pancreaticoduodenectomy joins the bile duct to the bowel; other operations by their names."""
    for procedure in record.about("Procedure", *_JOINING):
        joins = record.has_row(
            procedure, "resection-procedures", roles=("pancreaticoduodenectomy",)
        ) or record.is_named(procedure, "pancreaticoduodenectomy", "biliary-anastomosis")
        if joins and is_done(procedure):
            done = dates.shown(dates.happened(procedure))
            return Evidence(reference(procedure), f"{label(procedure.get('code'))}, {done}")
    return None


def _newest_egfr(record: Record) -> float | None:
    results: list[tuple[float, float]] = []
    for observation in record.about("Observation", "renal-function"):
        if not is_done(observation):
            continue
        if not record.has_row(observation, "renal-function", roles=("egfr",)):
            continue
        value, moment = quantities.value_of(observation), dates.happened(observation)
        if value is not None:
            # Laboratories print good results as ">60" or ">90": the number is then the lower end.
            number = value.high if value.high < math.inf else value.low
            results.append((moment.instant.timestamp() if moment else 0.0, number))
    return max(results)[1] if results else None
