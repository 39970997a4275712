"""``deploy/README.md`` and ``service/config.py`` name the same settings, with the same defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.config import VARIABLES, Settings, read_settings

_CHECKOUT = Path(__file__).resolve().parent.parent
_ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+) \| (?:`(.+)`|(none)) \| (\d+\.\d+\.\d+) \|$", re.MULTILINE)


def _documented() -> dict[str, str | None]:
    """Setting -> its default as written, None where there is none."""
    text = (_CHECKOUT / "deploy/README.md").read_text(encoding="utf-8")
    return {row[1]: row[3] for row in _ROW.finditer(text)}


def test_every_setting_is_documented_and_every_documented_setting_exists():
    assert sorted(_documented()) == sorted(VARIABLES)


@pytest.mark.parametrize("variable", sorted(VARIABLES))
def test_the_documented_default_is_the_default(variable, monkeypatch):
    monkeypatch.chdir(_CHECKOUT)
    field, convert = VARIABLES[variable]
    default, documented = getattr(Settings(), field), _documented()[variable]
    if documented is None:
        assert not default
    elif isinstance(default, Path):
        assert convert(documented).resolve() == default
    else:
        assert convert(documented) == default


def test_the_documented_defaults_are_what_an_empty_environment_gives():
    assert read_settings({}) == Settings()
