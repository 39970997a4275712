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
        ("2026-05-31T10:30:00+02:00", "2026-05-31T10:30:00+02:00", True),
        ("2026-05-31T10:30:00.123-05:00", "2026-05-31T10:30:00.123000-05:00", True),
        ("2026-05-31T23:30:00-02:00", "2026-05-31T23:30:00-02:00", True),
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
        ("2026-11", 0),
        ("2026-10", 24),
        ("2026-12", -37),
        ("2026", 0),
        ("2026-11-24T20:00:00+13:00", 0),
        ("2026-11-23T20:00:00-10:00", 0),
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
    ("text", "first", "last"),
    [
        ("2026", "2025-12-31T10:00:00+00:00", "2027-01-01T12:00:00+00:00"),
        ("2026-12", "2026-11-30T10:00:00+00:00", "2027-01-01T12:00:00+00:00"),
        ("2026-02-28", "2026-02-27T10:00:00+00:00", "2026-03-01T12:00:00+00:00"),
        ("2026-05-31T10:30:00+02:00", "2026-05-31T10:30:00+02:00", "2026-05-31T10:30:00+02:00"),
    ],
)
def test_a_date_is_a_stretch_of_time_somewhere_on_earth(text: str, first: str, last: str) -> None:
    moment = dates.parse(text)

    assert moment is not None
    assert (moment.first.isoformat(), moment.last.isoformat()) == (first, last)


@pytest.mark.parametrize(
    ("text", "lies_ahead"),
    [
        ("2026-11-25", False),
        ("2026-11-26", True),
        ("2026-11-25T08:00:00Z", False),
        ("2026-11-25T08:00:01Z", True),
        ("2026-11-25T10:00:00+13:00", False),
        ("2026-11", False),
        ("2026-12", True),
        ("2027", True),
    ],
)
def test_a_result_is_of_the_future_only_where_it_is_so_everywhere(text: str, lies_ahead: bool) -> None:
    assert dates.is_in_future(dates.parse(text), NOW) is lies_ahead


@pytest.mark.parametrize(
    ("starts", "ends", "is_over"),
    [
        ("2026-11-23", None, False),
        ("2026-11-22", None, False),
        ("2026-11-21", None, True),
        ("2026-11-23T07:59:00Z", None, True),
        ("2026-11-23T08:00:00Z", None, False),
        ("2026-11-20T08:00:00Z", "2026-11-23T08:00:00Z", False),
        ("2026-11-01", "2026-12-01", False),
        ("2026-11", None, False),
        ("2026-10", None, True),
        ("2026", None, False),
        (None, None, False),
    ],
)
def test_an_act_is_over_a_day_after_the_latest_that_it_can_end(
    starts: str | None, ends: str | None, is_over: bool
) -> None:
    assert dates.is_over(dates.parse(starts), dates.parse(ends), NOW, hours=24) is is_over


@pytest.mark.parametrize(
    ("one", "other", "precedes", "may_be"),
    [
        ("2026-05-01", "2026-05-02", True, False),
        ("2026-05-02", "2026-05-01", False, False),
        ("2026", "2026-05-01", False, True),
        ("2026-05-01", "2026-05", False, True),
        ("2025", "2026-05-01", True, False),
        ("2026-12-04T08:00:00+09:00", "2026-12-03T23:00:00Z", False, True),
        ("2026-12-04T08:00:00+09:00", "2026-12-04", False, True),
    ],
)
def test_days_are_compared_as_they_were_written(one: str, other: str, precedes: bool, may_be: bool) -> None:
    first, second = dates.parse(one), dates.parse(other)

    assert first is not None
    assert second is not None
    assert first.precedes(second) is precedes
    assert first.may_be_day_of(second) is may_be


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
