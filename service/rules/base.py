"""What a rule is, and the three answers it can give.

A rule always answers with a reason: it fires, is silent because ..., or could not be assessed
because a section of the record could not be read. A rule decides; the words, the numbers and the
codes are in ``cards/<rule-id>.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from service.facts import Facts
from service.facts.tumour import Differentiation
from service.fhir.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Fires:
    """The card is shown, in the wording named, with these values in its holes.

    ``omit`` names suggestions of the card that make no sense here, such as a test that was done.
    """

    wording: str
    values: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    omit: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Silent:
    """No card, because ..."""

    because: str


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """No answer, because this section of the record could not be read."""

    section: str
    because: str


Answer: TypeAlias = Fires | Silent | NotAssessed
Answers: TypeAlias = Answer | tuple[Fires, ...]
"""A rule on procedures fires once for each of them."""


class Scope(Enum):
    """For whom a rule is meant; checked before the rule is asked."""

    SAFETY = "any neuroendocrine tumour, or carcinoid syndrome without one on record"
    WORKUP = "any neuroendocrine tumour, suspected ones included"
    GRADING = "a gastroenteropancreatic tumour, suspected ones included"
    TREATMENT = "a confirmed gastroenteropancreatic tumour"


ALL_HOOKS = frozenset({"patient-view", "order-select", "order-sign", "appointment-book", "encounter-start"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its id (also the name of its Python file and its card), hooks, scope and decision.

    ``group`` names the grouped card that the rule joins on patient-view (``workup``, ``pathway``).
    ``holes`` are the names of the values that its wordings may use. ``waits_in_emergency`` rules are
    silent while an emergency operation is planned: work-up must never delay it. Rules of one
    ``audience`` are for the same patients, so that this has to be asked once for all of them.
    """

    id: str
    hooks: frozenset[str]
    scope: Scope
    decide: Callable[[Facts], Answers]
    group: str = ""
    holes: frozenset[str] = frozenset()
    waits_in_emergency: bool = False
    with_several_primaries: bool = False
    with_mixed_tumour: bool = False
    audience: str = field(init=False)

    def __post_init__(self) -> None:
        """Give rules that :func:`out_of_scope` treats alike the same audience."""
        several, mixed = self.with_several_primaries, self.with_mixed_tumour
        asked = (self.scope.name, several, mixed, self.waits_in_emergency)
        object.__setattr__(self, "audience", repr(asked))


def out_of_scope(rule: Rule, facts: Facts) -> Silent | None:
    """Why a rule does not apply to this patient's tumour or situation; None where it does.

    Depends on nothing of the rule but what makes its ``audience``.
    """
    return _tumour_out_of_scope(rule, facts) or _situation_out_of_scope(rule, facts)


def person_out_of_scope(facts: Facts) -> Silent | None:
    """Why no rule at all applies to this person; None where they do."""
    if facts.person.is_deceased:
        return Silent("the patient has died")
    if not facts.person.is_adult:
        return Silent(f"the patient is {facts.person.age_years} years old and the algorithm is for adults")
    if facts.person.has_comfort_care:
        return Silent("comfort care only is on record")
    return None


def _tumour_out_of_scope(rule: Rule, facts: Facts) -> Silent | None:
    tumour, is_for_all = facts.tumour, rule.scope is Scope.SAFETY
    if not tumour.is_present:
        is_syndrome = is_for_all and facts.function.syndrome_without_tumour
        return None if is_syndrome else Silent(tumour.why)
    if is_for_all:
        return None
    if rule.scope is Scope.TREATMENT and not tumour.is_confirmed:
        return Silent("the neuroendocrine tumour is only suspected")
    if rule.scope is not Scope.WORKUP and not tumour.is_gastroenteropancreatic:
        return Silent(f"the gastroenteropancreatic algorithm does not apply to a tumour of the {tumour.site}")
    if tumour.has_several_primaries and not rule.with_several_primaries:
        return Silent("more than one neuroendocrine primary is on record")
    if tumour.differentiation is Differentiation.MIXED and not rule.with_mixed_tumour:
        return Silent("a mixed neuroendocrine tumour (MiNEN) is a matter for the tumour board")
    return None


def _situation_out_of_scope(rule: Rule, facts: Facts) -> Silent | None:
    if rule.waits_in_emergency and facts.plan.has_emergency:
        return Silent("an emergency operation is planned and must not wait for the work-up")
    return None
