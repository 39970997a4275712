"""N-17 and N-29: no Ki-67, no grade; F-10: an old one. Words: ``cards/ki67.md``."""

from __future__ import annotations

from dataclasses import replace

from service.facts.disease_status import Sign
from service.facts.grade import Grading, ki67_order, not_counted, proliferation, unread_report
from service.facts.patient import Patient
from service.facts.progression import progression
from service.facts.stated_grade import stated_grade
from service.facts.tissue import has_tissue
from service.facts.tumour import tumour
from service.facts.words import on_day
from service.fhir.evidence import Evidence
from service.hook_names import ORDER_SIGN, PATIENT_VIEW
from service.rules.base import Answer, Care, Fires, Rule, Scope, Silent
from service.rules.questions import nothing_to_decide, treatment_before


def decide(patient: Patient) -> Answer:
    """Ask for the Ki-67 index, or say why the one on record does not grade."""
    found, order = proliferation(patient), ki67_order(patient)
    if silent := nothing_to_decide(patient):
        return silent
    if found.grading is Grading.ON_ITS_WAY:
        return Silent("on-its-way")
    grown = _grown_since(patient)
    if found.grading is Grading.GRADED and found.ki67 and grown is None:
        reason = "old-and-not-grown" if _is_old(patient) else "on-record"
        return Silent(reason, {"count": found.ki67[0].says})
    if order is not None:
        return Silent("ki67-ordered", {"because": order.says})
    return _stale(grown, patient) if grown else _without_index(patient)


def _grown_since(patient: Patient) -> Sign | None:
    """F-10: of the same episode a Ki-67 counts at any age, so that age alone is no reason to ask."""
    found, newest = proliferation(patient), proliferation(patient).newest_ki67
    if found.grading is not Grading.GRADED or newest is None or found.is_on_its_way:
        return None
    return progression(patient).after(newest) if _is_old(patient) else None


def _is_old(patient: Patient) -> bool:
    """Whether the last count is so old that a recurrence or progression makes it doubtful."""
    newest = proliferation(patient).newest_ki67
    return newest is not None and newest.days_before(patient.now) > patient.defaults.ki67_stale_days


def _stale(grown: Sign, patient: Patient) -> Fires:
    """The tumour has come back or grown since the last count."""
    found, newest = proliferation(patient), proliferation(patient).newest_ki67
    values = {"date": newest.day if newest else "", "when": on_day(grown.moment, patient)}
    return Fires("stale", values, (*found.evidence, grown.evidence))


_WITHOUT_INDEX = {Grading.GRADED: "mitoses-only", Grading.NOT_GRADABLE: "not-gradable"}


def _without_index(patient: Patient) -> Answer:
    """A value that is no index of the tumour, else none at all."""
    found = proliferation(patient)
    if wording := _WITHOUT_INDEX.get(found.grading):
        return Fires(wording, {"value": found.counts[0].shown}, found.evidence)
    if unsure := found.unattributed:
        evidence = tuple([count.evidence for count in unsure])
        return Fires("unattributed", {"value": unsure[0].shown}, evidence)
    if report := unread_report(patient):
        says = patient.phrases("report.unread", when=report.when)
        return Fires("unread-report", {"when": report.when}, (Evidence(report.resource.reference, says),))
    treatment = treatment_before(patient) if tumour(patient).is_confirmed else None
    if treatment is not None:
        return _with_stated_grade(
            Fires("before-treatment", {"treatment": treatment.name}, treatment.evidence), patient
        )
    if found.grading is Grading.NO_RESULT:
        return Fires("no-result", evidence=found.evidence)
    missing = Fires("missing" if has_tissue(patient) else "no-tissue", evidence=not_counted(patient))
    return _with_stated_grade(missing, patient)


def _with_stated_grade(fires: Fires, patient: Patient) -> Fires:
    """With the grade that pathology states without an index; many reports do."""
    stated = stated_grade(patient)
    values = {**fires.values, "stated_grade": stated.says if stated else ""}
    return replace(fires, values=values, evidence=(*fires.evidence, *([stated] if stated else [])))


RULE = Rule(
    id="ki67",
    hooks=frozenset({PATIENT_VIEW, ORDER_SIGN}),
    scope=Scope.GRADING,
    care=Care.NEVER_DONE,
    decide=decide,
    cares={"stale": Care.WORKUP},
    holes=frozenset({"value", "treatment", "date", "when", "count", "because", "stated_grade"}),
    waits_in_emergency=True,
    with_several_primaries=True,
)
