"""X-4: values on record that contradict each other; none is dropped. Words: ``cards/discordant-grade.md``."""

from __future__ import annotations

from service.facts.grade import Grade, proliferation
from service.facts.patient import Patient
from service.facts.spread import spread
from service.facts.tumour import Differentiation, differentiation_in_words, is_called_poor, tumour
from service.facts.words import describe
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import all_evidence


def decide(patient: Patient) -> Answer:
    """The first contradiction found, with everything that it rests on."""
    wording = _contradiction(patient)
    if wording is None:
        return Silent("no-contradiction")
    evidence = all_evidence(proliferation(patient).evidence, spread(patient).evidence)
    return Fires(wording, _values(patient), evidence)


def _values(patient: Patient) -> dict[str, str]:
    coded = [one.condition for one in tumour(patient).primaries if not one.is_metastasis]
    return {
        "values": "; ".join(count.says for count in proliferation(patient).counts),
        "code": "; ".join(describe(one, patient) for one in coded),
        "spread": "; ".join(one.says for one in spread(patient).evidence),
        "differentiation": differentiation_in_words(patient),
    }


def _contradiction(patient: Patient) -> str | None:
    if _is_benign_and_spread(patient):
        return "benign-metastasis"
    if _is_poor_and_low(patient):
        return "poor-low"
    if _is_well_and_high(patient):
        return "well-high"
    if proliferation(patient).is_discordant:
        return "specimens"
    return "differentiation" if _has_both_differentiations(patient) else None


def _is_benign_and_spread(patient: Patient) -> bool:
    """Coded benign, and a metastasis that no other cancer may explain."""
    found = spread(patient)
    return (
        tumour(patient).is_benign and found.has_metastasis_code and (found.is_metastatic or found.has_nodes)
    )


def _is_poor_and_low(patient: Patient) -> bool:
    """Poorly differentiated, and every value on record grades G1 or G2."""
    grade = proliferation(patient).grade
    return tumour(patient).is_poorly_differentiated and grade is not None and grade < Grade.G3


def _is_well_and_high(patient: Patient) -> bool:
    """Coded as a carcinoid, and a Ki-67 that hardly any well differentiated tumour reaches."""
    limit = patient.defaults.discordant_ki67_percent
    return tumour(patient).differentiation is Differentiation.WELL and any(
        count.grade and count.interval and count.interval.is_above(limit)
        for count in proliferation(patient).ki67
    )


def _has_both_differentiations(patient: Patient) -> bool:
    """A code says poor and another, or the pathology, says well; or a report of pathology poor beside it."""
    coded = [primary.differentiation for primary in tumour(patient).primaries]
    reported = [Differentiation.POOR] if is_called_poor(patient) else []
    stated = {*coded, *reported, tumour(patient).differentiation}
    return stated >= {Differentiation.WELL, Differentiation.POOR}


RULE = Rule(
    id="discordant-grade",
    hooks=frozenset({"patient-view"}),
    scope=Scope.GRADING,
    care=Care.MEANING,
    decide=decide,
    holes=frozenset({"values", "code", "spread", "differentiation"}),
)
