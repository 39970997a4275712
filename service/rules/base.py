"""What a rule is, and the answers it can give.

A rule always answers with a reason: it fires, or it is silent because ... A rule decides; the words, the
numbers and the codes are in ``cards/<rule-id>.md``. What its words rest on stands there too: the engine
shows no wording, and trusts no silence, that rests on a section of the record which could not be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

from service.facts.patient import Patient
from service.facts.person import person
from service.facts.plan import plan
from service.facts.syndrome import function
from service.facts.tumour import Differentiation, site_in_words, tumour
from service.fhir.evidence import Evidence
from service.hook_names import (
    APPOINTMENT_BOOK,
    ENCOUNTER_DISCHARGE,
    ENCOUNTER_START,
    ORDER_SIGN,
    PATIENT_VIEW,
)


@dataclass(frozen=True, slots=True)
class Fires:
    """The card is shown, in the wording named, with these values in its holes.

    ``omit`` names suggestions of the card that make no sense here, such as a test that was done.
    ``also_rests_on`` names sections that matter for this patient and not for everybody in this wording;
    while one is not known, the rule is not assessed. ``is_at_most_warning`` answers are never critical.
    ``is_seldom`` advice is worth saying once in a long time for a patient, whoever looks: the phase of care
    sets it. ``facts`` (what the answer rests on, as text) and ``reported`` (what clinicians said of it
    earlier, in words) are for the engine to fill in.
    """

    wording: str
    values: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    omit: frozenset[str] = frozenset()
    also_rests_on: tuple[str, ...] = ()
    is_at_most_warning: bool = False
    is_seldom: bool = False
    facts: str = ""
    reported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Silent:
    """No card; ``because`` names the reason among ``silent`` of the card or of ``cards/common.md``."""

    because: str
    values: Mapping[str, str] = field(default_factory=dict)


Answer: TypeAlias = Fires | Silent
Answers: TypeAlias = Answer | tuple[Fires, ...]
"""A rule on procedures fires once for each of them."""


class Scope(Enum):
    """For whom a rule is meant; checked before the rule is asked."""

    SAFETY = "any neuroendocrine tumour, or carcinoid syndrome without one on record"
    WORKUP = "any neuroendocrine tumour, suspected ones included"
    GRADING = "a gastroenteropancreatic tumour, suspected ones included"
    TREATMENT = "a confirmed gastroenteropancreatic tumour"


class Situation(Enum):
    """A person for whom most rules are silent; a rule names those in whom it speaks all the same (Y-10)."""

    COMFORT_CARE = "an order or a booking in care that is limited to comfort"
    PALLIATIVE_CARE = "the chart being opened in palliative care"


class Care(Enum):
    """What advice is for; :mod:`service.rules.phases` says in which phases of care it is given unasked."""

    ALWAYS = "safety, and what is asked only while ordering"
    PRECAUTION = "octreotide cover to be planned before an operation is"
    NEVER_DONE = "receptors and grade that were never determined"
    WORKUP = "the other parts of the work-up, and what is old"
    CURE = "removal of the tumour for cure"
    PATHWAY = "the options of treatment"
    SYSTEMIC = "the choice of a systemic treatment, which a board note need not have made"
    SYMPTOMS = "the options against symptoms under treatment"
    MEANING = "what a result on record means, or what contradicts it"
    FOLLOW_UP = "imaging after cure"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its id (also the name of its Python file and its card), hooks, scope, care and decision.

    ``group`` names the grouped card that the rule joins on patient-view (``workup``, ``pathway``).
    ``holes`` are the names of the values that its wordings may use. ``waits_in_emergency`` rules are
    silent while an emergency operation is planned: work-up must never delay it. ``cares`` names the wordings
    that are for something else than the rest of the rule.

    What was reported as done elsewhere (Y-11) holds for ``done_elsewhere_for``, the name of a limit in days.
    Rules that are ``is_overridden_for_user_only`` are never silenced for others. ``when_declined`` gives the
    wordings that take another's place where the patient is reported to decline; the others are silent.
    """

    id: str
    hooks: frozenset[str]
    scope: Scope
    care: Care
    decide: Callable[[Patient], Answers]
    group: str = ""
    holes: frozenset[str] = frozenset()
    waits_in_emergency: bool = False
    cares: Mapping[str, Care] = field(default_factory=dict)
    with_several_primaries: bool = False
    with_mixed_tumour: bool = False
    also_in: frozenset[Situation] = frozenset()
    of_a_child: Callable[[Patient], Answer | None] | None = None
    done_elsewhere_for: str = "done_elsewhere_days"
    is_overridden_for_user_only: bool = False
    when_declined: Mapping[str, str] = field(default_factory=dict)


def out_of_scope(rule: Rule, patient: Patient) -> Silent | None:
    """Why a rule does not apply to this patient's tumour or situation; None where it does."""
    if silent := _tumour_out_of_scope(rule, patient):
        return silent
    if rule.waits_in_emergency and plan(patient).has_emergency:
        return Silent("emergency")
    return None


_ON_OPENING = (PATIENT_VIEW, ENCOUNTER_START, ENCOUNTER_DISCHARGE)


def for_this_person(rule: Rule, patient: Patient) -> Answers | None:
    """The answer that the person decides, whatever the tumour; None where the rule has to be asked."""
    who, is_opening = person(patient), patient.hook in _ON_OPENING
    if who.is_deceased:
        return Silent("deceased")
    if not who.is_adult:
        return _of_a_child(rule, patient) or Silent("minor", {"age": str(who.age_years)})
    if who.has_comfort_care and (is_opening or Situation.COMFORT_CARE not in rule.also_in):
        return Silent("comfort-care")
    is_left_alone = is_opening and Situation.PALLIATIVE_CARE not in rule.also_in
    return Silent("palliative-care") if who.has_palliative_care and is_left_alone else None


def _of_a_child(rule: Rule, patient: Patient) -> Answer | None:
    is_decided = patient.hook in (ORDER_SIGN, APPOINTMENT_BOOK)
    return rule.of_a_child(patient) if is_decided and rule.of_a_child else None


def hushed(answers: Answers, patient: Patient) -> Answers:
    """The answers, where care is limited to comfort none louder than a warning."""
    if not person(patient).has_comfort_care:
        return answers
    if isinstance(answers, tuple):
        return tuple([replace(one, is_at_most_warning=True) for one in answers])
    return replace(answers, is_at_most_warning=True) if isinstance(answers, Fires) else answers


def _tumour_out_of_scope(rule: Rule, patient: Patient) -> Silent | None:
    found, is_for_all = tumour(patient), rule.scope is Scope.SAFETY
    if not found.is_present:
        is_syndrome = is_for_all and function(patient).syndrome_without_tumour
        return None if is_syndrome else Silent(found.why_none)
    if is_for_all:
        return None
    if rule.scope is Scope.TREATMENT and not found.is_confirmed:
        return Silent("only-suspected")
    if rule.scope is not Scope.WORKUP and not found.is_gastroenteropancreatic:
        return Silent("not-gastroenteropancreatic", {"site": site_in_words(patient)})
    if found.has_several_primaries and not rule.with_several_primaries:
        return Silent("several-primaries")
    if found.differentiation is Differentiation.MIXED and not rule.with_mixed_tumour:
        return Silent("mixed-tumour")
    return None
