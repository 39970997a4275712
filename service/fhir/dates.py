"""FHIR dates and times, read leniently, as the stretch of time that they may mean.

https://hl7.org/fhir/R4/datatypes.html#dateTime. A day without a zone is a day somewhere on earth, and a
month or a year lasts to its end; a moment lies ahead, or is over, only where it is so everywhere. What is
shown is the day as it was written. A time without a zone (invalid FHIR, common in exports) is read as UTC.
The years 0001 and 9999 are what programs write where they have no date.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?", re.ASCII)
_ONE_DAY = timedelta(days=1)
_LONGEST = 40  # characters
_NO_YEARS = ("0001", "9999")
_FIRST_ZONE, _LAST_ZONE = timedelta(hours=14), timedelta(hours=-12)
"""Where a day begins first, and where it ends last."""


class Moment(NamedTuple):
    """A point in time, or a day, month or year; ``has_time`` is False for the latter.

    ``instant`` is in the zone that was stated; of a day, month or year it is the beginning, in UTC.
    ``ends`` is the day after the last that is meant.
    """

    instant: datetime
    has_time: bool
    day: str
    ends: date

    @property
    def first(self) -> datetime:
        """The earliest that it can be."""
        return self.instant if self.has_time else self.instant - _FIRST_ZONE

    @property
    def last(self) -> datetime:
        """The latest that it can be."""
        return self.instant if self.has_time else _midnight(self.ends) - _LAST_ZONE

    @property
    def timestamp(self) -> float:
        """Seconds since 1970, to sort by."""
        return self.instant.timestamp()

    def days_before(self, now: datetime) -> int:
        """Whole calendar days from this moment to ``now``, where it took place; negative in the future.

        Of a month or a year the last day counts, and today while that is still ahead.
        """
        today = now.astimezone(self.instant.tzinfo).date()
        days = (today - self.ends).days + 1
        return days if today < self.instant.date() else max(days, 0)

    def hours_after(self, now: datetime) -> float:
        """Hours from ``now`` to this moment; negative in the past."""
        return (self.instant - now) / timedelta(hours=1)

    def precedes(self, other: Moment) -> bool:
        """Whether its day is before that of another, as both were written; "2026" is not before "2026-05"."""
        length = min(len(self.day), len(other.day))
        return self.day[:length] < other.day[:length]

    def may_be_day_of(self, other: Moment) -> bool:
        """Whether both can be one day: as written, or by the clock."""
        return self.instant == other.instant or not (self.precedes(other) or other.precedes(self))

    def earlier(self, count: float) -> Moment:
        """The day that lies so many days before."""
        return _whole_day(self.instant.date() - days(count))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _whole_day(day: date) -> Moment:
    return Moment(_midnight(day), has_time=False, day=day.isoformat(), ends=day + _ONE_DAY)


def parse(text: str | None) -> Moment | None:
    """Read a FHIR date, dateTime or instant; None for anything else, and for a date that means none."""
    if not text or len(text) > _LONGEST or text[:4] in _NO_YEARS:
        return None
    try:
        if _DAY.fullmatch(text):
            return _whole_day(date.fromisoformat(text))
        if partial := _PARTIAL.fullmatch(text):
            return _of_precision(*partial.groups(), written=text)
        instant = datetime.fromisoformat(text)
        instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        day = instant.date()
        return Moment(instant, has_time=True, day=day.isoformat(), ends=day + _ONE_DAY)
    except (ValueError, OverflowError):
        return None


def _of_precision(year: str, month: str | None, *, written: str) -> Moment:
    """A year or a month."""
    begins = date(int(year), int(month or 1), 1)
    after = begins.year * 12 + (begins.month if month else 12)
    return Moment(_midnight(begins), has_time=False, day=written, ends=date(after // 12, after % 12 + 1, 1))


def is_readable(text: str | None) -> bool:
    """Whether a text is a date, or says that there is none."""
    if not text or text[:4] in _NO_YEARS:
        return True
    try:
        # Of nearly all this is the whole question, and much less than what they mean.
        return len(text) <= _LONGEST and bool(datetime.fromisoformat(text))
    except ValueError:
        return parse(text) is not None


_SLACK = timedelta(hours=24)
"""How far clocks and zones may go astray before a result is one of the future."""


def is_in_future(moment: Moment | None, now: datetime) -> bool:
    """Whether it lies ahead wherever it was written, by more than clocks go astray: an error in a finding."""
    return moment is not None and moment.first > now + _SLACK


def is_over(starts: Moment | None, ends: Moment | None, now: datetime, *, hours: float) -> bool:
    """Whether the latest that an act can have ended lies more than so many hours ago."""
    last = ends or starts
    return last is not None and last.last < now - timedelta(hours=hours)


def order(moment: Moment | None) -> float:
    """Sorts by time; what is undated comes first."""
    return moment.timestamp if moment else 0.0


def days(count: float) -> timedelta:
    """A span of days."""
    return timedelta(days=count)
