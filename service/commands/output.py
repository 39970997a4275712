"""Standard output and standard error, whose faults are told apart from those of every other file.

A disk that is full, or a reader who has left the pipe, shows while a command writes or only when what it
wrote is flushed. Both end the command with an exit code of their own: that of a verdict which nobody could
read would be taken for the verdict. https://docs.python.org/3/library/signal.html#note-on-sigpipe
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from service.errors import ServiceError


class OutputUnusable(ServiceError):
    """What a command prints could not be written."""


class ReaderLeft(ServiceError):
    """Nobody reads the pipe any more, as after ``| head``."""


@contextlib.contextmanager
def checked_output() -> Iterator[None]:
    """Let what is printed in this block, or is still buffered at its end, raise one of the two."""
    output = _Output(sys.stdout)
    try:
        with contextlib.redirect_stdout(cast("IO[str]", output)):
            yield
        output.flush()
    except (OutputUnusable, ReaderLeft):
        _forget(output)
        raise


@contextlib.contextmanager
def settled_errors() -> Iterator[None]:
    """Let standard error that cannot be written leave the exit code alone.

    What is still buffered when Python ends, it tries to write once more, and the code is then Python's own.
    """
    try:
        yield
    finally:
        errors = _Output(sys.stderr)
        try:
            errors.flush()
        except (OutputUnusable, ReaderLeft):
            _forget(errors)


@dataclass(frozen=True, slots=True)
class _Output:
    """The stream, or None where the process was started without one."""

    stream: IO[str] | None

    @property
    def encoding(self) -> str:
        return getattr(self.stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        if self.stream is None:
            raise OutputUnusable("The output could not be written: standard output is closed.")
        with _faults():
            return self.stream.write(text)

    def flush(self) -> None:
        if self.stream is not None:
            with _faults():
                self.stream.flush()

    def isatty(self) -> bool:
        return self.stream is not None and self.stream.isatty()

    def fileno(self) -> int:
        if self.stream is None:
            raise OSError("standard output is closed")
        return self.stream.fileno()


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise ReaderLeft from None
    except OSError as problem:
        raise OutputUnusable(f"The output could not be written: {problem.strerror}.") from None


def _forget(output: _Output) -> None:
    """What is still buffered has nowhere to go; Python would try once more, and complain, when it ends."""
    with contextlib.suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), output.fileno())
