"""In which phase of care is which advice given unasked? (Y-1)

On opening a chart, and at admission, the phase of care decides beside the rule: one table says what is said,
what is worth saying seldom, and what only while it is news. Who orders or books decides anew, so that there
every rule speaks in every phase.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from service.facts.board import is_discussed
from service.facts.patient import Patient
from service.facts.phase import Phase, course, phase
from service.facts.words import on_day
from service.fhir.dates import Moment
from service.fhir.r4 import (
    Composition,
    Condition,
    DiagnosticReport,
    DocumentReference,
    ImagingStudy,
    Observation,
)
from service.hook_names import ENCOUNTER_START, PATIENT_VIEW
from service.rules.base import Answer, Answers, Care, Fires, Rule, Silent


def decided(rule: Rule, patient: Patient) -> Answers:
    """The rule's decision, as far as the phase of care lets it speak unasked."""
    answers = rule.decide(patient)
    if patient.hook not in (PATIENT_VIEW, ENCOUNTER_START):
        return answers
    several = answers if isinstance(answers, tuple) else (answers,)
    said = [one if isinstance(one, Silent) else _in_phase(rule, one, patient) for one in several]
    return tuple([one for one in said if isinstance(one, Fires)]) or said[0]


def _in_phase(rule: Rule, fires: Fires, patient: Patient) -> Answer:
    care = rule.cares.get(fires.wording, rule.care)
    return TABLE[care][phase(patient)](fires, patient)


Speaks = Callable[[Fires, Patient], Answer]
"""What becomes of advice in one phase of care."""


def _yes(fires: Fires, _patient: Patient) -> Answer:
    return fires


def _seldom(fires: Fires, _patient: Patient) -> Answer:
    return replace(fires, is_seldom=True)


def _no(_fires: Fires, patient: Patient) -> Answer:
    """The reason is the phase itself, with what shows it."""
    found = course(patient)
    if found.phase in (Phase.SURVEILLANCE, Phase.RESECTED) and found.resected:
        return Silent(f"phase-{found.phase.value}", {"when": on_day(found.resected.moment, patient)})
    shown = found.progression.evidence if found.progression else found.watched
    shown = found.systemic[0].evidence if found.systemic and not found.progression else shown
    return Silent(f"phase-{found.phase.value}", {"says": shown.says if shown else ""})


def _on_news(fires: Fires, patient: Patient) -> Answer:
    newest, most = _newest_fact(fires, patient), patient.defaults.news_days
    is_new = newest is not None and newest.days_before(patient.now) <= most
    return fires if is_new else Silent("no-news", {"days": f"{most:g}"})


def _until_discussed(fires: Fires, patient: Patient) -> Answer:
    return Silent("discussed-since") if is_discussed(patient) else fires


def _seldom_once_discussed(fires: Fires, patient: Patient) -> Answer:
    """What a board need not have decided is said all the same, though not at every opening."""
    return _seldom(fires, patient) if is_discussed(patient) else fires


def _news_until_discussed(fires: Fires, patient: Patient) -> Answer:
    said = _until_discussed(fires, patient)
    return _on_news(said, patient) if isinstance(said, Fires) else said


_TELLING = (Observation, DiagnosticReport, ImagingStudy, DocumentReference, Composition, Condition)
"""What can be news. An order is none: it is renewed, and the disease is the same."""


def _newest_fact(fires: Fires, patient: Patient) -> Moment | None:
    """The newest date of what the answer rests on; what has no date cannot be news."""
    shown = {one.reference for one in fires.evidence}
    told = [one for kind in _TELLING for one in patient.record.of(kind) if one.reference in shown]
    return max((moment for one in told if (moment := one.happened())), default=None)


def _row(
    *, initial: Speaks, progression: Speaks, treatment: Speaks, surveillance: Speaks, unclear: Speaks
) -> Mapping[Phase, Speaks]:
    """A resection without a word on what is left behaves as surveillance."""
    return {
        Phase.INITIAL: initial,
        Phase.PROGRESSION: progression,
        Phase.TREATMENT: treatment,
        Phase.SURVEILLANCE: surveillance,
        Phase.RESECTED: surveillance,
        Phase.UNCLEAR: unclear,
    }


TABLE: Mapping[Care, Mapping[Phase, Speaks]] = {
    Care.ALWAYS: _row(initial=_yes, progression=_yes, treatment=_yes, surveillance=_yes, unclear=_yes),
    Care.PRECAUTION: _row(
        initial=_yes, progression=_yes, treatment=_seldom, surveillance=_no, unclear=_seldom
    ),
    Care.EXTENT: _row(initial=_yes, progression=_yes, treatment=_seldom, surveillance=_yes, unclear=_seldom),
    Care.NEVER_DONE: _row(
        initial=_yes, progression=_yes, treatment=_seldom, surveillance=_no, unclear=_seldom
    ),
    Care.WORKUP: _row(initial=_yes, progression=_yes, treatment=_no, surveillance=_no, unclear=_seldom),
    Care.CURE: _row(initial=_until_discussed, progression=_no, treatment=_no, surveillance=_no, unclear=_no),
    Care.PATHWAY: _row(
        initial=_until_discussed,
        progression=_until_discussed,
        treatment=_no,
        surveillance=_no,
        unclear=_seldom,
    ),
    Care.SYSTEMIC: _row(
        initial=_seldom_once_discussed,
        progression=_seldom_once_discussed,
        treatment=_no,
        surveillance=_no,
        unclear=_seldom,
    ),
    Care.SYMPTOMS: _row(
        initial=_until_discussed,
        progression=_until_discussed,
        treatment=_news_until_discussed,
        surveillance=_no,
        unclear=_seldom,
    ),
    Care.MEANING: _row(
        initial=_yes, progression=_yes, treatment=_on_news, surveillance=_on_news, unclear=_yes
    ),
    Care.FOLLOW_UP: _row(initial=_no, progression=_no, treatment=_no, surveillance=_yes, unclear=_no),
}
"""What each kind of advice does in each phase of care, on opening a chart and at admission."""

_JOINS_WORKUP = (Care.NEVER_DONE, Care.WORKUP)


def group_of(rule: Rule, patient: Patient) -> str:
    """The grouped card that a rule joins; empty where it has one of its own.

    The pathway is one card on patient-view; while ordering, each of its rules speaks for itself. Where the
    course is unclear the whole work-up is one card.
    """
    if patient.hook != PATIENT_VIEW:
        return "" if rule.group == "pathway" else rule.group
    is_joined = rule.care in _JOINS_WORKUP and phase(patient) is Phase.UNCLEAR
    return "workup" if is_joined else rule.group
