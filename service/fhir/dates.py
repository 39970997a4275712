"""FHIR dates and times, read leniently and compared by day.

https://hl7.org/fhir/R4/datatypes.html#dateTime. A time without a zone (invalid FHIR, and common in
exports) is read as UTC; a year or a month counts from its first day. The years 0001 and 9999 are what
programs write where they have no date.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")
_LONGEST = 40  # characters
_NO_YEARS = ("0001", "9999")


class Moment(NamedTuple):
    """A point in time; ``has_time`` is False where only a day, month or year is stated."""

    instant: datetime
    has_time: bool

    @property
    def day(self) -> str:
        """The calendar day as ``YYYY-MM-DD``."""
        return self.instant.date().isoformat()

    @property
    def timestamp(self) -> float:
        """Seconds since 1970, to sort by."""
        return self.instant.timestamp()

    def days_before(self, now: datetime) -> int:
        """Whole calendar days from this moment to ``now``; negative in the future."""
        return (now.date() - self.instant.date()).days

    def hours_after(self, now: datetime) -> float:
        """Hours from ``now`` to this moment; negative in the past."""
        return (self.instant - now) / timedelta(hours=1)


def parse(text: str | None) -> Moment | None:
    """Read a FHIR date, dateTime or instant; None for anything else, and for a date that means none."""
    if not text or len(text) > _LONGEST or text[:4] in _NO_YEARS:
        return None
    if partial := _PARTIAL.fullmatch(text):
        year, month, day = partial.groups()
        return _moment(f"{year}-{month or '01'}-{day or '01'}", has_time=False)
    return _moment(text, has_time=True)


def _moment(text: str, *, has_time: bool) -> Moment | None:
    try:
        instant = datetime.fromisoformat(text)
        return Moment(instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC), has_time)
    except (ValueError, OverflowError):
        return None


def is_readable(text: str | None) -> bool:
    """Whether a text is a date, or says that there is none."""
    return not text or text[:4] in _NO_YEARS or parse(text) is not None


def is_in_future(moment: Moment | None, now: datetime) -> bool:
    """Whether a day lies ahead: for a finding an error in the data."""
    return moment is not None and moment.days_before(now) < 0


def order(moment: Moment | None) -> float:
    """Sorts by time; what is undated comes first."""
    return moment.timestamp if moment else 0.0


def days(count: float) -> timedelta:
    """A span of days."""
    return timedelta(days=count)
