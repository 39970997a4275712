"""``python -m service``: the service and its tools on the command line.

Exit codes are those of :mod:`service.commands.exits`. A mistake of the user ends in one message and never in
a stack trace; a stack trace means a fault of the program.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence

from service import VERSION
from service.commands import exits
from service.commands.output import ReaderLeft, checked_output, settled_errors
from service.config import given_settings
from service.errors import ConfigurationError, MalformedRequest, ServiceError

_COMMANDS: Mapping[str, str] = {
    "serve": "service.commands.serve",
    "evaluate": "service.commands.evaluate",
    "cohort": "service.cohort.command",
    "doctor": "service.commands.doctor",
    "try": "service.commands.try_service",
    "cards": "service.commands.cards",
    "config": "service.commands.configuration",
    "content": "service.commands.content",
    "migrate": "service.store.commands",
    "feedback": "service.store.commands",
}
"""Command -> the module whose ``add_commands`` adds it to the parser."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    _let_any_text_be_printed()
    with settled_errors():
        return _exit_code(arguments)


def _exit_code(arguments: Sequence[str] | None) -> int:
    try:
        with checked_output():
            return _run(arguments)
    except ReaderLeft:
        return exits.READER_LEFT
    except ServiceError as problem:
        _complain(problem)
        return exits.UNUSABLE
    except KeyboardInterrupt:
        return exits.INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = _parser(sys.argv[1:] if arguments is None else arguments).parse_args(arguments)
    except SystemExit as stop:  # argparse has printed its help or what is wrong
        return exits.UNUSABLE if stop.code else exits.DONE
    given = given_settings(os.environ)
    if given.problems:
        also = getattr(options, "further_problems", None)
        raise ConfigurationError([*given.problems, *(also(given) if also else ())])
    return int(options.run(options, given.settings))


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for these arguments; the server has no use for the modules of the other commands."""
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="CDS Hooks service for the initial treatment of neuroendocrine tumours.",
        epilog="Settings are environment variables, or one file: see deploy/README.md. Exit codes: 0 nothing "
        "to object, 1 something to mend, 2 (doctor, config check) not ready, 3 not done.",
    )
    parser.add_argument("--version", action="version", version=VERSION)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    named = [_COMMANDS[word] for word in arguments[:1] if word in _COMMANDS]
    for module in named or dict.fromkeys(_COMMANDS.values()):
        importlib.import_module(module).add_commands(subparsers)
    return parser


def _message(problem: ServiceError) -> str:
    if isinstance(problem, MalformedRequest):
        return f"{problem.path}: {problem.message}"
    return str(problem) or type(problem).__name__


def _let_any_text_be_printed() -> None:
    """Print a question mark for what the terminal's encoding lacks, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")


def _complain(problem: ServiceError) -> None:
    # Where standard error cannot be written either, the exit code has to do.
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(_message(problem), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
