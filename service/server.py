"""The production server: gunicorn, embedded, with the settings that this service needs.

Implements the transport below https://cds-hooks.hl7.org/2.0/#http-request_1. Why gunicorn and why
these workers: ``service/adr/0013-slow-neighbours.md``.

An application may leave two lists of callables in its ``extensions``: ``AFTER_FORK`` is called in every
worker before its first request (threads and database connections do not survive a fork), ``AT_EXIT`` when a
worker stops in good order.
"""

from __future__ import annotations

import ctypes
import gc
import ipaddress
import logging
import os
import resource
import shutil
import signal
import socket
import struct
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from service import AFTER_FORK, AT_EXIT
from service.buffering import buffering_worker, most_connections
from service.config import Settings
from service.errors import ConfigurationError

SILENT_CLIENT_SECONDS = 3
"""How long a thread waits for a client to take or send more, where the loop could not wait in its place."""

COUNTS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  # gunicorn makes an unlinked file in it, with a random name


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn publishes no types
    """Gunicorn's one way of being embedded, and so the one class of the service that inherits."""

    def __init__(self, load: Callable[[], Any], options: dict[str, Any]) -> None:
        self._load = load
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        application = self._load()
        _tune_garbage_collection()
        return application


def serve(settings: Settings, host: str, port: int, *, load: Callable[[], Any] | None = None) -> None:
    """Answer on ``host:port`` until SIGTERM or SIGINT.

    ``load`` makes the Flask application, once, before the workers are forked; by default it is
    :func:`service.create_app`. Raises ConfigurationError where that address would be unsafe.
    """
    check_address(settings, host)
    check_port(host, port)
    log_of_gunicorn = logging.getLogger("gunicorn.error")
    log_of_gunicorn.addFilter(_shorten_silent_clients)
    log_of_gunicorn.addFilter(_say_only_where_it_failed)
    _hold_stop_signals_while_forking()
    give_memory_back()
    with _shared_counts():
        _Server(load or partial(_load_service, settings), gunicorn_options(settings, host, port)).run()


@contextmanager
def _shared_counts() -> Iterator[None]:
    """A folder in memory where workers keep what they count, so that any of them can tell the sum.

    https://prometheus.github.io/client_python/multiprocess/: it has to be named before the library is loaded.
    """
    folder = tempfile.mkdtemp(prefix="net-cds-metrics-", dir=_in_memory())
    os.environ[COUNTS_FOLDER] = folder
    master = os.getpid()
    try:
        yield
    finally:
        if os.getpid() == master:
            del os.environ[COUNTS_FOLDER]
            shutil.rmtree(folder, ignore_errors=True)


def check_address(settings: Settings, host: str) -> None:
    """Refuse to be reachable from other machines while nobody has to say who calls."""
    if _is_loopback(host) or settings.authentication_required or settings.authentication == "off":
        return
    raise ConfigurationError(
        [
            f"refusing to listen on {host!r}: every caller would be answered. Register the clients "
            "(NET_CDS_CLIENTS), or set NET_CDS_AUTH=off if something in front of the service checks who calls"
        ]
    )


