"""The patient whom all facts are about, and the way to write a fact.

A fact answers one question from the record, the hook's context, the time and the defaults; it reads nothing
else, so that a test of one is a function call. Each is read when it is first asked for, and once:
``@fact`` keeps its answer with the patient, who lives as long as the call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from service.facts.defaults import Defaults
from service.fhir.phrasebook import Phrases
from service.fhir.record import Record
from service.fhir.terminology import Terminology


@dataclass(frozen=True, slots=True)
class Patient:
    """All that a fact may read. ``selections`` are the ids of the drafts that the user just chose."""

    record: Record
    hook: str
    now: datetime
    defaults: Defaults
    terminology: Terminology
    phrases: Phrases
    selections: frozenset[str] = frozenset()
    encounter_id: str | None = None
    _answers: dict[Callable[[Patient], Any], Any] = field(default_factory=dict, repr=False, compare=False)


_Answer = TypeVar("_Answer")


def fact(read: Callable[[Patient], _Answer]) -> Callable[[Patient], _Answer]:
    """Decorate a function of a patient, so that it is read at most once in a call."""

    @functools.wraps(read)
    def answer(patient: Patient) -> _Answer:
        answers = patient._answers
        if read not in answers:
            answers[read] = read(patient)
        return answers[read]  # type: ignore[no-any-return]  # it is what ``read`` gave

    return answer
