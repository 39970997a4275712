"""Tells the workers of one server, in memory that they share, that the store holds something new.

https://docs.python.org/3/library/mmap.html (an anonymous map is shared with the processes forked after it)

The map holds two marks of eight bytes. To announce something is to overwrite a mark with bytes that never
were there before, which needs no lock: whoever looks later finds a mark that is not the one it remembers,
whichever of two announcements at once came last. A worker that is killed leaves nothing locked.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from mmap import mmap

_MARK_BYTES = 8


@dataclass(frozen=True, slots=True)
class News:
    """The marks; make it before the workers are forked."""

    memory: mmap = field(default_factory=lambda: mmap(-1, 2 * _MARK_BYTES))


def announce_override(news: News) -> None:
    """Call when feedback about an overridden card has been committed."""
    news.memory[:_MARK_BYTES] = os.urandom(_MARK_BYTES)


def announce_late_card(news: News) -> None:
    """Call when a card has been committed that feedback may have been waiting for."""
    news.memory[_MARK_BYTES:] = os.urandom(_MARK_BYTES)


def latest_override(news: News) -> bytes:
    """A mark that changes with every override."""
    return news.memory[:_MARK_BYTES]


def latest(news: News) -> bytes:
    """A mark that changes with everything that is announced."""
    return news.memory[:]
