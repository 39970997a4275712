from __future__ import annotations

import pytest

from service.facts.decision import TreatmentKind, treatment_orders
from tests.asking import patient


def ordered(record: str, hook: str = "order-sign") -> list[TreatmentKind]:
    return [order.kind for order in treatment_orders(patient(f"ileal NET; {record}", hook))]


@pytest.mark.parametrize(
    ("draft", "kind"),
    [
        ("small-bowel resection planned (draft)", TreatmentKind.SURGERY),
        ("TACE planned (draft)", TreatmentKind.LOCOREGIONAL),
        ("PRRT planned (draft)", TreatmentKind.RADIONUCLIDE),
        ("lanreotide depot (draft)", TreatmentKind.ANALOGUE),
        ("octreotide LAR (draft)", TreatmentKind.ANALOGUE),
        ("capecitabine oral (draft)", TreatmentKind.CHEMOTHERAPY),
        ("everolimus oral (draft)", TreatmentKind.TARGETED),
    ],
)
def test_a_treatment_among_the_drafts(draft: str, kind: TreatmentKind) -> None:
    assert ordered(draft) == [kind]
    assert ordered(draft, "order-select") == [kind]


@pytest.mark.parametrize(
    "draft",
    [
        "omeprazole oral (draft)",
        "octreotide infusion (draft)",
        "DOTATATE PET/CT ordered (draft)",
        "liver biopsy planned (draft)",
        "hip replacement planned (draft)",
        "lanreotide depot",
        "small-bowel resection planned in 20 days",
    ],
)
def test_what_is_no_treatment_of_the_tumour_being_ordered(draft: str) -> None:
    assert ordered(draft) == []


def test_a_booking_is_a_treatment_being_ordered() -> None:
    assert ordered("TACE being booked in 5 days", "appointment-book") == [TreatmentKind.LOCOREGIONAL]


@pytest.mark.parametrize(
    ("draft", "is_irreversible"),
    [
        ("small-bowel resection planned (draft)", True),
        ("TACE planned (draft)", True),
        ("PRRT planned (draft)", True),
        ("lanreotide depot (draft)", False),
        ("capecitabine oral (draft)", False),
    ],
)
def test_what_cannot_be_taken_back(draft: str, is_irreversible: bool) -> None:
    (order,) = treatment_orders(patient(f"ileal NET; {draft}", "order-sign"))

    assert order.is_irreversible is is_irreversible
