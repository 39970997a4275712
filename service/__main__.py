"""``python -m service``: the service and its tools on the command line.

Exit codes are those of :mod:`service.commands.exits`. A mistake of the user ends in one message and never in
a stack trace; a stack trace means a fault of the program.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from service import VERSION
from service.commands import cards, doctor, evaluate, exits, serve, try_service
from service.config import read_settings
from service.errors import MalformedRequest, ServiceError
from service.store.commands import add_commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    _let_any_text_be_printed()
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:  # argparse has printed its help or what is wrong
        return exits.UNUSABLE if stop.code else exits.DONE
    try:
        return int(options.run(options, read_settings(os.environ)))
    except ServiceError as problem:
        print(_message(problem), file=sys.stderr)
        return exits.UNUSABLE
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return exits.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="CDS Hooks service for the initial treatment of neuroendocrine tumours.",
        epilog="Settings are environment variables: deploy/README.md lists them. Exit codes: 0 nothing to "
        "object, 1 something to mend, 2 (doctor) the server is not ready, 3 not done.",
    )
    parser.add_argument("--version", action="version", version=VERSION)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (serve, evaluate, doctor, try_service, cards):
        command.add_command(subparsers)
    add_commands(subparsers)
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


def _forget_output() -> None:
    """The reader of the pipe has gone, as ``head`` does; what is still buffered has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
