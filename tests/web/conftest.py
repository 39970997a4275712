from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from service.web import logs


@pytest.fixture
def log_lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Read the log lines that standard output got, as an operator sees them."""
    logs.configure_logging("INFO")
    yield lambda: [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    logs.remove_logging()
