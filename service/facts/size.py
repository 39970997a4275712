"""How large is the primary, and is it of a kind in which imaging and markers find little?"""

from __future__ import annotations

import math

from service.facts.patient import Patient, fact
from service.facts.tumour import tumour
from service.fhir import dates, quantities, r4

_MILLIMETRES = {"mm": 1.0, "cm": 10.0}


@fact
def size_mm(patient: Patient) -> float | None:
    """The newest measured size of the primary in millimetres; the upper end where a range is given."""
    sizes = [
        (dates.order(one.happened()), value.high * _MILLIMETRES[value.unit])
        for one in patient.record.about(r4.Observation, "tumour-size", "tumour-size-words")
        if one.is_done
        if (value := quantities.value_of(one)) and value.unit in _MILLIMETRES and value.high < math.inf
    ]
    return max(sizes)[1] if sizes else None


@fact
def is_low_yield_by_name(patient: Patient) -> bool:
    """Whether a diagnosis or a report names it as one in which they find little (gastric type 1)."""
    conditions = (primary.condition for primary in tumour(patient).primaries)
    if any(one.about.says("low-yield-primary") for one in conditions):
        return True
    reports = patient.record.of(r4.DiagnosticReport) if tumour(patient).site == "stomach" else ()
    return any(one.is_done and one.about.finds("low-yield-primary") for one in reports)
