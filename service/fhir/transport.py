"""HTTP with one deadline that nothing outlives.

``requests`` bounds each wait for bytes, not the whole exchange: a server that sends one byte a second
keeps a reader for as long as it likes. Here every exchange runs in a thread of its own and, when the
deadline has passed, its socket is shut down, so that no exchange goes on after the answer was given
(https://cds-hooks.hl7.org/2.0/#passing-the-access-token-to-the-cds-service: the token is revoked then).

Requests go through a bare ``HTTPAdapter``. A ``Session`` would bring cookies, ``.netrc``, proxies from the
environment and redirects, none of which may mix the tokens of two callers.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from requests.utils import requote_uri
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from service.fhir.reasons import Reason, Why

# urllib3 writes URLs into its log, and the URL of a search names the patient.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_THREADS = 48  # of one lane; one hook call asks for 17 keys at most, with a few searches for one of them
_MOST_LANES = 64  # the one not used for longest gives its threads back
_CHUNK_BYTES = 64 * 1024
_UNWINDING_SECONDS = 0.1  # what a thread gets to report after its socket was shut down


class ExchangeFailed(Exception):
    """No usable answer, without data of it; ``passing`` allows a retry.

    ``status`` is that of the HTTP answer where it was the reason.
    """

    def __init__(self, reason: Reason, *, passing: bool = False, status: int = 0) -> None:
        super().__init__(reason.why.value)
        self.reason = reason
        self.passing = passing
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer read to its end; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True, eq=False)
class Allowance:
    """How much the answers to one call may still hold together; the threads of the call share it."""

    left: int
    _taking: threading.Lock = field(default_factory=threading.Lock)

    def take(self, amount: int) -> None:
        """Take a part; raises ExchangeFailed when there is not so much left."""
        with self._taking:
            self.left -= amount
            if self.left < 0:
                raise ExchangeFailed(Reason(Why.TOO_LARGE_TOGETHER))


@dataclass(slots=True, eq=False)
class Exchange:
    """One job of :func:`run_within`: until when it may run, and the connections that it uses."""

    deadline: float
    wire: _Wire | None = None

    def seconds_left(self) -> float:
        """Seconds until the deadline; raises ExchangeFailed when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise ExchangeFailed(Reason(Why.LATE))
        return left


@dataclass(slots=True, eq=False)
class _Wire:
    """The connections of one thread, and the exchange that uses them just now."""

    adapter: HTTPAdapter
    connections: weakref.WeakSet[HTTPConnection]
    lock: threading.Lock = field(default_factory=threading.Lock)
    exchange: Exchange | None = None


def run_within(
    seconds: float, jobs: Mapping[_Key, Callable[[Exchange], _Value]], *, lane: str
) -> dict[_Key, _Value | None]:
    """Run the jobs in parallel; a job that has not ended after ``seconds`` is given up and yields None.

    Jobs of one ``lane``, which is named for the origin that they ask, share threads with no others: a server
    that is slow makes only those wait that ask it.
    """
    deadline = time.monotonic() + seconds
    exchanges = {key: Exchange(deadline) for key in jobs}
    threads = _threads(os.getpid(), lane)
    futures = {key: threads.submit(_run, job, exchanges[key]) for key, job in jobs.items()}
    _, late = wait(futures.values(), timeout=seconds)
    for key, future in futures.items():
        if future in late:
            _give_up(future, exchanges[key])
    wait(futures.values(), timeout=_UNWINDING_SECONDS if late else 0)
    return {key: _value(future) for key, future in futures.items()}


def get(
    url: str,
    headers: Mapping[str, str],
    *,
    exchange: Exchange,
    max_bytes: int,
    allowance: Allowance | None = None,
    certificate_authorities: str | bool = True,
    form: str | None = None,
) -> Answer:
    """One GET without redirects; the body, after decompression, has at most ``max_bytes`` bytes.

    With a ``form`` it is a POST of that form. ``allowance`` is what is left for all bodies of a call.
    ``certificate_authorities`` is a PEM file, or True for the usual ones. Raises ExchangeFailed.
    """
    if exchange.wire is None:
        raise RuntimeError("an exchange runs only within run_within")
    left = exchange.seconds_left()
    try:
        request = _request(url, {**headers, "Accept-Encoding": "gzip"}, form)
        response = exchange.wire.adapter.send(
            request, stream=True, timeout=(left, left), verify=certificate_authorities
        )
        with contextlib.closing(response):
            body = _body(response, exchange, max_bytes, allowance)
    except requests.Timeout:
        raise ExchangeFailed(Reason(Why.LATE)) from None
    except requests.exceptions.SSLError:
        raise ExchangeFailed(Reason(Why.ENCRYPTION)) from None
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader):
        raise ExchangeFailed(Reason(Why.NOT_FORMED)) from None
    except requests.exceptions.ContentDecodingError:
        raise ExchangeFailed(Reason(Why.COMPRESSION)) from None
    except (requests.RequestException, OSError):
        exchange.seconds_left()
        raise ExchangeFailed(Reason(Why.CONNECTION), passing=True) from None
    return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)


