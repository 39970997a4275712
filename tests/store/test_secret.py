from __future__ import annotations

import stat
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.store.secret import check_secret, read_secret

_MAKER = """
import sys
from service.store.secret import read_secret

sys.stdin.readline()
print(read_secret(None, database_url=sys.argv[1]).decode(), flush=True)
"""


def test_the_key_is_made_once_beside_the_database(tmp_path):
    url = f"sqlite:///{tmp_path}/store.sqlite3"
    key = read_secret(None, database_url=url)
    assert len(key) >= 32
    assert read_secret(None, database_url=url) == key
    (file,) = tmp_path.iterdir()
    assert file.name == "store.secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_for_postgresql_the_key_lies_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read_secret(None, database_url="postgresql+psycopg://host/db")
    assert [file.name for file in tmp_path.iterdir()] == ["net-cds.secret"]


def test_the_key_is_that_of_the_named_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("an operator chose this key with care\n")
    assert read_secret(file, database_url="sqlite:///x") == b"an operator chose this key with care"


def test_processes_that_start_together_agree_on_the_key(tmp_path, start_process):
    makers = [start_process(_MAKER, f"sqlite:///{tmp_path}/store.sqlite3") for _ in range(4)]
    for maker in makers:
        maker.stdin.write("go\n")
        maker.stdin.flush()
    keys = {maker.communicate(timeout=60)[0] for maker in makers}
    assert len(keys) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["store.secret"]


@pytest.mark.parametrize("content", [b"", b"short", b" " * 64])
def test_a_weak_key_is_refused(tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigurationError, match="32 bytes"):
        read_secret(tmp_path / "key", database_url="sqlite:///x")


def test_a_key_that_cannot_be_made_is_a_problem_of_the_settings(tmp_path):
    with pytest.raises(ConfigurationError, match="NET_CDS_SECRET_FILE"):
        read_secret(tmp_path / "no" / "folder" / "key", database_url="sqlite:///x")


def test_a_device_is_no_key():
    for check in (read_secret, check_secret):
        with pytest.raises(ConfigurationError, match="it is no file"):
            check(Path("/dev/zero"), database_url="sqlite:///x")
