from __future__ import annotations

import pytest

from service.hooks.override_reasons import COMMON_CODES, non_adherence_reasons, override_reason

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
