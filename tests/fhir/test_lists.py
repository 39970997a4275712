"""The lists that the service names, the lists that its code reads, and the files are the same."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import service
from service.errors import ContentError
from service.fhir.lists import CODE_LISTS, WORD_LISTS, list_faults, read_drug_words, read_queried
from service.fhir.terminology import load_terminology
from tests.asking import CARDS

PACKAGE = Path(service.__file__).parent
ASKED_BY_NAME = {
    "rows",
    "has_row",
    "is_named",
    "finds",
    "says",
    "hits",
    "about",
    "saying",
    "is_in",
    "of",
}
"""Methods whose texts are names of lists."""


@cache
def trees() -> list[ast.Module]:
    paths = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "fhir" / "lists.py"]
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def texts(nodes: list[ast.AST]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_code_reads_every_list_that_is_named() -> None:
    read = texts([node for tree in trees() for node in ast.walk(tree)])

    assert (CODE_LISTS | WORD_LISTS) - read == set()


def test_the_code_reads_no_list_that_is_not_named() -> None:
    asked = [
        argument
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ASKED_BY_NAME
        for argument in node.args
    ]
    names = {text for text in texts(asked) if "-" in text}
    of_drugs = {one.word_list for one in read_drug_words(CARDS)}

    assert names - CODE_LISTS - WORD_LISTS - of_drugs == set()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CARDS, tmp_path / "cards"))


def faults(folder: Path) -> list[str]:
    return list(list_faults(folder, drug_words=read_drug_words(folder), queried=read_queried(folder)))


def test_the_committed_lists_hold(folder: Path) -> None:
    assert faults(folder) == []


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (
            lambda folder: (folder / "codelists" / "new.csv").touch(),
            "codelists/new.csv: no fact or rule names this list; delete it",
        ),
        (
            lambda folder: (folder / "wordlists" / "pl" / "ki67.txt").rename(
                folder / "wordlists" / "pl" / "neu.txt"
            ),
            "wordlists/pl/neu.txt: no fact or rule names this list; delete it",
        ),
        (
            lambda folder: (folder / "codelists" / "gallstones.csv").unlink(),
            "codelists/gallstones.csv: missing",
        ),
        (
            lambda folder: (folder / "wordlists" / "en" / "drug-telotristat.txt").unlink(),
            "wordlists/en/drug-telotristat.txt: missing",
        ),
        (
            lambda folder: (folder / "wordlists" / "en" / "gallstones.txt").touch(),
            "wordlists/en/gallstones.txt: has the name of a code list; end it in -words",
        ),
        (
            lambda folder: (folder / "codelists" / "queried.csv").write_text("code_list,unless\nabsent,\n"),
            "queried.csv: there is no code list absent",
        ),
    ],
)
def test_lists_and_names_come_in_pairs(
    folder: Path, break_it: Callable[[Path], object], problem: str
) -> None:
    (folder / "wordlists" / "pl").mkdir()
    (folder / "wordlists" / "pl" / "ki67.txt").write_text("Ki-67\n", encoding="utf-8")

    break_it(folder)

    assert problem in faults(folder)


@pytest.mark.parametrize(
    ("word_list", "phrase"),
    [
        ("drug-somatostatin-analogue", "octreotid"),
        ("drug-somatostatin-analogue", "Lanreotida"),
        ("drug-histamine-minor", "morphin*"),
        ("drug-targeted", "capecitabine"),
    ],
)
def test_a_word_that_would_be_two_drugs_stops_the_start(folder: Path, word_list: str, phrase: str) -> None:
    path = folder / "wordlists" / "de" / f"{word_list}.txt"
    path.write_text(f"{phrase}\n", encoding="utf-8")

    with pytest.raises(
        ContentError, match=f"{re.escape(repr(phrase))} of {word_list} is read as drug-"
    ) as raised:
        load_terminology(folder)

    assert "keep it in one of the lists" in str(raised.value)


def test_a_drug_may_stand_in_two_code_lists(folder: Path) -> None:
    path = folder / "wordlists" / "de" / "drug-hiaa-interference.txt"
    path.write_text("capecitabin\n", encoding="utf-8")

    assert load_terminology(folder).says("drug-cytotoxic", "Capecitabin")


def test_a_phrase_of_any_language_counts(folder: Path) -> None:
    (folder / "wordlists" / "pl").mkdir()
    (folder / "wordlists" / "pl" / "gallstones-words.txt").write_text("kamica żółciowa\n", encoding="utf-8")

    found = load_terminology(folder)

    assert found.says("gallstones-words", "Kamica żółciowa")
    assert found.says("gallstones-words", "gallstones")


def test_a_list_that_is_not_utf_8_is_named(folder: Path) -> None:
    (folder / "wordlists" / "en" / "ki67.txt").write_bytes("Größe".encode("latin-1"))

    with pytest.raises(Exception, match=r"ki67.txt, line 1: is not UTF-8 text"):
        load_terminology(folder)
