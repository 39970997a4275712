from __future__ import annotations

import pytest

from service.facts.markers import Marker, chromogranin_a, hiaa, hiaa_results
from service.facts.patient import Patient
from tests.asking import patient


def of_ileal_tumour(record: str) -> Patient:
    return patient(f"ileal NET 500 days ago; {record}")


def results(record: str) -> tuple[Marker, ...]:
    """Every 5-HIAA of the record."""
    return hiaa_results(of_ileal_tumour(record))


@pytest.mark.parametrize(
    ("record", "counts"),
    [
        ("chromogranin A 80", True),
        ("chromogranin A 80 (text only)", True),
        ("chromogranin A 80 (cancelled)", False),
        ("5-HIAA 5 mg/24h", False),
    ],
)
def test_what_is_chromogranin_a(record: str, counts: bool) -> None:
    assert chromogranin_a(of_ileal_tumour(record)).is_done is counts


@pytest.mark.parametrize(
    ("record", "counts"),
    [
        ("5-HIAA 5 mg/24h", True),
        ("5-HIAA 5 mg/24h (text only)", True),
        ("5-HIAA 20 umol/24h", True),
        ("5-HIAA 5 mg/g creatinine", True),
        ("5-HIAA 80 nmol/L plasma", True),
        ("chromogranin A 80", False),
    ],
)
def test_what_is_5_hiaa(record: str, counts: bool) -> None:
    assert hiaa(of_ileal_tumour(record)).is_done is counts


@pytest.mark.parametrize(
    ("record", "is_high", "limit", "is_assumed"),
    [
        ("5-HIAA 9 mg/24h range to 8", True, 8, False),
        ("5-HIAA 8 mg/24h range to 8", False, 8, False),
        ("5-HIAA 8.1 mg/24h range to 8", True, 8, False),
        ("5-HIAA 40 umol/24h range to 31", True, 31, False),
        ("5-HIAA 11 mg/24h range none", True, 10, True),
        ("5-HIAA 10 mg/24h range none", False, 10, True),
        ("5-HIAA 53 umol/24h range none", True, 52, True),
        ("5-HIAA 52 umol/24h range none", False, 52, True),
        ('5-HIAA 9 mg/24h range text "<8 mg/24h"', True, 8, False),
        ('5-HIAA 9 mg/24h range text "0-8 mg/24 h"', True, 8, False),
        ('5-HIAA 40 umol/24h range text "<= 31 umol/24h"', True, 31, False),
        ('5-HIAA 9 mg/24h range text "see comment"', False, 10, True),
        ("5-HIAA 35 mg/24h range none flag H", True, None, False),
        ("5-HIAA 9 mg/24h range none flag HH", True, None, False),
        ("5-HIAA 12 mg/24h range none flag N", False, None, False),
        ("5-HIAA <20 mg/24h range to 10", None, 10, False),
        ("5-HIAA <20 mg/24h range to 10 flag H", True, 10, False),
        ("5-HIAA >50 mg/24h range to 10", True, 10, False),
        ("5-HIAA 80 nmol/L plasma", None, None, False),
        ("5-HIAA 80 nmol/L plasma range to 60", True, 60, False),
    ],
)
def test_5_hiaa_against_its_limit(
    record: str, is_high: bool | None, limit: float | None, is_assumed: bool
) -> None:
    marker = results(record)[0]

    assert (marker.is_high, marker.limit, marker.limit_is_assumed) == (is_high, limit, is_assumed)


def test_a_marker_says_whose_limit_it_was_compared_with() -> None:
    assert results("5-HIAA 11 mg/24h range none")[0].says == (
        "5-HIAA 11 mg/24h (assumed upper limit 10) on 2026-10-25"
    )
    assert results("5-HIAA 11 mg/24h range to 8")[0].says == (
        "5-HIAA 11 mg/24h (own upper limit 8) on 2026-10-25"
    )


def test_the_newest_marker_comes_first() -> None:
    found = results("5-HIAA 5 mg/24h range to 10 100 days ago; 5-HIAA 35 mg/24h range to 10 10 days ago")

    assert [marker.moment.day for marker in found if marker.moment] == ["2026-11-14", "2026-08-16"]
