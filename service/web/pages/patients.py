"""The synthetic patients of ``fhir_fixtures/patients.md``, to choose from on the first page.

They are part of a checkout and not of an installation that only serves; without them there is none to choose.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

_VOCABULARY = "fhir_fixtures.vocabulary"


@dataclass(frozen=True, slots=True)
class SyntheticPatient:
    """One row of the table: ``name`` is its id, ``hooks`` those it was written for, ``phrases`` the chart."""

    name: str
    group: str
    hooks: tuple[str, ...]
    phrases: str

    @property
    def title(self) -> str:
        """The name as words."""
        words = self.name.split("-")
        first, *others = [word.upper() if word in _ABBREVIATIONS else word for word in words]
        return " ".join([first if first.isupper() else first.capitalize(), *others])


_ABBREVIATIONS = frozenset({"net", "fdg", "pet", "prrt", "sstr", "hiaa"})


def synthetic_patients() -> dict[str, SyntheticPatient]:
    """By name, in the order of the table; empty where the fixtures are not installed."""
    vocabulary = _vocabulary()
    if vocabulary is None or vocabulary.__file__ is None:
        return {}
    table = Path(vocabulary.__file__).with_name("patients.md").read_text(encoding="utf-8")
    return {one.name: one for one in _rows(table)}


def _vocabulary() -> ModuleType | None:
    try:
        return importlib.import_module(_VOCABULARY)
    except ModuleNotFoundError:
        return None


def _rows(table: str) -> Iterator[SyntheticPatient]:
    group = ""
    for line in table.splitlines():
        if line.startswith("## "):
            group = line.removeprefix("## ")
        cells = [cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == _COLUMNS:
            hooks = tuple(one.strip() for one in cells[1].split(","))
            yield SyntheticPatient(cells[0], group, hooks, cells[2])


_COLUMNS = 5


def request_for(patient: SyntheticPatient, hook: str, *, today: date) -> Mapping[str, Any]:
    """The hook request of the chart, written as if lived today."""
    found: Mapping[str, Any] = importlib.import_module(_VOCABULARY).build_request(
        patient.phrases, hook=hook, today=today
    )
    return found
