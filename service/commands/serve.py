"""``python -m service serve``: answer CDS Hooks calls with the production server."""

from __future__ import annotations

import argparse
from collections.abc import Collection

from service.commands import exits
from service.config import Given, Settings
from service.server import joined, serve

_Subparsers = argparse._SubParsersAction  # the type that add_subparsers returns has no public name


def add_commands(subparsers: _Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``serve``."""
    parser = subparsers.add_parser("serve", help="start the server")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on (default: 8000)")
    parser.set_defaults(run=run, further_problems=_further_problems)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Serve until the process is told to stop. Raises ConfigurationError, ContentError."""
    serve(_at(settings, arguments.host, arguments.port), arguments.host, arguments.port)
    return exits.DONE


def _at(settings: Settings, host: str, port: int) -> Settings:
    """The settings with the address listened on, for links, where none is set and this machine alone asks."""
    if "public_url" in settings.model_fields_set or not settings.is_local:
        return settings
    return settings.model_copy(update={"public_url": f"http://{joined(host, port)}"})


def _further_problems(given: Given) -> Collection[str]:
    # Imported late: a server that starts loads the whole service after its address was looked at.
    from service.web.wiring import problems_beside

    return problems_beside(given)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"not a port from 1 to 65535: {text!r}")
    return int(text)
