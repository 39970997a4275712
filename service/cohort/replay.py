"""The chart as it stood at a moment, by what its resources say of when they were written.

A resource without such a date was always there. What has been changed since, such as a status, cannot be
taken back: a result that was entered in error later counts as such from the beginning.
"""

from __future__ import annotations

from datetime import datetime

from service.charts import Chart
from service.documents import Document, string
from service.fhir import dates

_WRITTEN = (
    "recordedDate",
    "issued",
    "authoredOn",
    "created",
    "dateAsserted",
    "date",
    "effectiveDateTime",
    "performedDateTime",
    "onsetDateTime",
)
"""Elements that say when a resource was written, or failing that, what it tells of; the first counts."""


def as_of(chart: Chart, moment: datetime) -> Chart:
    """The chart with what had been written by then."""
    known = tuple(one for one in chart.resources if _was_there(one, moment))
    return Chart(chart.patient_id, known, is_complete=chart.is_complete)


def _was_there(resource: Document, moment: datetime) -> bool:
    stated = next((text for name in _WRITTEN if (text := string(resource.get(name)))), "")
    written = dates.parse(stated or _begin(resource))
    return written is None or written.first <= moment


def _begin(resource: Document) -> str:
    periods = (resource.get(name) for name in ("effectivePeriod", "performedPeriod", "period"))
    return next((string(one.get("start")) for one in periods if isinstance(one, dict)), "")
