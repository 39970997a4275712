"""What is said of an operation: can it be done, and was something else decided?"""

from __future__ import annotations

from dataclasses import dataclass

from service.facts.statements import Statement, Statements
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


def read_operability(statements: Statements) -> Operability:
    """Read every statement."""
    against, for_it = statements.newest("unresectable"), statements.newest("resectable")
    is_overruled = _is_later(for_it, against)
    return Operability(
        unresectable=against.evidence("unresectable") if against and not is_overruled else None,
        resectable=for_it.evidence("resectable") if for_it and (is_overruled or not against) else None,
        borderline=_stated(statements, "borderline-resectable", "borderline resectable"),
        unfit=_stated(statements, "unfit", "unfit for an operation"),
        surveillance=_stated(statements, "surveillance", "surveillance"),
    )


def _is_later(first: Statement | None, second: Statement | None) -> bool:
    return first is not None and second is not None and first.order[0] > second.order[0]


def _stated(statements: Statements, word_list: str, what: str) -> Evidence | None:
    found = statements.newest(word_list)
    return found.evidence(what) if found else None
