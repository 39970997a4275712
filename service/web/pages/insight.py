"""The stretches of time for which ``/insight`` counts cards."""

from __future__ import annotations

from datetime import datetime, timedelta

WEEKS = 12
"""How many weeks are shown: a quarter of a year."""


def weeks_until(now: datetime) -> list[tuple[datetime, datetime]]:
    """The weeks of seven days that end now, the newest first."""
    week = timedelta(days=7)
    return [(now - week * (count + 1), now - week * count) for count in range(WEEKS)]
