"""How long one use of the store may take, whatever it waits for: a connection, one answer and the next.

Limits on each of these add up. A call that can do without the store, or has to be refused without it, is
answered within two seconds (``service/adr/0013-slow-neighbours.md``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PATIENCE_SECONDS = 1.7
"""How long a whole transaction may take, with the connection that it needs."""

_A_MOMENT = 0.001  # seconds; nought would mean no limit to some

_UNTIL: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def patience() -> Iterator[None]:
    """Within it all waiting together ends after the time of a transaction."""
    before = _UNTIL.set(time.monotonic() + PATIENCE_SECONDS)
    try:
        yield
    finally:
        _UNTIL.reset(before)


def take_your_time() -> None:
    """Lift the limit from the use that goes on."""
    _UNTIL.set(math.inf)


def seconds_left() -> float | None:
    """How long may still be waited, at least a moment; None for as long as it takes."""
    until = _UNTIL.get()
    if until is None:
        return PATIENCE_SECONDS
    return None if until == math.inf else max(_A_MOMENT, until - time.monotonic())
