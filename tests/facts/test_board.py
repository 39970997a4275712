from __future__ import annotations

import pytest

from service.facts.board import newest_finding, tumour_board
from service.fhir.dates import Moment
from tests.asking import patient, patient_with


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


@pytest.mark.parametrize(
    ("record", "has_met"),
    [
        (
            'CT abdomen conclusion "Discussed at the NET tumour board on 20 Nov: resection" done 4 days ago',
            True,
        ),
        ('pathology report "MDT outcome: surveillance" 4 days ago', True),
        ('CT abdomen conclusion "Recommend discussion at NET MDT" done 4 days ago', False),
        ('CT abdomen conclusion "To be discussed at the NET MDT" done 4 days ago', False),
        ('CT abdomen conclusion "Not yet discussed at the NET MDT" done 4 days ago', False),
        ('CT abdomen conclusion "Discussed at MDT, breast cancer MDT" done 4 days ago', False),
        ('document "Discussed at NET MDT" 5 days ago', True),
        ('document "To be discussed at NET MDT" 5 days ago', False),
    ],
)
def test_a_board_has_met_where_that_is_said(record: str, has_met: bool) -> None:
    assert tumour_board(patient(f"ileal NET 60 days ago; {record}")).is_current is has_met


def test_a_report_coded_as_the_note_of_a_board_is_one() -> None:
    code = {"coding": [{"system": "http://loinc.org", "code": "85232-7"}]}
    report = {"resourceType": "DiagnosticReport", "status": "final", "code": code}
    dated = {**report, "effectiveDateTime": "2026-11-10"}

    assert tumour_board(patient_with("ileal NET 60 days ago", "diagnosticReports", dated)).is_current