def check_port(host: str, port: int) -> None:
    """Raise ConfigurationError where the port cannot be had: gunicorn would try for five seconds first."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except OSError as problem:
        raise ConfigurationError(
            [
                f"cannot listen on {host}, port {port} ({problem.strerror}): choose another with --port "
                "(make run PORT=8001)"
            ]
        ) from None


def joined(host: str, port: int) -> str:
    """Host and port as an address has them: ``[::1]:8000`` (RFC 3986, section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def gunicorn_options(settings: Settings, host: str, port: int) -> dict[str, Any]:
    """The settings of gunicorn; every other one keeps its default."""
    return {
        "proc_name": "net-cds",
        "bind": joined(host, port),
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": buffering_worker(settings.max_body_bytes),
        "worker_connections": most_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        "preload_app": True,
        "timeout": 30,
        "graceful_timeout": 30,
        "keepalive": 30,
        # A signed JWT with its certificates is the longest header that is expected.
        "limit_request_line": 4094,
        "limit_request_fields": 100,
        "limit_request_field_size": 16384,
        # The heartbeat file must not wait for a disk.
        "worker_tmp_dir": _in_memory(),
        # The service writes its own line per request; gunicorn's would name what no log may hold.
        "accesslog": None,
        "errorlog": "-",
        "loglevel": settings.log_level.lower(),
        "control_socket_disable": True,
        # Nobody may say by a header under which path the service lies; NET_CDS_PUBLIC_URL does.
        "forwarder_headers": "",
        "when_ready": _limit_silent_clients,
        "post_fork": _after_fork,
        "post_worker_init": _release_stop_signals,
        "worker_exit": _at_exit,
    }


def _in_memory() -> str | None:
    """A folder whose files are in memory, None where this system has none."""
    return str(_MEMORY_FOLDER) if os.access(_MEMORY_FOLDER, os.W_OK) else None


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _load_service(settings: Settings) -> Any:
    # Imported late, so that an unsafe address is refused before the whole service is loaded.
    from service import create_app

    return create_app(settings)


_BYTES = 128 * 1024
_OF_MALLOC = {"M_ARENA_MAX": (-8, 2), "M_TRIM_THRESHOLD": (-1, _BYTES), "M_MMAP_THRESHOLD": (-3, _BYTES)}
"""Parameter of glibc -> its number, and what it is set to."""


def give_memory_back() -> None:
    """Have glibc give back what a large chart took, once the chart is answered.

    By itself it makes eight heaps for each core, and keeps in each the more, the larger the blocks are that
    were freed: https://man7.org/linux/man-pages/man3/mallopt.3.html. Other C libraries have no mallopt.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for number, value in _OF_MALLOC.values():
            libc.mallopt(number, value)


def _tune_garbage_collection() -> None:
    """Collect less often, and never look at what is loaded before the fork.

    A collection writes to every object that it looks at, and so would give each worker its own copy
    of the pages that they share. Parsing one body makes thousands of objects that all survive until the
    answer; at Python's threshold of 700 the collector takes a fifth of the time of parsing 200 KB.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def _hold_stop_signals_while_forking() -> None:
    """Keep a signal to stop until the new worker can act on it.

    A worker inherits the master's handlers, which in a worker do nothing. A stop that arrives before
    the worker has installed its own would be lost, and the server would hang until it is killed.
    """
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS),
        after_in_parent=_release_stop_signals,
    )


def _release_stop_signals(_worker: Any = None) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)


def _limit_silent_clients(arbiter: Any) -> None:
    """Let no connection that takes or sends nothing hold a thread.

    Accepted sockets inherit the time-outs of the listening one, which is not otherwise affected,
    because gunicorn never blocks on it.
    """
    seconds = struct.pack("ll", SILENT_CLIENT_SECONDS, 0)
    for listener in arbiter.LISTENERS:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.sock.setsockopt(socket.SOL_SOCKET, option, seconds)


def _shorten_silent_clients(record: logging.LogRecord) -> bool:
    """Write one line, not a stack trace, for a connection that was given up on."""
    if record.exc_info and isinstance(record.exc_info[1], BlockingIOError):
        record.msg, record.args = "Closed a connection that sent nothing for %d s.", (SILENT_CLIENT_SECONDS,)
        record.exc_info, record.exc_text = None, None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True


def _say_only_where_it_failed(record: logging.LogRecord) -> bool:
    """The message of an error, and what gunicorn adds of a request, can hold a token or a part of a chart."""
    if record.exc_info and record.exc_info[1]:
        error = record.exc_info[1]
        places = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]
        record.msg, record.args = "The server failed: %s.", (" ".join([type(error).__name__, *places]),)
        record.exc_info, record.exc_text = None, None
    return True


def _after_fork(arbiter: Any, _worker: Any) -> None:
    _call_all(arbiter, AFTER_FORK)


def _at_exit(arbiter: Any, worker: Any) -> None:
    # Gunicorn also calls this in the master, for a worker that it finds already gone.
    if worker.pid == os.getpid():
        _call_all(arbiter, AT_EXIT)


def _call_all(arbiter: Any, name: str) -> None:
    for call in arbiter.app.wsgi().extensions.get(name, ()):
        call()