def _request(url: str, headers: Mapping[str, str], form: str | None) -> requests.PreparedRequest:
    if form is None:
        return requests.Request("GET", url, headers=headers).prepare()
    of_form = {"Content-Type": "application/x-www-form-urlencoded"}
    return requests.Request("POST", url, headers={**headers, **of_form}, data=requote_uri(form)).prepare()


def _body(
    response: requests.Response, exchange: Exchange, max_bytes: int, allowance: Allowance | None
) -> bytes:
    """The body, of which urllib3 unpacks no more than a chunk at a time."""
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_content(_CHUNK_BYTES):
        exchange.seconds_left()
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise ExchangeFailed(Reason(Why.TOO_LARGE))
        if allowance is not None:
            allowance.take(len(chunk))
    exchange.seconds_left()
    return b"".join(chunks)


def origin_of(url: str) -> str:
    """Scheme, host and port as they are written: the name of the lane of whoever asks ``url``."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}".lower()


def _run(job: Callable[[Exchange], _Value], exchange: Exchange) -> _Value:
    wire = _wire_of_this_thread()
    exchange.wire = wire
    with wire.lock:
        wire.exchange = exchange
    try:
        return job(exchange)
    finally:
        with wire.lock:
            wire.exchange = None


def _give_up(future: Future[Any], exchange: Exchange) -> None:
    wire = exchange.wire
    if future.cancel() or wire is None:
        return
    with wire.lock:
        # The thread may have ended this exchange by now and begun one of another call.
        if wire.exchange is exchange:
            for connection in list(wire.connections):
                _shut(connection)


def _shut(connection: HTTPConnection) -> None:
    wire_socket = connection.sock
    if wire_socket is not None:
        # A socket that the other side has closed already cannot be shut down, and need not be.
        with contextlib.suppress(OSError):
            wire_socket.shutdown(socket.SHUT_RDWR)


def _value(future: Future[_Value]) -> _Value | None:
    return future.result() if future.done() and not future.cancelled() else None


@lru_cache(maxsize=_MOST_LANES)
def _threads(process_id: int, _lane: str) -> ThreadPoolExecutor:
    """The threads of a lane in this process: they do not survive a fork, so each process starts its own."""
    return ThreadPoolExecutor(_THREADS, thread_name_prefix=f"exchange-{process_id}")


_this_thread = threading.local()


def _wire_of_this_thread() -> _Wire:
    wire: _Wire | None = getattr(_this_thread, "wire", None)
    if wire is None:
        wire = _Wire(HTTPAdapter(pool_connections=8, pool_maxsize=1, max_retries=0), weakref.WeakSet())
        wire.adapter.poolmanager.pool_classes_by_scheme = {
            "http": _watched_pool(HTTPConnectionPool, wire),
            "https": _watched_pool(HTTPSConnectionPool, wire),
        }
        _this_thread.wire = wire
    return wire


def _watched_pool(pool_class: Callable[..., HTTPConnectionPool], wire: _Wire) -> Callable[..., Any]:
    """The pool class, whose connections ``wire`` knows: only a known socket can be shut down."""

    def make_pool(*arguments: Any, **options: Any) -> HTTPConnectionPool:
        pool = pool_class(*arguments, **options)
        connection_class = pool.ConnectionCls

        def make_connection(*arguments: Any, **options: Any) -> Any:
            return _watched_connection(connection_class(*arguments, **options), wire)

        pool.ConnectionCls = make_connection  # type: ignore[assignment]  # urllib3 only calls it
        return pool

    return make_pool


def _watched_connection(connection: Any, wire: _Wire) -> Any:
    connect = connection.connect

    def connect_in_time() -> None:
        connect()
        # A name look-up cannot be interrupted. When it ends too late, nothing may be sent any more.
        if wire.exchange is not None:
            try:
                wire.exchange.seconds_left()
            except ExchangeFailed:
                connection.close()
                raise

    connection.connect = connect_in_time
    wire.connections.add(connection)
    return connection
