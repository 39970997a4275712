"""What the rules on drugs around an operation ask alike: whose drugs, and around which operation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.facts.patient import Patient
from service.facts.perioperative import OrderedDrug
from service.facts.syndrome import function
from service.fhir.evidence import Evidence
from service.rules.base import Silent
from service.rules.questions import all_evidence


def function_not_likely(patient: Patient) -> Silent:
    """Octreotide cover and peri-operative drugs matter where carcinoid syndrome is confirmed or probable."""
    return Silent("function-not-likely", {"why": function(patient).why})


def around_operation(ordered: Iterable[OrderedDrug], patient: Patient) -> tuple[OrderedDrug, ...] | Silent:
    """The drugs that are ordered around an operation in carcinoid syndrome; why there are none."""
    if not function(patient).is_likely:
        return function_not_likely(patient)
    near = tuple([one for one in ordered if one.act is not None])
    return near or Silent("no-operation-around")


def names_around(
    ordered: Sequence[OrderedDrug], patient: Patient
) -> tuple[dict[str, str], tuple[Evidence, ...]]:
    """The drugs by name and the operation that the first of them is ordered around, with the evidence."""
    names = list(dict.fromkeys([one.drug.name for one in ordered]))
    act = next(one.act for one in ordered if one.act is not None)
    listed = [part for part in (", ".join(names[:-1]), names[-1]) if part]
    values = {"drugs": patient.phrases("list.and").join(listed), "procedure": act.name, "when": act.when}
    drugs = [one.drug.evidence for one in ordered]
    return values, all_evidence(drugs, act.evidence, function(patient).evidence)
