"""FHIR dates and times, read leniently and compared by day.

https://hl7.org/fhir/R4/datatypes.html#dateTime. A time without a zone (invalid FHIR, and common in
exports) is read as UTC; a year or a month counts from its first day.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from service.fhir.reading import Resource, elements, mapping

_PARTIAL = re.compile(r"^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?$")


class Moment(NamedTuple):
    """A point in time; ``has_time`` is False where only a day, month or year is stated."""

    instant: datetime
    has_time: bool

    @property
    def day(self) -> str:
        """The calendar day as ``YYYY-MM-DD``."""
        return self.instant.date().isoformat()

    def days_before(self, now: datetime) -> int:
        """Whole calendar days from this moment to ``now``; negative in the future."""
        return (now.date() - self.instant.date()).days

    def hours_after(self, now: datetime) -> float:
        """Hours from ``now`` to this moment; negative in the past."""
        return (self.instant - now) / timedelta(hours=1)


def parse(text: object) -> Moment | None:
    """Read a FHIR date, dateTime or instant; None for anything else."""
    return _parse(text) if isinstance(text, str) and len(text) <= 40 else None


@lru_cache(maxsize=4096)
def _parse(text: str) -> Moment | None:
    if partial := _PARTIAL.match(text):
        year, month, day = partial.groups()
        return _moment(f"{year}-{month or '01'}-{day or '01'}", has_time=False)
    return _moment(text, has_time=True)


def _moment(text: str, *, has_time: bool) -> Moment | None:
    try:
        instant = datetime.fromisoformat(text)
        return Moment(instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC), has_time)
    except (ValueError, OverflowError):
        return None


def start(resource: Resource, stem: str) -> Moment | None:
    """When ``stem[x]`` begins: a dateTime, an instant, a Period's start or a Timing's first event."""
    # Nearly all resources state a dateTime; the other forms are looked for only where there is none.
    if stated := parse(resource.get(f"{stem}DateTime")):
        return stated
    timing = mapping(resource.get(f"{stem}Timing"))
    events = timing.get("event")
    return (
        parse(resource.get(f"{stem}Instant"))
        or parse(mapping(resource.get(f"{stem}Period")).get("start"))
        or parse(events[0] if isinstance(events, list) and events else None)
        or parse(_bounds(timing).get("start"))
    )


def end(resource: Resource, stem: str) -> Moment | None:
    """When ``stem[x]`` ends, where a Period or a Timing's bounds say so."""
    period, timing = resource.get(f"{stem}Period"), resource.get(f"{stem}Timing")
    if period is None and timing is None:
        return None
    return parse(mapping(period).get("end")) or parse(_bounds(mapping(timing)).get("end"))


def _bounds(timing: Resource) -> Resource:
    return mapping(mapping(timing.get("repeat")).get("boundsPeriod"))


def happened(resource: Resource) -> Moment | None:
    """When a result, report, study or procedure took place: the clinical time, else the issue time."""
    if stated := parse(resource.get("effectiveDateTime")):
        return stated
    for stem in ("effective", "performed", "occurrence"):
        if moment := end(resource, stem) or start(resource, stem):
            return moment
    period = mapping(resource.get("period"))
    return (
        parse(resource.get("started"))
        or parse(resource.get("issued"))
        or parse(resource.get("date"))
        or parse(period.get("end"))
        or parse(period.get("start"))
        or parse(resource.get("created"))
    )


def is_in_future(moment: Moment | None, now: datetime) -> bool:
    """Whether a day lies ahead: for a finding an error in the data."""
    return moment is not None and moment.days_before(now) < 0


def first_recorded(condition: Resource) -> Moment | None:
    """The earliest that a Condition can be dated: onset, else the date of recording."""
    return (
        parse(condition.get("onsetDateTime"))
        or parse(mapping(condition.get("onsetPeriod")).get("start"))
        or parse(condition.get("recordedDate"))
    )


def last_asserted(resource: Resource) -> Moment | None:
    """The latest time at which somebody stood behind a resource."""
    return (
        parse(resource.get("recordedDate"))
        or parse(resource.get("authoredOn"))
        or parse(mapping(resource.get("meta")).get("lastUpdated"))
        or parse(resource.get("onsetDateTime"))
    )


def dosage_span(request: Resource) -> tuple[Moment | None, Moment | None]:
    """First start and last end that the dosage instructions of a MedicationRequest state."""
    starts: list[Moment] = []
    ends: list[Moment] = []
    for dosage in elements(request.get("dosageInstruction")) + elements(request.get("dosage")):
        as_timing = {"dosageTiming": dosage.get("timing")} if isinstance(dosage, dict) else {}
        starts += [moment] if (moment := start(as_timing, "dosage")) else []
        ends += [moment] if (moment := end(as_timing, "dosage")) else []
    period = mapping(mapping(request.get("dispenseRequest")).get("validityPeriod"))
    given = mapping(request.get("effectivePeriod"))
    starts += [m for m in (parse(period.get("start")), parse(given.get("start"))) if m] if not starts else []
    ends += [m for m in (parse(period.get("end")), parse(given.get("end"))) if m] if not ends else []
    return (min(starts) if starts else None, max(ends) if ends else None)


def shown(moment: Moment | None) -> str:
    """``on 2026-05-01``, or ``(date unknown)``."""
    return f"on {moment.day}" if moment else "(date unknown)"


def days(count: float) -> timedelta:
    """A span of days."""
    return timedelta(days=count)
