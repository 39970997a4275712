"""The key of the digests that stand for patient and user (``memory``), kept in a file.

All workers, and all replicas that share a database, need the same key; with another key nothing breaks,
but overrides reported before are no longer recognised.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from service.errors import ConfigurationError

_BYTES = 32


def read_secret(secret_file: Path | None, *, database_url: str) -> bytes:
    """Read the key, making it (readable by its owner only) where there is none yet.

    Without ``secret_file`` it lies beside the SQLite file, for PostgreSQL in the working folder.
    Raises ConfigurationError.
    """
    path = secret_file or _beside(database_url)
    try:
        return _check(_read_or_create(path))
    except OSError as problem:
        raise _unusable(path, problem) from None


def check_secret(secret_file: Path | None, *, database_url: str) -> None:
    """Raise ConfigurationError where ``read_secret`` would; makes nothing."""
    path = secret_file or _beside(database_url)
    try:
        if path.exists():
            _check(_bytes_of(path))
        elif not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionError(None, "its folder is not there or cannot be written to")
    except OSError as problem:
        raise _unusable(path, problem) from None


def _unusable(path: Path, problem: OSError) -> ConfigurationError:
    return ConfigurationError(
        [f"NET_CDS_SECRET_FILE: {path} can be neither read nor made ({problem.strerror})"]
    )


def _beside(database_url: str) -> Path:
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(["NET_CDS_DATABASE_URL is not a database URL"]) from None
    if url.drivername != "sqlite" or not url.database:
        return Path("net-cds.secret")
    return Path(url.database).with_suffix(".secret")


def _read_or_create(path: Path) -> bytes:
    if not path.exists():
        _create(path)
    return _bytes_of(path)


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():  # a device may have no end
        raise PermissionError(None, "it is no file")
    return path.read_bytes()


def _create(path: Path) -> None:
    # Written aside and linked into place: of several processes one wins, and none reads half a key.
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(_BYTES).encode())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        os.close(descriptor)
        draft.unlink()


def _check(key: bytes) -> bytes:
    stripped = key.strip()
    if len(stripped) < _BYTES:
        raise ConfigurationError([f"NET_CDS_SECRET_FILE: the key must have at least {_BYTES} bytes"])
    return stripped
