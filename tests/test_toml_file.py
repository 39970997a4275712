from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.toml_file import TomlFile, meant, read_toml

TEXT = """# a comment
[site]
shadow = true
rules.hiaa.state = "off"

[site.rules."sstr-imaging"]
state = "on"

[[site.when]]
role = "surgeon"

[[site.when]]
hook = "order-sign"
[site.when.rules.ki67]
state = "off"
"""


def read(tmp_path: Path, text: str) -> TomlFile:
    path = tmp_path / "net-cds.toml"
    path.write_text(text, encoding="utf-8")
    return read_toml(path)


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("site",), 2),
        (("site", "shadow"), 3),
        (("site", "rules", "hiaa", "state"), 4),
        (("site", "rules", "hiaa"), 4),
        (("site", "rules", "sstr-imaging", "state"), 7),
        (("site", "when", 0, "role"), 10),
        (("site", "when", 1, "hook"), 13),
        (("site", "when", 1, "rules", "ki67", "state"), 15),
    ],
)
def test_each_key_has_its_line(tmp_path: Path, place: tuple[str | int, ...], line: int) -> None:
    assert f"net-cds.toml, line {line}, " in read(tmp_path, TEXT).where(*place)


def test_what_has_no_line_of_its_own_has_that_of_the_table_around_it(tmp_path: Path) -> None:
    file = read(tmp_path, TEXT)

    assert file.where("site", "when", 1, "rules", "ki67", "absent") == (
        "net-cds.toml, line 14, site.when[2].rules.ki67.absent"
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"[site", "is not TOML"), (b"\xff\xfe", "is not UTF-8 text"), (None, "cannot be read")],
)
def test_a_file_that_cannot_be_read_is_a_message(tmp_path: Path, content: bytes | None, fault: str) -> None:
    path = tmp_path / "net-cds.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=fault):
        read_toml(path)


def test_the_nearest_known_name_is_offered_and_nothing_far_off() -> None:
    assert meant("wokers", ["workers", "threads"]) == "; did you mean 'workers'?"
    assert meant("colour", ["workers", "threads"]) == ""
