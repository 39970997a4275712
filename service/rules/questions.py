"""Questions that several rules ask of the facts."""

from __future__ import annotations

from collections.abc import Iterable

from service.facts import Facts
from service.facts.decision import TreatmentKind, TreatmentOrder
from service.facts.extent import Extent
from service.facts.orders import find_order
from service.facts.plan import PlannedAct
from service.facts.workup import Availability, Item
from service.fhir.evidence import Evidence
from service.rules.base import Fires, NotAssessed, Silent

ORDER_HOOKS = ("order-select", "order-sign")


def nothing_to_decide(facts: Facts) -> Silent | None:
    """While ordering, work-up gaps matter only if a treatment is among the orders."""
    if facts.context.hook in ORDER_HOOKS and not facts.treatment_orders:
        return Silent("no treatment is being ordered")
    return None


_SETTLED = (Availability.CURRENT, Availability.ORDERED, Availability.DECLINED)


def settled(item: Item) -> Silent | None:
    """A test that is current, ordered or declined needs no card."""
    if item.availability in _SETTLED:
        return Silent(item.because)
    return None


def to_repeat(item: Item) -> Fires | None:
    """A test that was done long enough ago to ask whether to repeat it."""
    if item.is_stale and item.moment is not None:
        return Fires("stale", {"date": item.moment.day}, item.evidence)
    return None


def is_ordered(facts: Facts, word_list: str) -> bool:
    """Whether an order by this name is open or among the drafts: a suggestion that was accepted."""
    found = find_order(
        facts.record,
        facts.context,
        lambda one: facts.record.is_named(one, word_list),
        now=facts.now,
        defaults=facts.defaults,
    )
    return found is not None


def is_low_yield(facts: Facts) -> bool:
    """Tiny appendiceal and rectal tumours and gastric type 1: imaging and markers find little.

    With nodes or metastases on record the size of the primary says nothing of that kind.
    """
    if facts.spread.is_metastatic or facts.spread.extent is Extent.REGIONAL:
        return False
    size = facts.workup.size_mm
    if facts.tumour.site in ("appendix", "rectum"):
        return size is not None and size < facts.defaults.small_tumour_mm
    return facts.workup.is_low_yield_by_name


def treatment_before(facts: Facts, *kinds: TreatmentKind) -> TreatmentOrder | None:
    """The first treatment being ordered, of these kinds (any kind where none is named)."""
    for order in facts.treatment_orders:
        if not kinds or order.kind in kinds:
            return order
    return None


def all_evidence(*groups: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Several groups of evidence as one, each entry once."""
    return tuple(dict.fromkeys([evidence for group in groups for evidence in group]))


def without_liver_only_disease(facts: Facts) -> Silent | None:
    """Why the rules on liver metastases do not apply: other extent, other disease, or treated lately."""
    if facts.tumour.is_benign:
        return Silent("the tumour is coded as benign")
    if not facts.spread.is_liver_only:
        return Silent(f"the extent on record is: {facts.spread.extent.value}")
    if facts.tumour.is_poorly_differentiated:
        return Silent("the tumour is poorly differentiated")
    treated = facts.operations.liver_directed_lately
    if treated is not None:
        return Silent(f"liver-directed treatment is done or planned: {treated.name}")
    return None


def is_multifocal(facts: Facts) -> bool:
    """Many liver lesions by their number; by words only where no number is on record."""
    spread = facts.spread
    if spread.lesions is not None:
        return spread.lesions >= facts.defaults.many_liver_lesions
    return spread.is_multifocal and not spread.is_solitary


def is_solitary(facts: Facts) -> bool:
    """One liver lesion by number; by words only where no number is on record."""
    spread = facts.spread
    return (
        spread.lesions == 1 if spread.lesions is not None else spread.is_solitary and not spread.is_multifocal
    )


def unread(facts: Facts, *sections: str) -> NotAssessed | None:
    """The first of these sections that was not read completely, so that silence would be a guess."""
    for section in sections:
        if not facts.record.is_known(section):
            return NotAssessed(section, facts.record.why_not_known(section))
    return None


def number_of_lesions_unread(facts: Facts) -> NotAssessed | None:
    """Where nothing tells the number of liver lesions, whether that could be told at all."""
    spread = facts.spread
    if spread.lesions is not None or spread.is_multifocal or spread.is_solitary:
        return None
    return unread(facts, "observations", "imaging")


def lesions_in_words(facts: Facts) -> str:
    """What is on record of the number of liver lesions."""
    spread = facts.spread
    if spread.lesions is not None:
        return f"number of lesions: {spread.lesions:g}"
    if is_multifocal(facts) or is_solitary(facts):
        return f"called {'multifocal or diffuse' if is_multifocal(facts) else 'solitary'}"
    if number_of_lesions_unread(facts):
        return "number of lesions could not be read"
    return "number of lesions not recorded"


def is_for_this_admission(act: PlannedAct, facts: Facts) -> bool:
    """Whether an act is so near that the admission is for it; one without a date may be."""
    days = -act.starts.days_before(facts.now) if act.starts else 0
    return days <= facts.defaults.admission_procedure_days
