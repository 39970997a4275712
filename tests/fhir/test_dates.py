from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir import dates

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant", "has_time"),
    [
        ("2026", "2026-01-01T00:00:00+00:00", False),
        ("2026-05", "2026-05-01T00:00:00+00:00", False),
        ("2026-05-31", "2026-05-31T00:00:00+00:00", False),
        ("2026-05-31T10:30:00Z", "2026-05-31T10:30:00+00:00", True),
        ("2026-05-31T10:30:00+02:00", "2026-05-31T08:30:00+00:00", True),
        ("2026-05-31T10:30:00.123-05:00", "2026-05-31T15:30:00.123000+00:00", True),
        ("2026-05-31T23:30:00-02:00", "2026-06-01T01:30:00+00:00", True),
        ("2026-05-31T10:30:00", "2026-05-31T10:30:00+00:00", True),
        ("2026-05-31T10:30", "2026-05-31T10:30:00+00:00", True),
    ],
)
def test_a_date_or_time_is_read(text: str, instant: str, has_time: bool) -> None:
    moment = dates.parse(text)

    assert moment is not None
    assert (moment.instant.isoformat(), moment.has_time) == (instant, has_time)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2026-13-01",
        "2026-02-30",
        "05/31/2026",
        "9999-12-31T23:00:00-05:00",
        "2" * 50,
        "0001-01-01T00:00:00Z",
        "9999-12-31",
        None,
    ],
)
def test_what_is_no_date_reads_as_none(value: str | None) -> None:
    assert dates.parse(value) is None


@given(st.text(max_size=45))
def test_no_text_makes_reading_fail(text: str) -> None:
    moment = dates.parse(text)

    assert moment is None or moment.instant.tzinfo is not None


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2026-11-24", 0),
        ("2026-11-24T23:59:00Z", 0),
        ("2026-11-23T23:59:00Z", 1),
        ("2026-11-25", -1),
        ("2026-11", 23),
    ],
)
def test_days_are_calendar_days(text: str, days: int) -> None:
    moment = dates.parse(text)

    assert moment is not None
    assert moment.days_before(NOW) == days


def test_hours_are_counted_to_the_minute() -> None:
    moment = dates.parse("2026-11-25T08:30:00Z")

    assert moment is not None
    assert moment.hours_after(NOW) == 24.5


@pytest.mark.parametrize(
    ("text", "is_readable"),
    [
        ("2026-05-01", True),
        ("", True),
        (None, True),
        ("0001-01-01", True),
        ("2026-02-30", False),
        ("x", False),
    ],
)
def test_a_date_that_says_that_there_is_none_is_readable(text: str | None, is_readable: bool) -> None:
    assert dates.is_readable(text) is is_readable
