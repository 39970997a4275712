"""N-20: above 20 % the tumour is high grade; only morphology says which disease.

Words: ``cards/high-grade.md``.
"""

from __future__ import annotations

import re

from service.facts.grade import Grade, proliferation
from service.facts.orders import is_ordered
from service.facts.patient import Patient
from service.facts.tumour import Differentiation, differentiation_in_words, tumour
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import treatment_before

_GRADE_3 = re.compile(r"\b(?:G\s*3|grade\s*(?:3|III))\b", re.IGNORECASE)


def decide(patient: Patient) -> Answer:
    """Name the high grade and ask for the differentiation; never a diagnosis from Ki-67 alone."""
    found = proliferation(patient)
    if found.alert_grade is not Grade.G3:
        return Silent("not-high")
    if _is_coded_as_such(patient):
        return Silent("coded-so")
    if tumour(patient).differentiation is Differentiation.WELL:
        return Fires("stated", _values(patient), found.evidence)
    return _to_be_stated(patient)


def _to_be_stated(patient: Patient) -> Fires:
    """A warning only where a treatment is being ordered."""
    is_ambiguous = tumour(patient).differentiation is Differentiation.AMBIGUOUS
    wording, treatment = "ambiguous" if is_ambiguous else "not-stated", treatment_before(patient)
    values, evidence = _values(patient), proliferation(patient).evidence
    if treatment is not None:
        wording, values["treatment"] = f"{wording}-before-treatment", treatment.name
        evidence = (*evidence, *treatment.evidence)
    # No second review; until it has an answer the card stays.
    omitted = frozenset({"pathology-review"} if is_ordered(patient, "pathology-review") else ())
    return Fires(wording, values, evidence, omitted)


def _values(patient: Patient) -> dict[str, str]:
    counts = proliferation(patient).counts
    high = [count.shown for count in counts if (count.grade or count.alert_grade) is Grade.G3]
    return {"value": "; ".join(high), "differentiation": differentiation_in_words(patient)}


def _is_coded_as_such(patient: Patient) -> bool:
    """Poor differentiation is coded, or the well differentiated tumour's name says grade 3."""
    found = tumour(patient)
    if found.is_poorly_differentiated:
        return True
    names = (primary.condition.name for primary in found.primaries)
    return found.differentiation is Differentiation.WELL and any(_GRADE_3.search(name) for name in names)


RULE = Rule(
    id="high-grade",
    hooks=frozenset({"patient-view", "order-sign"}),
    scope=Scope.TREATMENT,
    care=Care.MEANING,
    decide=decide,
    holes=frozenset({"value", "differentiation", "treatment"}),
)
