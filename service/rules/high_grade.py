"""N-20: above 20 % the tumour is high grade; only morphology says which disease.

Words: ``cards/high-grade.md``.
"""

from __future__ import annotations

import re

from service.facts import Facts
from service.facts.proliferation import Grade
from service.facts.tumour import Differentiation
from service.fhir.reading import words
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import is_ordered, treatment_before

_GRADE_3 = re.compile(r"\b(?:G\s*3|grade\s*(?:3|III))\b", re.IGNORECASE)


def decide(facts: Facts) -> Answer:
    """Name the high grade and ask for the differentiation; never a diagnosis from Ki-67 alone."""
    found = facts.proliferation
    if found.alert_grade is not Grade.G3:
        return Silent("no Ki-67 or mitotic count is above the limit of G3")
    if _is_coded_as_such(facts):
        return Silent("the high grade is part of the diagnosis on record")
    values = {
        "value": "; ".join(
            count.shown for count in found.counts if (count.grade or count.alert_grade) is Grade.G3
        )
    }
    values["differentiation"] = facts.tumour.differentiation.value
    if facts.tumour.differentiation is Differentiation.WELL:
        return Fires("stated", values, found.evidence)
    treatment = treatment_before(facts)
    ambiguous = facts.tumour.differentiation is Differentiation.AMBIGUOUS
    wording = "ambiguous" if ambiguous else "not-stated"
    if treatment is None:
        return Fires(wording, values, found.evidence, _omitted(facts))
    values["treatment"] = treatment.name
    evidence = (*found.evidence, *treatment.evidence)
    return Fires(f"{wording}-before-treatment", values, evidence, _omitted(facts))


def _omitted(facts: Facts) -> frozenset[str]:
    """No second review; until it has an answer the card stays."""
    return frozenset({"pathology-review"} if is_ordered(facts, "pathology-review") else ())


def _is_coded_as_such(facts: Facts) -> bool:
    """Poor differentiation is coded, or the well differentiated tumour's name says grade 3."""
    if facts.tumour.is_poorly_differentiated:
        return True
    names = (words(primary.condition.get("code")) for primary in facts.tumour.primaries)
    return facts.tumour.differentiation is Differentiation.WELL and any(
        _GRADE_3.search(name) for name in names
    )


RULE = Rule(
    id="high-grade",
    hooks=frozenset({"patient-view", "order-sign"}),
    scope=Scope.TREATMENT,
    decide=decide,
    holes=frozenset({"value", "differentiation", "treatment"}),
)
