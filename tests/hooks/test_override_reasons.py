from __future__ import annotations

import pytest

from service.hooks.override_reasons import (
    COMMON_CODES,
    ReasonClass,
    class_of,
    non_adherence_reasons,
    override_reason,
    reason_classes,
)
from tests.asking import knowledge

HL7 = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"


def test_a_published_code_brings_its_own_display() -> None:
    reason = override_reason("action-completed")
    assert (reason.code, reason.system) == ("action-completed", HL7)
    assert reason.display == "Recommended action was already completed"


def test_the_six_categories_and_their_reasons_are_all_there() -> None:
    assert len(non_adherence_reasons()) == 35
    assert set(COMMON_CODES) <= set(non_adherence_reasons())


def test_a_reason_of_a_rule_has_the_systems_own_name() -> None:
    assert override_reason("surgery-cancelled", "The operation was cancelled").system == (
        "urn:net-cds:override-reason"
    )


def test_an_unknown_code_without_words_is_refused() -> None:
    with pytest.raises(KeyError):
        override_reason("made-up")


def test_each_code_with_a_class_is_one_that_some_card_can_offer() -> None:
    offered = {reason.code for card in knowledge().cards.values() for reason in card.override_reasons}

    assert set(reason_classes()) <= offered | set(non_adherence_reasons())


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("action-completed", ReasonClass.DONE_ELSEWHERE),
        ("board-review-elsewhere", ReasonClass.DONE_ELSEWHERE),
        ("an-elsewhere-of-next-year-elsewhere", ReasonClass.DONE_ELSEWHERE),
        ("patient-refuses", ReasonClass.PATIENT_DECLINES),
        ("watch-and-wait", ReasonClass.DECIDED),
        ("patient-contraindication", ReasonClass.JUDGEMENT),
        ("limited-time", ReasonClass.NOT_NOW),
        ("inappropriate-recipient", ReasonClass.NOT_MY_PATIENT),
        (None, ReasonClass.NONE),
        ("", ReasonClass.NONE),
    ],
)
def test_a_code_has_a_class(code: str | None, expected: ReasonClass) -> None:
    assert class_of(code) is expected
