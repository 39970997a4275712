"""Charts that were read a moment ago, for the next hook on them.

An EHR fires hooks again and again on one chart: when it is opened, at every edit of an order, at signing.
While the prefetched data is the same to the byte, what it says is the same, and only the hook's context has
to be read anew. Cards are made for each call, and nothing that came from a FHIR server is kept.

This is patient data, so it is kept in no file, and for a minute unless ``NET_CDS_CHART_MEMORY_SECONDS`` says
otherwise: ``service/adr/0008-remember-a-chart-for-a-minute.md``.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.facts import Facts, facts_of
from service.facts.chart import Chart
from service.facts.context import Context

_MOST_CHARTS = 80
_MOST_RESOURCES = 2_000  # of all charts together, so that no chart of thousands fills the memory
_MOST_CONTEXTS = 8  # of one chart, such as the encounters in which it is opened
_TIMER_SECONDS = 1.0  # at least between two looks at what is to be deleted


@dataclass(frozen=True, slots=True)
class _Kept:
    """A chart, with the facts that were read of it while nothing was being ordered, by their context."""

    chart: Chart
    resources: int
    until: float  # monotonic seconds
    facts: dict[Context, Facts] = field(default_factory=dict)

    def add(self, facts: Facts) -> None:
        # Drafts change with every edit, and would stay in memory with the chart.
        if facts.context.orders_nothing and len(self.facts) < _MOST_CONTEXTS:
            self.facts[facts.context] = facts


class ChartMemory:
    """The charts of this process, by the digest of their data, for ``lasts`` after each was read.

    They are deleted then, whether or not another call comes. Several threads may use it.
    """

    def __init__(self, *, lasts: timedelta) -> None:
        self._lasts = lasts
        self._kept: dict[bytes, _Kept] = {}  # the oldest first
        self._changing = threading.Lock()
        self._timer: threading.Timer | None = None

    def recall(self, digest: bytes, context: Context, *, now: datetime) -> Facts | None:
        """The facts of the chart with this digest, in this context; None where it is not kept."""
        kept = self._kept.get(digest)
        if kept is None or not timedelta() <= now - kept.chart.now <= self._lasts:
            return None
        facts = kept.facts.get(context) if context.orders_nothing else None
        if facts is None:
            facts = facts_of(kept.chart, context, now=now)
            kept.add(facts)
        return facts

    def keep(self, digest: bytes, facts: Facts) -> None:
        """Keep the chart of these facts, unless charts are not to be kept or this one is too large."""
        resources = sum([len(found) for found in facts.record.resources.values()])
        if not self._lasts or resources > _MOST_RESOURCES:
            return
        kept = _Kept(facts.chart, resources, time.monotonic() + self._lasts.total_seconds())
        kept.add(facts)
        with self._changing:
            self._kept.pop(digest, None)
            self._kept[digest] = kept
            while len(self._kept) > _MOST_CHARTS or self._resources() > _MOST_RESOURCES:
                self._delete_oldest()
            self._set_timer()

    def _resources(self) -> int:
        return sum([kept.resources for kept in self._kept.values()])

    def _oldest(self) -> _Kept:
        return next(iter(self._kept.values()))

    def _delete_oldest(self) -> None:
        del self._kept[next(iter(self._kept))]

    def _set_timer(self) -> None:
        if self._timer is None and self._kept:
            seconds = max(_TIMER_SECONDS, self._oldest().until - time.monotonic())
            self._timer = threading.Timer(seconds, self._delete_expired)
            self._timer.daemon = True
            self._timer.start()

    def _delete_expired(self) -> None:
        with self._changing:
            self._timer = None
            while self._kept and self._oldest().until <= time.monotonic():
                self._delete_oldest()
            self._set_timer()
