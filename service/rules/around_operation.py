"""What the rules on peri-operative drugs ask alike: whose drugs, and around which operation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.facts import Facts
from service.facts.perioperative import OrderedDrug
from service.fhir.evidence import Evidence
from service.rules.base import NotAssessed, Silent
from service.rules.questions import all_evidence, unread


def unlikely_function(facts: Facts) -> Silent | None:
    """Peri-operative drugs matter where carcinoid syndrome is confirmed or probable."""
    if facts.function.is_likely:
        return None
    return Silent(f"carcinoid syndrome is not confirmed or probable ({facts.function.why})")


def around_operation(
    ordered: Iterable[OrderedDrug], facts: Facts
) -> tuple[OrderedDrug, ...] | Silent | NotAssessed:
    """The drugs that are ordered around an operation; why there are none."""
    near = tuple(one for one in ordered if one.act is not None)
    if near:
        return near
    return unread(facts, "orders", "appointments") or Silent(
        "no operation is planned within the time around the order"
    )


def names_around(ordered: Sequence[OrderedDrug], facts: Facts) -> tuple[dict[str, str], tuple[Evidence, ...]]:
    """The drugs by name and the operation that the first of them is ordered around, with the evidence."""
    names = list(dict.fromkeys(one.drug.name for one in ordered))
    acts = [one.act for one in ordered if one.act is not None]
    values = {
        "drugs": " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))),
        "procedure": acts[0].name,
        "when": acts[0].when,
    }
    evidence = all_evidence((one.drug.evidence for one in ordered), acts[0].evidence, facts.function.evidence)
    return values, evidence
