from __future__ import annotations

from dataclasses import replace

from service.facts.patient import Patient, fact
from tests.asking import patient

READ: list[str] = []


@fact
def answer(of: Patient) -> str:
    """The answer."""
    READ.append(of.hook)
    return of.hook


def test_a_fact_is_read_when_it_is_asked_and_once_for_each_patient() -> None:
    READ.clear()
    first, second = patient(""), patient("", hook="order-sign")
    assert READ == []

    assert (answer(first), answer(first), answer(second)) == ("patient-view", "patient-view", "order-sign")
    assert READ == ["patient-view", "order-sign"]


def test_an_answer_is_kept_with_the_patient_and_nowhere_else() -> None:
    found = patient("")
    answer(found)

    assert answer(replace(found, hook="order-sign", _answers={})) == "order-sign"
    assert answer.__doc__ == "The answer."
