from __future__ import annotations

import pytest

from service.facts.board import newest_finding
from service.fhir.dates import Moment
from tests.asking import patient


def newest(record: str) -> Moment | None:
    return newest_finding(patient(f"ileal NET 500 days ago; {record}"))


@pytest.mark.parametrize(
    ("record", "day"),
    [
        ("liver metastases 90 days ago; Ki-67 4 % 60 days ago; CT abdomen done 30 days ago", "2026-10-25"),
        ("CT abdomen done 90 days ago; DOTATATE PET/CT done 20 days ago", "2026-11-04"),
        ("CT abdomen done 90 days ago; bone metastases 20 days ago", "2026-11-04"),
        ("CT abdomen done 90 days ago; Ki-67 4 % (text only) 20 days ago", "2026-11-04"),
        ("CT abdomen done 90 days ago; mitoses 30 per 2 mm2 20 days ago", "2026-11-04"),
        ("CT abdomen done 90 days ago; Ki-67 no value 20 days ago", "2026-08-26"),
        ("CT abdomen done 90 days ago; Ki-67 4 % (preliminary) 20 days ago", "2026-08-26"),
        ("CT abdomen done 90 days ago; bone metastases (refuted) 20 days ago", "2026-08-26"),
        ("CT abdomen done 90 days ago; MRI liver done in 20 days", "2026-08-26"),
        ("CT abdomen done 90 days ago; chromogranin A 400 20 days ago", "2026-08-26"),
    ],
)
def test_the_newest_finding_is_of_extent_grade_or_imaging(record: str, day: str) -> None:
    found = newest(record)

    assert found is not None
    assert found.day == day
