"""A share of the threads for each FHIR server and each client, so that a slow one stops no other.

``service/adr/0013-slow-neighbours.md`` says why. A server that answered nothing in a few calls is left alone
for some seconds (https://martinfowler.com/bliki/CircuitBreaker.html); then one call finds out.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from service.fhir.reasons import Reason, Why

CALLS_BEFORE_PAUSE = 3
"""How many calls in a row a server may leave without any answer."""

PAUSE_SECONDS = 10.0
"""How long it is not asked then."""

_MOST_REMEMBERED = 1000  # origins; a list of allowed servers is much shorter


class NotAsked(Exception):
    """The server is not asked in this call; ``reason`` says why."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.reason = Reason(why)


@dataclass(slots=True)
class Conversation:
    """One call with one server, in which it was asked something, and answered something."""

    was_asked: bool = False
    was_answered: bool = False


@dataclass(slots=True)
class _Silence:
    """Calls in a row without any answer, and until when the server is left alone."""

    calls: int = 0
    until: float = 0.0


@dataclass(slots=True, eq=False)
class Neighbours:
    """How many calls of a process wait for FHIR servers, and which servers are silent.

    ``most_of_one`` bounds the calls for one origin and those of one client, ``most_of_all`` those for any.
    """

    most_of_one: int
    most_of_all: int
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: Counter[tuple[str, str]] = field(default_factory=Counter)
    _silences: dict[str, _Silence] = field(default_factory=dict)

    @contextmanager
    def conversation(self, origin: str, client: str) -> Iterator[Conversation]:
        """Take a place for one call; raises NotAsked where there is none or the server is silent."""
        places = (("origin", origin), ("client", client), ("all", ""))
        with self._lock:
            self._require_room(places)
            self._require_voice(origin)
            self._waiting.update(places)
        conversation = Conversation()
        try:
            yield conversation
        finally:
            with self._lock:
                self._waiting.subtract(places)
                self._waiting += Counter()  # forgets those at nought
                self._note(origin, conversation)

    def _require_room(self, places: tuple[tuple[str, str], ...]) -> None:
        most = (self.most_of_one, self.most_of_one, self.most_of_all)
        whys = (Why.BUSY, Why.BUSY_FOR_CLIENT, Why.BUSY_FOR_ALL)
        for place, limit, why in zip(places, most, whys, strict=True):
            if self._waiting[place] >= limit:
                raise NotAsked(why)

    def _require_voice(self, origin: str) -> None:
        silence = self._silences.get(origin)
        if silence is None or silence.calls < CALLS_BEFORE_PAUSE:
            return
        if self.clock() < silence.until:
            raise NotAsked(Why.NOT_ASKED)
        # This call finds out; the others go on without until it knows.
        silence.until = self.clock() + PAUSE_SECONDS

    def _note(self, origin: str, conversation: Conversation) -> None:
        if conversation.was_answered:
            self._silences.pop(origin, None)
        elif not conversation.was_asked:
            return
        elif origin in self._silences or len(self._silences) < _MOST_REMEMBERED:
            silence = self._silences.setdefault(origin, _Silence())
            silence.calls += 1
            silence.until = self.clock() + PAUSE_SECONDS
