"""X-4: values on record that contradict each other; none is dropped. Words: ``cards/discordant-grade.md``."""

from __future__ import annotations

from service.facts import Facts
from service.facts.extent import Extent
from service.facts.proliferation import Grade
from service.facts.tumour import Differentiation, describe_condition
from service.rules.base import Answer, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence

_SPREAD = (Extent.REGIONAL, Extent.LIVER_ONLY, Extent.LIVER_AND_BEYOND, Extent.BEYOND_LIVER)


def decide(facts: Facts) -> Answer:
    """The first contradiction found, with everything that it rests on."""
    wording = _contradiction(facts)
    if wording is None:
        return Silent("behaviour, differentiation and grade on record do not contradict each other")
    values = {
        "values": "; ".join(count.says for count in facts.proliferation.counts),
        "code": "; ".join(
            describe_condition(one.condition) for one in facts.tumour.primaries if not one.is_metastasis
        ),
        "spread": "; ".join(one.says for one in facts.spread.evidence),
        "differentiation": facts.tumour.differentiation.value,
    }
    evidence = all_evidence(facts.proliferation.evidence, facts.spread.evidence)
    return Fires(wording, values, evidence)


def _contradiction(facts: Facts) -> str | None:
    if facts.tumour.is_benign and facts.spread.has_metastasis_code and facts.spread.extent in _SPREAD:
        return "benign-metastasis"
    if _is_poor_and_low(facts):
        return "poor-low"
    if _is_well_and_high(facts):
        return "well-high"
    if facts.proliferation.is_discordant:
        return "specimens"
    return "differentiation" if _has_both_differentiations(facts) else None


def _is_poor_and_low(facts: Facts) -> bool:
    """Poorly differentiated, and every value on record grades G1 or G2."""
    grade = facts.proliferation.grade
    return facts.tumour.is_poorly_differentiated and grade is not None and grade < Grade.G3


def _is_well_and_high(facts: Facts) -> bool:
    """Coded as a carcinoid, and a Ki-67 that hardly any well differentiated tumour reaches."""
    limit = facts.defaults.discordant_ki67_percent
    return facts.tumour.differentiation is Differentiation.WELL and any(
        count.grade and count.interval and count.interval.is_above(limit)
        for count in facts.proliferation.ki67
    )


def _has_both_differentiations(facts: Facts) -> bool:
    """A code says poor and another, or the pathology, says well."""
    stated = [primary.differentiation for primary in facts.tumour.primaries]
    stated.append(facts.tumour.differentiation)
    return Differentiation.WELL in stated and Differentiation.POOR in stated


RULE = Rule(
    id="discordant-grade",
    hooks=frozenset({"patient-view"}),
    scope=Scope.GRADING,
    decide=decide,
    holes=frozenset({"values", "code", "spread", "differentiation"}),
)
