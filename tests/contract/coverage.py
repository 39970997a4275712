"""Which requirement of CDS Hooks is proved by which test: writes or checks COVERAGE.md.

    python tests/contract/coverage.py [--check]

The ids are those of ``requirements.csv``; a test names the ones it proves with
``@pytest.mark.conformance("REQ-2")``. Tests are read as source, so nothing has to be installed.
"""

from __future__ import annotations

import argparse
import ast
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
TABLE = HERE / "COVERAGE.md"
HEAD = """\
# Coverage of the CDS Hooks requirements

Made by `python tests/contract/coverage.py`; do not edit. The ids and their words are in
`requirements.csv`; *applies* says whose behaviour it is: the service's, the client's (then the tests
show how the service takes it) or the operator's.

{counts}

| id | level | applies | requirement | proved by |
|---|---|---|---|---|
"""


class Requirement(NamedTuple):
    """One row of requirements.csv."""

    id: str
    level: str
    summary: str
    applies: str
    why_left_out: str


def requirements() -> list[Requirement]:
    with (HERE / "requirements.csv").open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines)
        next(rows)
        return [Requirement(*row) for row in rows]


def marked_tests() -> dict[str, list[str]]:
    """Requirement id -> the tests that carry it, as ``file::name`` below tests/."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in tree.body:
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                for requirement in _marks(function):
                    found[requirement].append(f"{path.relative_to(TESTS).as_posix()}::{function.name}")
    return found


def _marks(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.conformance":
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def problems(known: list[Requirement], tests: dict[str, list[str]]) -> Iterator[str]:
    """A requirement has a test or a reason, not both and not neither; a mark has a requirement."""
    ids = {requirement.id for requirement in known}
    yield from (f"{mark}: marked by a test and not in requirements.csv" for mark in sorted(set(tests) - ids))
    for requirement in known:
        if bool(tests.get(requirement.id)) == bool(requirement.why_left_out):
            yield f"{requirement.id}: needs either a test or a reason in why_left_out"


def table(known: list[Requirement], tests: dict[str, list[str]]) -> str:
    proved = sum(1 for requirement in known if tests.get(requirement.id))
    counts = (
        f"{len(known)} requirements: {proved} proved, {len(known) - proved} left out for the reason given."
    )
    return HEAD.format(counts=counts) + "".join(_row(each, tests.get(each.id, [])) for each in known)


def _row(requirement: Requirement, tests: list[str]) -> str:
    proof = "<br>".join(f"`{test}`" for test in tests) or f"left out: {requirement.why_left_out}"
    cells = (requirement.id, requirement.level, requirement.applies, requirement.summary, proof)
    return f"| {' | '.join(cells)} |\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Write COVERAGE.md, or check that it is current.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail when COVERAGE.md is stale")
    check = parser.parse_args(arguments).check
    known, tests = requirements(), marked_tests()
    found = list(problems(known, tests))
    text = table(known, tests)
    if check and (not TABLE.is_file() or TABLE.read_text(encoding="utf-8") != text):
        found.append("COVERAGE.md is stale: run python tests/contract/coverage.py")
    if not check:
        TABLE.write_text(text, encoding="utf-8")
    sys.stderr.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
