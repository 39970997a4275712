"""Questions that several rules ask of the facts."""

from __future__ import annotations

from collections.abc import Iterable

from service.facts import Facts
from service.facts.decision import TreatmentKind, TreatmentOrder
from service.facts.workup import Availability, Item
from service.fhir.evidence import Evidence
from service.fhir.reading import notes, words
from service.rules.base import Silent

ORDER_HOOKS = ("order-select", "order-sign")


def nothing_to_decide(facts: Facts) -> Silent | None:
    """While ordering, work-up gaps matter only if a treatment is among the orders."""
    if facts.context.hook in ORDER_HOOKS and not facts.treatment_orders:
        return Silent("no treatment is being ordered")
    return None


def settled(item: Item) -> Silent | None:
    """A test that is current, ordered or declined needs no card."""
    if item.availability in (Availability.CURRENT, Availability.ORDERED, Availability.DECLINED):
        return Silent(item.because)
    return None


def is_low_yield(facts: Facts) -> bool:
    """Tiny appendiceal and rectal tumours and gastric type 1: imaging and markers find little."""
    size = facts.workup.size_mm
    if facts.tumour.site in ("appendix", "rectum"):
        return size is not None and size < facts.defaults.small_tumour_mm
    texts = [
        text
        for primary in facts.tumour.primaries
        for text in (words(primary.condition.get("code")), notes(primary.condition))
    ]
    return facts.record.terminology.says("low-yield-primary", *texts)


def treatment_before(facts: Facts, *kinds: TreatmentKind) -> TreatmentOrder | None:
    """The first treatment being ordered, of these kinds (any kind where none is named)."""
    wanted = (order for order in facts.treatment_orders if not kinds or order.kind in kinds)
    return next(wanted, None)


def all_evidence(*groups: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Several groups of evidence as one, each entry once."""
    return tuple(dict.fromkeys(evidence for group in groups for evidence in group))
