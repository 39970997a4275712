"""``deploy/README.md`` names every setting, with its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.config import Settings, read_settings, variables

_CHECKOUT = Path(__file__).resolve().parent.parent
_ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+) \| (?:`(.+)`|(none)) \|$", re.MULTILINE)


def _documented() -> dict[str, str | None]:
    """Setting -> its default as written, None where there is none."""
    text = (_CHECKOUT / "deploy/README.md").read_text(encoding="utf-8")
    return {row[1]: row[3] for row in _ROW.finditer(text)}


def test_every_setting_is_documented_and_every_documented_setting_exists():
    assert list(_documented()) == list(variables())


@pytest.mark.parametrize("variable", sorted(variables()))
def test_the_documented_default_is_the_default(variable, monkeypatch):
    monkeypatch.chdir(_CHECKOUT)
    default, documented = getattr(Settings(), variables()[variable]), _documented()[variable]
    if documented is None:
        assert not default
    else:
        read = getattr(read_settings({variable: documented}), variables()[variable])
        assert (read.resolve() if isinstance(read, Path) else read) == default


def test_the_documented_defaults_are_what_an_empty_environment_gives():
    assert read_settings({}) == read_settings(dict.fromkeys(variables(), "  ")) == Settings()
