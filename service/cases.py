"""The cases of a card, asked of its rule: does it do what the clinician's table says?

The patients are written in the phrases of ``fhir_fixtures/README.md``, which is part of a checkout and not of
an installation that only serves.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from service.cards import CardText, Knowledge
from service.engine import Said, ask_rule, gather, patient_of
from service.errors import InputFileError
from service.hooks.card import NotAssessed
from service.hooks.hooks import SERVICE_OF
from service.hooks.request import read_request
from service.rules.base import Fires


@dataclass(frozen=True, slots=True)
class Case:
    """One row: what it shows, the patient in phrases, the hook, and what the card must do."""

    name: str
    record: str
    hook: str
    expected: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A case and what the card did."""

    case: Case
    found: str

    @property
    def passes(self) -> bool:
        """Whether it did what it must."""
        return self.found == self.case.expected


def cases_of(card: CardText) -> Iterator[Case]:
    """Every row of the table of cases."""
    lines = [line for line in card.sections.get("Cases", "").splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield Case(*(cell.strip() for cell in line.strip().strip("|").split("|")))


def in_words(said: Said, card: CardText) -> str:
    """An answer as the tables write it: ``fires missing (info)``, ``silent``, ``not assessed (imaging)``."""
    if isinstance(said, Fires):
        return f"fires {said.wording} ({card.wordings[said.wording].indicator.name.lower()})"
    return f"not assessed ({said.section})" if isinstance(said, NotAssessed) else "silent"


def asked(card: CardText, knowledge: Knowledge) -> list[Asked]:
    """Every case of the card; InputFileError where the phrases of the patients are not installed."""
    found = list(cases_of(card))
    vocabulary = _vocabulary() if found else None
    return [Asked(case, _answer(case, card, knowledge, vocabulary)) for case in found]


def _vocabulary() -> ModuleType:
    try:
        return importlib.import_module("fhir_fixtures.vocabulary")
    except ModuleNotFoundError:
        raise InputFileError(
            "The cases cannot be run: fhir_fixtures/ is not here; run this in a checkout of the project."
        ) from None


def _answer(case: Case, card: CardText, knowledge: Knowledge, vocabulary: ModuleType | None) -> str:
    if vocabulary is None:
        return ""
    document = vocabulary.build_request(case.record, hook=case.hook, today=vocabulary.TODAY)
    request = read_request(document, service_id=SERVICE_OF[case.hook].id, hook=case.hook)
    record = gather(request, knowledge=knowledge, whole=True)
    patient = patient_of(request, record, knowledge, now=vocabulary.now_on(vocabulary.TODAY))
    return "; ".join(in_words(one, card) for one in ask_rule(card.id, patient, knowledge))
