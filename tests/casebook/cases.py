"""The cases: what the EHR holds, and what the cards have to say."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.casebook.dates import Shift, zone_of
from tests.casebook.ehr_server import Quirks
from tests.casebook.fhirsearch import Item

WAYS = {
    "prefetch": ("prefetch",),
    "fetch": ("fetch",),
    "evaluate": ("evaluate",),
    "both": ("prefetch", "fetch"),
}


@dataclass
class Case:
    row: dict
    folder: Path

    def __getattr__(self, name: str) -> str:
        if name.startswith("__") or name not in self.row:
            raise AttributeError(name)
        return self.row[name]

    @property
    def quirks(self) -> Quirks:
        return Quirks.read(self.row["ehr"])

    def load(self) -> dict:
        return json.loads((self.folder / self.file).read_text(encoding="utf-8"))

    def shift(self, now: datetime) -> Shift:
        return Shift(self.as_of, now, zone_of(self.zone))

    def chart(self, shift: Shift) -> tuple[list[Item], list[dict]]:
        """The record, and what belongs into the hook's context: tagged `draft`, or named in the case."""
        named = {n.strip() for n in self.context.split(";") if n.strip()}
        record, drafts = [], []
        for entry in shift.tree(self.load())["entry"]:  # type: ignore[index]
            resource = entry["resource"]
            tags = {t.get("code") for t in (resource.get("meta") or {}).get("tag") or []}
            resource = _untagged(resource)
            if "draft" in tags or f"{resource['resourceType']}/{resource.get('id')}" in named:
                drafts.append(resource)
            else:
                record.append(Item(resource, leak="leak" in tags))
        return record, drafts


def _untagged(resource: dict) -> dict:
    meta = dict(resource.get("meta") or {})
    tags = [t for t in meta.get("tag") or [] if t.get("code") not in ("draft", "leak")]
    meta.pop("tag", None)
    if tags:
        meta["tag"] = tags
    rest = {k: v for k, v in resource.items() if k != "meta"}
    return {"resourceType": rest.pop("resourceType")} | ({"meta": meta} if meta else {}) | rest


def read_cases(folder: Path) -> list[Case]:
    with (folder / "cases.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    problems, seen = [], set()
    for n, row in enumerate(rows, 2):
        if row["id"] in seen:
            problems.append(f"line {n}: id {row['id']} twice")
        seen.add(row["id"])
        if row["way"] not in WAYS:
            problems.append(f"line {n}: way {row['way']!r}")
        if not (folder / row["file"]).is_file():
            problems.append(f"line {n}: no file {row['file']}")
        Quirks.read(row["ehr"])
    if problems:
        raise SystemExit("cases.csv: " + "; ".join(problems))
    return [Case(row, folder) for row in rows]
