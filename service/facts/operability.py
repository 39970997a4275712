"""What is said of an operation: can it be done, and was something else decided?"""

from __future__ import annotations

from dataclasses import dataclass

from service.facts.patient import Patient, fact
from service.facts.statements import newest_evidence, statements
from service.fhir.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Operability:
    """What is on record of each statement; None where nobody wrote it.

    Of ``unresectable`` and ``resectable`` only the later one stands.
    """

    unresectable: Evidence | None = None
    resectable: Evidence | None = None
    borderline: Evidence | None = None
    unfit: Evidence | None = None
    surveillance: Evidence | None = None


@fact
def operability(patient: Patient) -> Operability:
    """Read every statement."""
    against, for_it = newest_evidence("unresectable", patient), newest_evidence("resectable", patient)
    is_overruled = _is_later("resectable", "unresectable", patient)
    return Operability(
        unresectable=None if is_overruled else against,
        resectable=for_it if is_overruled or not against else None,
        borderline=newest_evidence("borderline-resectable", patient),
        unfit=newest_evidence("unfit", patient),
        surveillance=newest_evidence("surveillance", patient),
    )


def _is_later(first: str, second: str, patient: Patient) -> bool:
    """Whether the newest statement of one word list is later than the newest of another."""
    one, other = statements(patient).newest(first), statements(patient).newest(second)
    return one is not None and other is not None and one.order[0] > other.order[0]
