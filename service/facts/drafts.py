"""What the user is ordering or booking now, and which of it was just chosen.

https://cds-hooks.hl7.org/hooks/order-select/ (``draftOrders``, ``selections``) and
https://cds-hooks.hl7.org/hooks/appointment-book/ (``appointments``). Drafts need not be valid FHIR yet.
"""

from __future__ import annotations

from typing import TypeVar

from service.facts.patient import Patient, fact
from service.fhir.r4 import Resource
from service.fhir.references import type_and_id

_R = TypeVar("_R", bound=Resource)


def drafts(patient: Patient, kind: type[_R]) -> tuple[_R, ...]:
    """The drafts and the appointments being booked, of one type."""
    return tuple([one for one in patient.record.drafts if isinstance(one, kind)])


def is_selected(draft: Resource, patient: Patient) -> bool:
    """Whether a draft is what the user just chose; without a readable choice every draft is."""
    chosen = _chosen(patient)
    return not chosen or draft.reference in chosen


@fact
def _chosen(patient: Patient) -> frozenset[str]:
    """The references of the drafts that a selection means: ``Type/id``, an absolute URL, or a bare id."""
    meant = {type_and_id(one) for one in patient.selections}
    return frozenset(
        draft.reference
        for draft in patient.record.drafts
        if draft.id
        and not meant.isdisjoint(((draft.kind, draft.id), ("", draft.id), ("", f"urn:uuid:{draft.id}")))
    )
