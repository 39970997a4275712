"""Write the bundles and requests of the patients in patients.md.

python -m fhir_fixtures.generate             write them for the committed day
python -m fhir_fixtures.generate --check     fail when the files differ from the table
python -m fhir_fixtures.generate --today now --output FOLDER   the same charts, as if lived today
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import orjson

from fhir_fixtures.vocabulary import TODAY, build_bundle, build_request

HERE = Path(__file__).parent


class PatientRow(NamedTuple):
    """One row of the table: the phrases and the rule ids that the cards must and must not name."""

    name: str
    hooks: tuple[str, ...]
    phrases: str
    must_appear: tuple[str, ...]
    must_not_appear: tuple[str, ...]


def read_patients(path: Path = HERE / "patients.md") -> list[PatientRow]:
    """The rows of every table of five columns in the file."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 5:
            name, hooks, phrases, must, must_not = (cell.replace("`", "") for cell in cells)
            rows.append(PatientRow(name, _items(hooks), phrases, _items(must), _items(must_not)))
    return rows


def _items(cell: str) -> tuple[str, ...]:
    return tuple(item for item in (part.strip() for part in cell.split(",")) if item and item != "-")


def files(today: date) -> Iterator[tuple[str, bytes]]:
    """Every file, as its path below this folder and its bytes."""
    for row in read_patients():
        yield f"bundles/{row.name}.json", _json(build_bundle(row.phrases, today=today))
        for hook in row.hooks:
            request = build_request(row.phrases, hook=hook, today=today)
            yield f"requests/{row.name}.{hook}.json", _json(request)


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def stale(folder: Path, today: date) -> list[str]:
    """The files that are missing, differ, or belong to no row."""
    wanted = dict(files(today))
    present = {str(path.relative_to(folder)) for path in folder.glob("[br]*s/*.json")}
    differ = {
        name
        for name, content in wanted.items()
        if name in present and (folder / name).read_bytes() != content
    }
    return sorted(differ | (present ^ set(wanted)))


def write(folder: Path, today: date) -> int:
    """Write every file and take away those of patients who left the table; how many there are now."""
    wanted = dict(files(today))
    for name in stale(folder, today):
        if name not in wanted:
            (folder / name).unlink()
    for name, content in wanted.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return len(wanted)


def _day(text: str) -> date:
    return datetime.now(UTC).date() if text == "now" else date.fromisoformat(text)


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 when ``--check`` finds a stale file."""
    parser = argparse.ArgumentParser(prog="python -m fhir_fixtures.generate")
    parser.add_argument(
        "--today", type=_day, default=TODAY, help="the day the charts play on: now or YYYY-MM-DD"
    )
    parser.add_argument(
        "--output", type=Path, default=HERE, help="the folder to write bundles/ and requests/ to"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    options = parser.parse_args(arguments)
    if not options.check:
        print(f"{write(options.output, options.today)} files written")
        return 0
    names = stale(options.output, options.today)
    print("\n".join(f"stale: {name}" for name in names) or "all files are current")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
