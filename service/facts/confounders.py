"""What besides the tumour could raise chromogranin A? (X-5)"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from service.facts.defaults import Defaults
from service.facts.precautions import Precautions
from service.facts.treatment import Drug, Treatment
from service.facts.tumour import describe_condition, is_in_force
from service.fhir.evidence import Evidence
from service.fhir.reading import label, reference
from service.fhir.record import Record


@dataclass(frozen=True, slots=True)
class Confounders:
    """Proton pump inhibitors in force, and the names of other confounders with what shows them."""

    inhibitors: tuple[Drug, ...] = ()
    others: tuple[str, ...] = ()
    other_evidence: tuple[Evidence, ...] = ()


def read_confounders(
    record: Record, treatment: Treatment, precautions: Precautions, *, now: datetime, defaults: Defaults
) -> Confounders:
    """Read drugs in force, kidney function and diagnoses."""
    diagnoses = dict(_diagnoses(record, now=now))
    filtration = precautions.egfr
    is_low = filtration is not None and filtration < defaults.egfr_low
    return Confounders(
        inhibitors=treatment.of("ppi", roles=("ppi",)),
        others=(*diagnoses.values(), *((f"eGFR {filtration:g} mL/min/1.73 m2",) if is_low else ())),
        other_evidence=tuple(diagnoses),
    )


def _diagnoses(record: Record, *, now: datetime) -> Iterator[tuple[Evidence, str]]:
    """Atrophic gastritis and kidney disease of any stage, as F-6 and X-5 name them."""
    for condition in record.about("Condition", "cga-confounders", "renal-function"):
        if is_in_force(condition, now=now):
            name = label(condition.get("code"))
            yield Evidence(reference(condition), describe_condition(condition)), name
