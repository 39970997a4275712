"""What all tests share: the cards are read once, and what is slow is marked so."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.web import logs, wiring
from tests.asking import CARDS

_SLOW_FIXTURES = frozenset({"postgresql_server", "start_process"})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not _SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


@pytest.fixture(scope="session", autouse=True)
def cards_are_read_once() -> Iterator[None]:
    """Reading the cards is most of what it takes to start, and the committed ones stay the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "load_knowledge", partial(_load, {}, wiring.load_knowledge))
        yield


@pytest.fixture(scope="module", autouse=True)
def the_log_is_as_python_has_it() -> Iterator[None]:
    """A service that lives longer than the tests of one file leaves its log level to those of the next."""
    logs.remove_logging()
    yield
    logs.remove_logging()


def _load(remembered: dict[str, Any], load: Any, cards_dir: Path, **options: Any) -> Any:
    chosen = ("overrides", "code_map", "read_languages")
    if cards_dir.resolve() != CARDS.resolve() or any(options.get(name) for name in chosen):
        return load(cards_dir, **options)
    if "committed" not in remembered:
        remembered["committed"] = load(cards_dir, **options)
    return remembered["committed"]
