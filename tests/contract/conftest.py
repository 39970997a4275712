from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service import AT_EXIT, create_app
from service.config import Settings


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "conformance(*ids): the ids of requirements.csv that it proves")


@pytest.fixture(scope="module")
def service_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., FlaskClient]]:
    """Make the whole service with some settings, on a store of its own."""
    closing: list[Callable[[], None]] = []

    def make(**changes: Any) -> FlaskClient:
        folder: Path = tmp_path_factory.mktemp("store")
        app = create_app(Settings(**{"database_url": f"sqlite:///{folder}/store.sqlite3", **changes}))
        closing.extend(app.extensions[AT_EXIT])
        return app.test_client()

    yield make
    for close in closing:
        close()


@pytest.fixture(scope="module")
def service(service_of: Callable[..., FlaskClient]) -> FlaskClient:
    """The whole service as ``make run`` starts it."""
    return service_of()
