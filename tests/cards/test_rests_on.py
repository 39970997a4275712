"""Unknown is not no, for every rule, every case and every section of the record.

Each case is asked again with one section withheld. What a rule then says may rest on nothing that was
withheld; a rule may not begin to speak in words that do not admit it, nor fall silent for want of data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

import pytest

from service.cards import CardText
from service.engine import Said, ask, ask_rule
from service.facts.patient import Patient
from service.facts.phase import phase_in_words
from service.fhir.queries import QUERIES, SECTIONS
from service.fhir.r4 import TYPES, Resource
from service.fhir.read import State
from service.fhir.record import DRAFTS, Record, Section
from service.hooks.card import NotAssessed
from service.rules import RULES
from service.rules.base import Fires, Silent
from tests.asking import knowledge, patient, switched_on
from tests.cards.rows import Case, cases

CASES = list(cases())
# Without the conditions there is no answer at all (412), and without the Patient the patient counts as a
# living adult.
WITHHELD = [name for name in (*SECTIONS, DRAFTS) if name not in ("conditions", "patient")]
_OF_THE_PERSON = ("deceased", "minor", "comfort-care", "palliative-care")
_KINDS = {
    name: {TYPES[query.resource_type] for query in QUERIES.values() if query.section == name}
    for name in SECTIONS
}


def withhold(section: str, record: Record) -> Record:
    """The same record, of which one section could not be read."""
    unread = {section: Section(section, State.UNKNOWN, ("withheld",))}
    kept = {kind: found for kind, found in record.resources.items() if kind not in _KINDS.get(section, ())}
    drafts = () if section == DRAFTS else record.drafts
    return replace(record, sections={**record.sections, **unread}, resources=kept, drafts=drafts)


def said(case: Case, of: Patient) -> tuple[Said, ...]:
    return ask_rule(case.card.id, of, knowledge())


def fresh(of: Patient, record: Record) -> Patient:
    """The same patient with another record, of whom nothing has been asked yet."""
    return replace(of, record=record, _answers={})


# Y-0: critical cover rests on medications and conditions; a plan on record only makes it less loud.
LOWERED_BY = {"octreotide-prophylaxis": {"flags", "documents", "orders", "appointments"}}


def admitting(card: CardText) -> frozenset[str]:
    """The wordings that take the place of others where something could not be read."""
    return frozenset(name for wording in card.wordings.values() for name in wording.otherwise)


def wordings(answers: tuple[Said, ...]) -> set[str]:
    return {one.wording for one in answers if isinstance(one, Fires)}


def _loudness(card: CardText, names: set[str]) -> int:
    """How loud a rule speaks; 0 where it does not."""
    return max((card.wordings[name].indicator for name in names), default=0)


def faults_of(case: Case) -> Iterator[str]:
    of = switched_on(patient(case.record, case.hook))
    whole = said(case, of)
    if any(isinstance(one, Silent) and one.because in _OF_THE_PERSON for one in whole):
        return
    for section in WITHHELD:
        answers = said(case, fresh(of, withhold(section, of.record)))
        for name in wordings(answers):
            if section in case.card.wordings[name].rests_on:
                yield f"{section}: speaks in {name}, which rests on it"
        is_admitted = _is_admitted(section, answers, fresh(of, withhold(section, of.record)))
        is_lowered = bool(wordings(whole)) and section in LOWERED_BY.get(case.card.id, ())
        for name in wordings(answers) - admitting(case.card):
            if not (is_admitted or is_lowered) and _loudness(case.card, {name}) != _loudness(
                case.card, wordings(whole)
            ):
                yield f"{section}: speaks in {name}, which does not admit it (before: {_shown(whole)})"
        if wordings(whole) and all(isinstance(one, Silent) for one in answers):
            yield f"{section}: falls silent ({_shown(answers)}; before: {_shown(whole)})"


def _is_admitted(section: str, answers: tuple[Said, ...], of: Patient) -> bool:
    """Whether the answer names the section, or every card says that the past, or treatment, was not read."""
    is_named = any(isinstance(one, NotAssessed) and one.section == section for one in answers)
    unread = [of.phrases("phase.past-not-read"), of.phrases("phase.treatment-not-read")]
    return is_named or phase_in_words(of) in unread


def _shown(answers: tuple[Said, ...]) -> str:
    return ", ".join(
        one.wording if isinstance(one, Fires) else one.because if isinstance(one, Silent) else one.section
        for one in answers
    )


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_withheld_section_is_never_taken_for_an_empty_one(case: Case) -> None:
    assert list(faults_of(case)) == []


_R = TypeVar("_R", bound=Resource)


@dataclass(frozen=True, slots=True)
class _Noting(Record):
    """A record that notes which of its sections are asked for."""

    asked: set[str] = field(default_factory=set)

    def of(self, kind: type[_R]) -> tuple[_R, ...]:
        self.asked.update(name for name, kinds in _KINDS.items() if kind in kinds)
        return Record.of(self, kind)

    def __getattribute__(self, name: str) -> object:
        if name == "drafts":
            object.__getattribute__(self, "asked").add(DRAFTS)
        return object.__getattribute__(self, name)


@cache
def consulted() -> dict[str, dict[str, set[str]]]:
    """Rule -> wording or reason for silence -> the sections that were asked for before it was given."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    rules = {rule.id: rule for rule in RULES}
    for case in CASES:
        of, rule = switched_on(patient(case.record, case.hook)), rules[case.card.id]
        noting = _Noting(of.record.patient_id, of.record.sections, of.record.resources, of.record.drafts)
        if case.hook not in rule.hooks:
            continue
        answer = ask(rule, fresh(of, noting))
        for one in answer if isinstance(answer, tuple) else (answer,):
            key = one.wording if isinstance(one, Fires) else one.because
            found[rule.id][key] |= noting.asked
    return found


_WITH_CASES = [card for card in knowledge().cards.values() if "Cases" in card.sections]


@pytest.mark.slow
@pytest.mark.parametrize("card", _WITH_CASES, ids=lambda card: card.id)
def test_what_a_card_says_it_reads_is_what_its_rule_reads(card: CardText) -> None:
    read = set().union(*consulted()[card.id].values())

    assert set(card.reads) == read


@pytest.mark.slow
@pytest.mark.parametrize("card", _WITH_CASES, ids=lambda card: card.id)
def test_nothing_is_said_to_rest_on_what_was_not_read(card: CardText) -> None:
    asked = consulted()[card.id]
    said_to_rest = {**card.silent, **card.wordings}

    unread = {
        key: beyond
        for key, one in said_to_rest.items()
        if key in asked and (beyond := set(one.rests_on) - asked[key])
    }

    assert unread == {}
