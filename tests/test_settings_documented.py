"""``deploy/README.md`` names every setting, with its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.config import Settings, example_of_variables, read_settings, variables
from service.fhir.code_map import read_code_map
from service.site import Call, read_site, site_of
from service.web.wiring import callers_of, clients_of
from tests.asking import knowledge

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


def test_the_example_of_variables_names_each_with_its_default_and_sets_none():
    lines = (_CHECKOUT / "deploy/.env.example").read_text(encoding="utf-8").splitlines()
    assert lines == list(example_of_variables())
    named = dict(line[1:].split("=", 1) for line in lines[1:])
    assert {name: default or None for name, default in named.items()} == _documented()
    assert all(line.startswith("#") for line in lines)


def test_the_example_of_a_configuration_file_is_one(monkeypatch):
    monkeypatch.chdir(_CHECKOUT)
    settings = read_settings({"NET_CDS_CONFIG": "deploy/net-cds.example.toml"})
    site = site_of(read_site(settings.config_file, callers_of(clients_of(settings, {}))), knowledge())
    assert settings.public_url == "https://cds.example.org"
    assert read_code_map(settings.code_map_file)[0].listed_code == "9811-1"
    assert len(site.table.when) == 2
    assert site.rules_of(Call("patient-view", roles=frozenset({"surgeon"}))).off.keys() >= {"hiaa"}
