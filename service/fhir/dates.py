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
    timing = mapping(resource.get(f"{stem}Timing"))
    events = timing.get("event")
    bounds = mapping(mapping(timing.get("repeat")).get("boundsPeriod"))
    return _first(
        resource.get(f"{stem}DateTime"),
        resource.get(f"{stem}Instant"),
        mapping(resource.get(f"{stem}Period")).get("start"),
        events[0] if isinstance(events, list) and events else None,
        bounds.get("start"),
    )


def end(resource: Resource, stem: str) -> Moment | None:
    """When ``stem[x]`` ends, where a Period or a Timing's bounds say so."""
    timing = mapping(resource.get(f"{stem}Timing"))
    bounds = mapping(mapping(timing.get("repeat")).get("boundsPeriod"))
    return _first(mapping(resource.get(f"{stem}Period")).get("end"), bounds.get("end"))


def _first(*candidates: object) -> Moment | None:
    return next((moment for text in candidates if (moment := parse(text))), None)


def happened(resource: Resource) -> Moment | None:
    """When a result, report, study or procedure took place: the clinical time, else the issue time."""
    for stem in ("effective", "performed", "occurrence"):
        if moment := end(resource, stem) or start(resource, stem):
            return moment
    return _first(
        resource.get("started"),
        resource.get("issued"),
        resource.get("date"),
        mapping(resource.get("period")).get("end"),
        mapping(resource.get("period")).get("start"),
        resource.get("created"),
    )


def first_recorded(condition: Resource) -> Moment | None:
    """The earliest that a Condition can be dated: onset, else the date of recording."""
    return _first(
        condition.get("onsetDateTime"),
        mapping(condition.get("onsetPeriod")).get("start"),
        condition.get("recordedDate"),
    )


def last_asserted(resource: Resource) -> Moment | None:
    """The latest time at which somebody stood behind a resource."""
    return _first(
        resource.get("recordedDate"),
        resource.get("authoredOn"),
        mapping(resource.get("meta")).get("lastUpdated"),
        resource.get("onsetDateTime"),
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
