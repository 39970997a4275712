"""Files that only their owner can read, as everything is that a cohort run writes of patients."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

_ONLY_OWNER = 0o600


def create(path: Path) -> IO[bytes]:
    """Open a file to be written anew."""
    path.touch(mode=_ONLY_OWNER)
    path.chmod(_ONLY_OWNER)
    return path.open("wb")


def create_new(path: Path) -> IO[bytes]:
    """Open a file that must not be there yet; raises FileExistsError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_OWNER), "wb")


def write(path: Path, content: bytes) -> Path:
    """Write a file anew, and give it back."""
    with create(path) as opened:
        opened.write(content)
    return path
