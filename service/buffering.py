"""Workers whose threads get a request only once all of it has arrived.

Framing: https://www.rfc-editor.org/rfc/rfc9112#section-6. Why: ``service/adr/0013-slow-neighbours.md``.

Gunicorn's threads read the request themselves, so that as many slow connections as there are threads stop
the service. Here the loop that waits for connections collects what they send, as a buffering proxy would. A
connection that is slow, or sends nothing, costs memory and no thread, and gives way to others.
"""

from __future__ import annotations

import logging
import re
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

ARRIVAL_SECONDS = 20.0
"""How long a request may take from the moment its connection waits for it to its last byte."""

LONGEST_HEAD_BYTES = 128 * 1024
"""Request line and headers; gunicorn's limits, which are narrower, say which of them is too long."""

BODIES_OF_A_WORKER = 16
"""How many bodies of the largest size may wait in a worker at the same time."""

FAREWELL_SECONDS = 2.0
"""How long a client may take to close a connection after the last answer on it."""

_PIECE_BYTES = 256 * 1024
_FAREWELL_BYTES = 64 * 1024
_DRAIN_SECONDS = 0.05  # for the rest of a body that nobody wanted
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r\n", re.IGNORECASE)
_CODING = re.compile(rb"\r\ntransfer-encoding:([^\r]*)", re.IGNORECASE)
_ANY_LENGTH = re.compile(rb"\r\ncontent-length:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]+[ \t]*(?:;[^\r\n]*)?")
_LONGEST_CHUNK_LINE = 20_000  # more than gunicorn takes, so that it refuses such a line at once
_log = logging.getLogger("gunicorn.error")


@dataclass(slots=True)
class Arrival:
    """What has arrived of one request.

    ``head`` is the length of request line and headers with the empty line after them, 0 while it is not
    known. ``chunk`` is where the next chunk of a chunked body begins.
    """

    most_body_bytes: int
    data: bytearray = field(default_factory=bytearray)
    head: int = 0
    length: int | None = None
    chunk: int = 0

    def add(self, piece: bytes) -> None:
        """Take what was received, and look for the end of the head."""
        begin = max(0, len(self.data) - 3)
        self.data += piece
        if not self.head and (found := self.data.find(b"\r\n\r\n", begin)) >= 0:
            self.head = self.chunk = found + 4
            self.length = self._length_of_body()

    @property
    def head_is_too_long(self) -> bool:
        """Whether it goes on without an end."""
        return not self.head and len(self.data) > LONGEST_HEAD_BYTES

    @property
    def expects_permission(self) -> bool:
        """Whether the client waits to be told to send the body."""
        return len(self.data) == self.head > 0 and _EXPECTS.search(self.data) is not None

    @property
    def is_whole(self) -> bool:
        """Whether nothing more has to be waited for: it is complete, or the answer is a refusal anyway."""
        if not self.head:
            return False
        body = len(self.data) - self.head
        if self.length is None:
            return body > self.most_body_bytes or self._last_chunk_is_there()
        return body >= self.length or self.length > self.most_body_bytes

    def _length_of_body(self) -> int | None:
        """The length of the body, None for a body in chunks.

        Where two headers contradict each other there is no body to wait for: the parser refuses the request.
        """
        head = bytes(self.data[: self.head])
        codings, lengths = b",".join(_CODING.findall(head)), _ANY_LENGTH.findall(head)
        if b"chunked" in codings.lower() and not lengths:
            return None
        length = _LENGTH.search(head)
        return int(length[1]) if length and len(lengths) == 1 and not codings else 0

    def _last_chunk_is_there(self) -> bool:
        """Walk on over the chunks that are complete (RFC 9112 section 7.1)."""
        while (end := self.data.find(b"\r\n", self.chunk)) >= 0:
            size = bytes(self.data[self.chunk : end])
            if _CHUNK_SIZE.fullmatch(size) is None:
                return True
            length = int(size.partition(b";")[0], 16)
            if length == 0:
                return self.data.startswith(b"\r\n", end + 2) or self.data.find(b"\r\n\r\n", end) >= 0
            if len(self.data) < end + 2 + length + 2:
                return False
            self.chunk = end + 2 + length + 2
        return len(self.data) - self.chunk > _LONGEST_CHUNK_LINE


@dataclass(slots=True, eq=False)
class _Waiting:
    """A connection whose request has not arrived yet, and until when it may."""

    connection: Any
    arrival: Arrival
    until: float
    discarded: int = 0


def buffering_worker(most_body_bytes: int) -> type[ThreadWorker]:
    """The worker class for bodies of so many bytes at most; gunicorn makes its workers itself."""
    # A type made here, because gunicorn passes a worker nothing that the settings of gunicorn do not know.
    return type("BufferingWorker", (BufferingWorker,), {"most_body_bytes": most_body_bytes})


class BufferingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn publishes no types
    """Gunicorn's threads behind a loop that buffers. To inherit is gunicorn's way of changing a worker."""

    most_body_bytes: int

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # The one that waits longest is the first.
        self._waiting: dict[Any, _Waiting] = {}

    def enqueue_req(self, conn: Any) -> None:
        """Wait for the request of a connection; called by gunicorn for a new one and for the next request."""
        arrival = Arrival(self.most_body_bytes)
        if conn.parser is not None:
            arrival.add(conn.parser.unreader.take_buffered())
        if arrival.is_whole:
            self._hand_over(conn, arrival)
            return
        self._make_room()
        self._wait(_Waiting(conn, arrival, time.monotonic() + ARRIVAL_SECONDS), self._receive)

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Keep the connection or part from it; called by gunicorn when its thread is done.

        Gunicorn waits here for the client to close, for two seconds, in the loop that serves all others.
        """
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
            return
        waiting = _Waiting(conn, Arrival(0), time.monotonic() + FAREWELL_SECONDS)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self._wait(waiting, self._discard)
        except (OSError, ValueError):
            self.nr_conns -= 1
            conn.close()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:  # noqa: ARG002
        """Answer what never got to the application, or left it without an answer; called by gunicorn."""
        self._refuse(client, exc)

    def _refuse(self, client: Any, error: Exception) -> None:
        # Imported late: the server looks at its address before the whole service is loaded.
        from service.web.unparsed import refusal

        with suppress(OSError):
            write_nonblock(client, refusal(error))

    def murder_pending(self) -> None:
        """Close what took too long; called by gunicorn at least once a second."""
        super().murder_pending()
        now = time.monotonic()
        late = [waiting for waiting in self._waiting.values() if waiting.until <= now]
        for waiting in late:
            self._close(waiting)
        if cut := sum(bool(waiting.arrival.data) for waiting in late):
            _log.info("Closed %d connections that did not send a whole request in time.", cut)

    def _cap_keepalive(self, deadline: float) -> None:
        """Wait no longer than that; called by gunicorn when it stops."""
        super()._cap_keepalive(deadline)
        for waiting in self._waiting.values():
            waiting.until = min(waiting.until, deadline)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Whether the connection can be used again; called by gunicorn in the thread of the request."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        return bool(keepalive and conn.parser.finish_body(deadline=deadline))

    def _wait(self, waiting: _Waiting, receive: Callable[[_Waiting, Any], None]) -> None:
        waiting.connection.sock.setblocking(False)
        self._waiting[waiting.connection] = waiting
        self.poller.register(waiting.connection.sock, selectors.EVENT_READ, partial(receive, waiting))

    def _discard(self, waiting: _Waiting, _socket: Any) -> None:
        """Read on after the last answer: to close at once would make the kernel take back its last part."""
        try:
            piece = waiting.connection.sock.recv(_PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        waiting.discarded += len(piece)
        if not piece or waiting.discarded > _FAREWELL_BYTES:
            self._close(waiting)

    def _receive(self, waiting: _Waiting, _socket: Any) -> None:
        arrival = waiting.arrival
        try:
            piece = waiting.connection.sock.recv(_PIECE_BYTES)
            arrival.add(piece)
            if arrival.head_is_too_long:
                self._refuse(
                    waiting.connection.sock, LimitRequestHeaders("limit request headers fields size")
                )
            elif arrival.expects_permission:
                waiting.connection.sock.send(_GO_ON)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece or arrival.head_is_too_long:
            self._close(waiting)
        elif arrival.is_whole:
            self._leave(waiting)
            self._hand_over(waiting.connection, arrival)
        else:
            self._make_room()

    def _hand_over(self, conn: Any, arrival: Arrival) -> None:
        """Give the request to a thread, which finds what has arrived before it reads the socket."""
        conn.data_ready = True
        conn.init()
        conn.parser.unreader.unread(bytes(arrival.data))
        super().enqueue_req(conn)

    def _make_room(self) -> None:
        """Let the connections that wait longest go, while there are too many or they hold too much."""
        # Two more than one: that which has just come, and one that the listening socket may still give.
        while self._waiting and (
            self.nr_conns > self.worker_connections - 2
            or sum(len(one.arrival.data) for one in self._waiting.values())
            > BODIES_OF_A_WORKER * self.most_body_bytes
        ):
            self._close(next(iter(self._waiting.values())))

    def _leave(self, waiting: _Waiting) -> None:
        del self._waiting[waiting.connection]
        self.poller.unregister(waiting.connection.sock)

    def _close(self, waiting: _Waiting) -> None:
        self._leave(waiting)
        self.nr_conns -= 1
        waiting.connection.close()


def most_connections(open_files: int) -> int:
    """How many connections a worker may hold where a process may have so many files open.

    Each takes a file, and a worker that has none left ends.
    """
    return max(50, min(1000, open_files // 2))
