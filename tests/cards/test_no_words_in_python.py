"""No module on the way from a chart to a card has words of its own: they could be in one language only.

What is raised is English, for who calls or configures; what is refused at load is for who edits the files.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.asking import knowledge

SERVICE = Path(__file__).parents[2] / "service"
_AT_LOAD = {
    *("facts/defaults.py", "fhir/code_map.py", "fhir/lists.py", "fhir/phrasebook.py", "fhir/terminology.py"),
    "rules/base.py",  # for whom a rule is, as the tables of the documents say it
}
_UNITS = "fhir/quantities.py"  # as laboratories write them
ON_THE_WAY = sorted(
    path
    for pattern in ("fhir/*.py", "facts/*.py", "rules/*.py", "engine.py", "rendering.py", "hooks/card.py")
    for path in SERVICE.glob(pattern)
    if str(path.relative_to(SERVICE)) not in {*_AT_LOAD, _UNITS}
)
_WORDS = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")


@pytest.mark.parametrize("path", ON_THE_WAY, ids=lambda path: str(path.relative_to(SERVICE)))
def test_a_module_on_the_way_to_a_card_holds_no_words_of_its_own(path: Path) -> None:
    assert list(_own_words(path.read_text(encoding="utf-8"))) == []


def test_words_that_a_module_would_say_are_found() -> None:
    assert list(_own_words('"""A docstring."""\nwhy = f"the server said {status}"\n')) == ["the server said "]


def _own_words(source: str) -> Iterator[str]:
    """Texts of several words, but for docstrings, what is raised, lists of codes and what phrases name."""
    tree = ast.parse(source)
    passed_over = {id(part) for node in ast.walk(tree) for part in _for_others(node)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in passed_over else None
        if isinstance(text, str) and _WORDS.search(text) and not _is_named(text):
            yield text


def _for_others(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    elif isinstance(node, ast.Raise) or _is_list_of_codes(node):
        yield from ast.walk(node)


def _is_list_of_codes(node: ast.AST) -> bool:
    """``_one_of("final amended")`` and a constant that such a list is put together from: codes of FHIR."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", "") == "_one_of"
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("_RESULT", "_BOOKING")


def _is_named(text: str) -> bool:
    """Whether it is the name of a value that each language has its own word for, as of an organ."""
    return f"names.site.{text.replace(' ', '-')}" in knowledge().phrases.texts
