"""Print the licences of a list of parts (CycloneDX JSON) as a table; fails where a part names none.

Run it with the Python of the parts: it reads from the packages themselves what the list leaves out.

python deploy/licences.py SBOM.json          https://cyclonedx.org/docs/1.6/json/#components
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any


def licences(component: Mapping[str, Any]) -> str:
    """What a part says of its licence: an SPDX expression, ids or names; empty where it says nothing."""
    found = [
        entry.get("expression") or entry["license"].get("id") or entry["license"].get("name", "")
        for entry in component.get("licenses", ())
    ]
    # The list leaves out what is no SPDX expression.
    found = found or [_of_the_package(component["name"])]
    # Some packages give the whole text in the place of a name.
    return ", ".join(sorted({name.strip().splitlines()[0] for name in found if name.strip()}))


def _of_the_package(name: str) -> str:
    try:
        return metadata(name).get("License", "")
    except PackageNotFoundError:
        return ""


def main(arguments: list[str]) -> int:
    """Exit status 1 when a part names no licence."""
    parts = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))["components"]
    rows = sorted((part["name"].lower(), part["version"], licences(part)) for part in parts)
    lines = [f"| {name} | {version} | {licence or '**none named**'} |" for name, version, licence in rows]
    sys.stdout.write("\n".join(["| part | version | licence |", "|---|---|---|", *lines, ""]))
    return int(any(not licence for _, _, licence in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
