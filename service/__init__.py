"""A CDS Hooks service for the initial treatment of neuroendocrine tumours."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from service.config import Settings

VERSION = "0.1.0"
"""The version of the program, the same as in pyproject.toml."""

AFTER_FORK = "net_cds_after_fork"
AT_EXIT = "net_cds_at_exit"
"""Extensions of the application: lists of what a server calls in each worker, at its start and at its end."""


def create_app(settings: Settings | None = None) -> Flask:
    """The whole service as a Flask application, by default with the settings of the environment.

    Raises ConfigurationError or ContentError with every problem. What a server has to call in each
    worker is in the application's ``extensions``: see :mod:`service.server`.
    """
    # Imported late, because every module of the package passes through here first.
    from service.web.wiring import wired_app

    return wired_app(settings)
