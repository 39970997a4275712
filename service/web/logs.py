"""One JSON line per request, on standard output.

What a line may hold is chosen here, name by name: ids of the service and of the client, states,
counts and durations. No patient data, token or free text of a request gets in
(https://cds-hooks.hl7.org/2.0/#security-and-safety).
"""

from __future__ import annotations

import logging
import re
import select
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, TextIO, cast

import orjson

from service.errors import ServiceError
from service.fhir.queries import QUERIES
from service.hooks.schemas import definitions
from service.hooks.shapes import schemas

LOGGER = logging.getLogger("service.web")
_LOGGERS = ("service", "opentelemetry")  # the latter says in its own name that spans could not be sent
_STEP = re.compile(r"\.([^.\[\]]*)")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(slots=True)
class Trace:
    """What is known of the request in hand; ``fields`` go to its log line."""

    fields: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    def note(self, **fields: Any) -> None:
        """Add to the log line what is not empty."""
        self.fields.update({name: value for name, value in fields.items() if value})

    def note_hook_instance(self, hook_instance: str) -> None:
        """Add the hookInstance if it is a UUID; anything else could be free text."""
        if _UUID.fullmatch(hook_instance):
            self.fields["hookInstance"] = hook_instance
        else:
            self.fields["hookInstanceIsUuid"] = False


def write_line(trace: Trace, *, status: int) -> None:
    """Write the line of one request; ``ms`` is the time since its trace began."""
    elapsed = round((time.perf_counter() - trace.started) * 1000, 3)
    level = logging.ERROR if status == 500 else logging.INFO
    if LOGGER.isEnabledFor(level):
        name = "ERROR" if level == logging.ERROR else "INFO"
        line = _line(datetime.now(UTC), level=name, logger=LOGGER.name, event="request")
        line |= {"status": status, "ms": elapsed, **trace.fields}
        # Past the handlers: what logging does for a record costs more than the line itself.
        _write(_json(line) + "\n")


def write_event(event: str, **fields: Any) -> None:
    """Write a line on the service itself, such as that of its start."""
    if LOGGER.isEnabledFor(logging.INFO):
        moment = datetime.now(UTC)
        _write(_json(_line(moment, level="INFO", logger=LOGGER.name, event=event) | fields) + "\n")


def safe_path(path: str) -> str:
    """A JSON path with ``*`` for the names that no part of the protocol has: the caller invented them."""
    return _STEP.sub(lambda step: step[0] if step[1] in _protocol_names() else ".*", path)


@cache
def _protocol_names() -> frozenset[str]:
    return frozenset(QUERIES) | frozenset(_properties([definitions("feedback"), schemas()]))


def _properties(schema: Any) -> Iterator[str]:
    """Every name under ``properties`` of a schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _properties(inner)


def _write(text: str) -> None:
    """Write to the log, or do without: advice matters more than the record of it.

    A disk may be full, the reader of a pipe may have gone or stopped reading.
    """
    with suppress(OSError, ValueError, ServiceError):
        if _has_room(sys.stdout):
            sys.stdout.write(text)
            sys.stdout.flush()


def _has_room(stream: TextIO) -> bool:
    """Whether a line can be written without waiting for whoever reads it."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return True  # a stand-in of a test has none
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


def where_it_failed(error: BaseException) -> list[str]:
    """Types and places of an error and its causes, without messages: those may quote the request."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.name}:{frame.lineno}" for frame in frames[-8:]]
    return [type(error).__name__, *places]


class JsonLines:
    """A formatter in all but inheritance: one JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the fields of a record, and of an exception only where it was raised."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line = _line(moment, level=record.levelname, logger=record.name, event=record.getMessage())
        if record.exc_info and record.exc_info[1]:
            line["error"] = where_it_failed(record.exc_info[1])
        return _json(line)


def _line(moment: datetime, *, level: str, logger: str, event: str) -> dict[str, Any]:
    return {"time": moment, "level": level, "logger": logger, "event": event}


def _json(line: dict[str, Any]) -> str:
    return orjson.dumps(line, default=str).decode()


class StandardOutput:
    """Whatever standard output is at the time of writing; test runners and servers exchange it."""

    def write(self, text: str) -> int:
        """Write to the present standard output, or do without."""
        _write(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


def configure_logging(level: str) -> None:
    """Let the service log JSON lines to standard output, once however often it is called."""
    # What logging says of its own faults is a stack trace on standard error.
    logging.raiseExceptions = False
    for logger in map(logging.getLogger, _LOGGERS):
        logger.setLevel(level)
        if not _own_handlers(logger):
            handler = logging.StreamHandler(cast("TextIO", StandardOutput()))
            handler.setFormatter(cast("logging.Formatter", JsonLines()))
            logger.addHandler(handler)


def remove_logging() -> None:
    """Undo :func:`configure_logging`, so that a test leaves nothing behind."""
    for logger in map(logging.getLogger, _LOGGERS):
        for handler in _own_handlers(logger):
            logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def _own_handlers(logger: logging.Logger) -> list[logging.Handler]:
    return [
        handler for handler in logger.handlers if isinstance(cast("object", handler.formatter), JsonLines)
    ]
