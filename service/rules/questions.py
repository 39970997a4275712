"""Questions that several rules ask of the facts."""

from __future__ import annotations

from collections.abc import Iterable

from service.facts.decision import TreatmentKind, TreatmentOrder, treatment_orders
from service.facts.item import Availability, Item
from service.facts.operability import operability
from service.facts.operations import planned_resections, primary_resection
from service.facts.patient import Patient
from service.facts.plan import PlannedAct
from service.facts.size import is_low_yield_by_name, size_mm
from service.facts.spread import spread
from service.facts.tumour import tumour
from service.fhir.evidence import Evidence
from service.hook_names import ORDER_HOOKS
from service.rules.base import Fires, Silent


def nothing_to_decide(patient: Patient) -> Silent | None:
    """While ordering, work-up gaps matter only if a treatment is among the orders."""
    if patient.hook in ORDER_HOOKS and not treatment_orders(patient):
        return Silent("no-treatment-ordered")
    return None


def settled(item: Item) -> Silent | None:
    """A test that is current, ordered or declined needs no card."""
    if item.is_settled:
        return Silent(item.availability.value, {"because": item.because})
    return None


def old(item: Item, before: TreatmentOrder | None = None) -> Fires | None:
    """A test that was done, though not lately: said with its date, and louder before a treatment."""
    if item.availability is not Availability.OLD or item.moment is None:
        return None
    values = {"date": item.moment.day, "older": item.older, "result": item.result}
    if before is None:
        return Fires("old", values, item.evidence)
    evidence = all_evidence(before.evidence, item.evidence)
    return Fires("old-before-treatment", values | {"treatment": before.name}, evidence)


def irreversible_treatment(patient: Patient) -> TreatmentOrder | None:
    """The first treatment being ordered for a confirmed tumour that cannot be taken back."""
    found = (order for order in treatment_orders(patient) if order.is_irreversible)
    return next(found, None) if tumour(patient).is_confirmed else None


def is_low_yield(patient: Patient) -> bool:
    """Tiny appendiceal and rectal tumours and gastric type 1: imaging and markers find little.

    With nodes or metastases on record the size of the primary says nothing of that kind.
    """
    extent, size = spread(patient), size_mm(patient)
    if extent.may_be_metastatic or extent.has_nodes:
        return False
    if tumour(patient).site in _TINY_AT:
        return size is not None and size < patient.defaults.small_tumour_mm
    return is_low_yield_by_name(patient)


def where_size_stands(patient: Patient) -> tuple[str, ...]:
    """The section that could tell that the tumour is tiny, where its site makes that matter."""
    is_open = tumour(patient).site in _TINY_AT and size_mm(patient) is None
    return ("observations",) if is_open else ()


_TINY_AT = ("appendix", "rectum")


def not_advanced(patient: Patient) -> Silent | None:
    """Why a drug against the whole disease is not yet the question: it is not spread, or can be resected."""
    is_metastatic, stated = spread(patient).is_metastatic, operability(patient)
    if tumour(patient).is_benign:
        return Silent("benign")
    if not is_metastatic and stated.unresectable is None:
        return Silent("neither-metastatic-nor-unresectable")
    if not is_metastatic and primary_resection(patient):
        return Silent("resected")
    if planned_resections(patient):
        return Silent("resection-planned")
    return Silent("resectable", {"says": stated.resectable.says}) if stated.resectable else None


def treatment_before(patient: Patient, *kinds: TreatmentKind) -> TreatmentOrder | None:
    """The first treatment being ordered, of these kinds (any kind where none is named)."""
    found = (order for order in treatment_orders(patient) if not kinds or order.kind in kinds)
    return next(found, None)


def all_evidence(*groups: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Several groups of evidence as one, each entry once."""
    return tuple(dict.fromkeys([evidence for group in groups for evidence in group]))


def is_for_this_admission(act: PlannedAct, patient: Patient) -> bool:
    """Whether an act is so near that the admission is for it; one without a date may be."""
    days = -act.starts.days_before(patient.now) if act.starts else 0
    return days <= patient.defaults.admission_procedure_days
