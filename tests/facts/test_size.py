from __future__ import annotations

import pytest

from service.facts.size import is_low_yield_by_name, size_mm
from tests.asking import patient


@pytest.mark.parametrize(
    ("record", "size"),
    [
        ("Ki-67 2 %", None),
        ("tumour size 15 mm", 15),
        ("tumour size 15 mm 90 days ago; tumour size 22 mm 10 days ago", 22),
        ("tumour size 15 mm (preliminary)", None),
        ("tumour size 15 mm (entered in error)", None),
    ],
)
def test_the_newest_size_that_was_delivered(record: str, size: float | None) -> None:
    assert size_mm(patient(f"rectal NET; {record}")) == size


@pytest.mark.parametrize(
    ("record", "is_one"), [('gastric NET with note "type 1 gastric NET"', True), ("gastric NET", False)]
)
def test_a_tumour_may_be_named_as_one_of_low_yield(record: str, is_one: bool) -> None:
    assert is_low_yield_by_name(patient(record)) is is_one
