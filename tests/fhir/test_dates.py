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
        2026,
        None,
        [],
    ],
)
def test_what_is_no_date_reads_as_none(value: object) -> None:
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
    ("elements", "start", "end"),
    [
        ({"occurrenceDateTime": "2026-12-01"}, "2026-12-01", None),
        ({"occurrencePeriod": {"start": "2026-12-01", "end": "2026-12-03"}}, "2026-12-01", "2026-12-03"),
        ({"occurrencePeriod": {"end": "2026-12-03"}}, None, "2026-12-03"),
        ({"occurrenceTiming": {"event": ["2026-12-01T08:00:00Z"]}}, "2026-12-01", None),
        (
            {"occurrenceTiming": {"repeat": {"boundsPeriod": {"start": "2026-12-01", "end": "2026-12-02"}}}},
            "2026-12-01",
            "2026-12-02",
        ),
        ({"occurrenceTiming": "soon", "occurrencePeriod": 5}, None, None),
        ({}, None, None),
    ],
)
def test_a_choice_of_times_has_a_start_and_an_end(
    elements: dict[str, object], start: str | None, end: str | None
) -> None:
    found = (dates.start(elements, "occurrence"), dates.end(elements, "occurrence"))

    assert tuple(moment and moment.day for moment in found) == (start, end)


@pytest.mark.parametrize(
    ("resource", "day"),
    [
        ({"effectiveDateTime": "2026-05-01", "issued": "2026-05-09T10:00:00Z"}, "2026-05-01"),
        ({"issued": "2026-05-09T10:00:00Z"}, "2026-05-09"),
        ({"performedPeriod": {"start": "2026-05-01", "end": "2026-05-04"}}, "2026-05-04"),
        ({"started": "2026-05-02"}, "2026-05-02"),
        ({"date": "2026-05-03"}, "2026-05-03"),
        ({"effectiveDateTime": "unknown", "issued": "2026-05-09T10:00:00Z"}, "2026-05-09"),
    ],
)
def test_when_something_happened_is_the_clinical_time_first(resource: dict[str, object], day: str) -> None:
    moment = dates.happened(resource)

    assert moment is not None
    assert moment.day == day


def test_several_dosages_span_from_the_first_start_to_the_last_end() -> None:
    def dosage(start: str, end: str) -> dict[str, object]:
        return {"timing": {"repeat": {"boundsPeriod": {"start": start, "end": end}}}}

    request = {"dosageInstruction": [dosage("2026-12-02", "2026-12-03"), dosage("2026-12-01", "2026-12-02")]}

    first, last = dates.dosage_span(request)

    assert first is not None
    assert last is not None
    assert (first.day, last.day) == ("2026-12-01", "2026-12-03")


def test_a_moment_is_shown_by_its_day() -> None:
    assert dates.shown(dates.parse("2026-05-01T10:00:00Z")) == "on 2026-05-01"
    assert dates.shown(None) == "(date unknown)"
