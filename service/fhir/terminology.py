"""Code lists and word lists: what a code or a phrase in the record means to the rules.

The lists belong to the clinicians and live in ``cards/codelists`` and ``cards/wordlists``; their
README says where each code was seen. Every column beyond the code becomes an attribute. A language is a
folder of word lists; a phrase of any language counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from service.content_files import collect, read_rows, read_text
from service.errors import ContentError
from service.fhir.about import About, ListedCode
from service.fhir.lists import DrugWords, code_list_files, read_drug_words, read_queried, word_list_files
from service.fhir.phrases import Phrase, WordLists
from service.fhir.r4 import CodeableConcept

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"


class SiteName(NamedTuple):
    """A stem by which words name a site; the first of ``cards/sites.csv`` that fits counts."""

    stem: str
    site: str
    region: str


@dataclass(frozen=True, slots=True)
class Terminology:
    """Every list, indexed for lookup by ``(system, code)`` and by name."""

    by_code: Mapping[tuple[str, str], tuple[ListedCode, ...]]
    by_list: Mapping[str, tuple[ListedCode, ...]]
    word_lists: WordLists = field(repr=False)
    drug_words: tuple[DrugWords, ...] = ()
    queried: tuple[str, ...] = ()
    sites: tuple[SiteName, ...] = ()
    removed_by: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Site of a primary -> the organs whose resection removes it; any resection, for a site without a row."""

    def about(self, concepts: Iterable[CodeableConcept], *, name: str, findings: str = "") -> About:
        """What something is about, by its concepts, by its name in words, and by what it found."""
        codes: dict[str, tuple[ListedCode, ...]] = {}
        for row in self.rows(concepts):
            codes[row.list_name] = (*codes.get(row.list_name, ()), row)
        return About(codes, self.word_lists.lists_in(name), self.word_lists.lists_in(findings))

    def about_concept(self, concept: CodeableConcept | None) -> About:
        """What one concept is about, by its codes and its words."""
        return self.about((concept,), name=concept.words) if concept else About()

    def rows(self, concepts: Iterable[CodeableConcept]) -> list[ListedCode]:
        """The rows that the codes of these concepts hit, in any list."""
        found: list[ListedCode] = []
        for concept in concepts:
            for coding in concept.codings:
                if coding.code:
                    found += self.lookup(coding.system or "", coding.code)
        return found

    def lookup(self, system: str, code: str) -> tuple[ListedCode, ...]:
        """The rows of one code. An ICD-10-CM code without a row takes those of its parent."""
        found = self.by_code.get((system, code), ())
        if found or system != ICD10CM:
            return found
        code = code[:_LONGEST_ICD]
        while not found and len(code) > 3:
            code = code[:-1].rstrip(".")
            found = self.by_code.get((system, code), ())
        return found

    def says(self, word_list: str, *texts: str) -> bool:
        """Whether any of the texts holds a phrase of the word list."""
        return any(word_list in self.word_lists.lists_in(text) for text in texts)

    def site_in(self, text: str) -> tuple[str, str]:
        """Site and region of a tumour that a body site or a diagnosis names in words."""
        lowered = text.lower()
        named = ((one.site, one.region) for one in self.sites if one.stem in lowered)
        return next(named, ("unknown", "unknown"))

    def observation_codes(self) -> tuple[tuple[str, str], ...]:
        """The ``(system, code)`` of every Observation that a rule may rest on."""
        return tuple(
            (row.system, row.code)
            for name in self.queried
            for row in self.by_list.get(name, ())
            if row.system in (LOINC, SNOMED) and row.get("role") not in ("ignore", "breast")
        )


_LONGEST_ICD = 8  # characters, such as S72.001A

_WORD = re.compile(r"[^\W_]+")


def load_terminology(cards_dir: Path) -> Terminology:
    """Read every list under ``cards_dir`` or raise ContentError with every problem."""
    problems: list[str] = []
    codes = list(_read_code_lists(code_list_files(cards_dir), problems))
    phrases = list(_read_word_lists(word_list_files(cards_dir), problems))
    drug_words = collect(problems, partial(read_drug_words, cards_dir))
    queried = collect(problems, partial(read_queried, cards_dir))
    sites = collect(problems, lambda: _read_sites(cards_dir / "sites.csv"))
    removed_by = collect(problems, lambda: _read_removed_by(cards_dir / "removed-by.csv"))
    if problems:
        raise ContentError(problems)
    return Terminology(
        by_code=_index(codes),
        by_list=_by_list(codes),
        word_lists=WordLists(phrases),
        drug_words=drug_words or (),
        queried=queried or (),
        sites=sites or (),
        removed_by=removed_by or {},
    )


def _read_sites(path: Path) -> tuple[SiteName, ...]:
    return tuple([SiteName(**row) for row in read_rows(path, SiteName._fields)])


def _read_removed_by(path: Path) -> dict[str, frozenset[str]]:
    removing: dict[str, frozenset[str]] = {}
    for row in read_rows(path, ("site", "removed_by")):
        removing[row["site"]] = removing.get(row["site"], frozenset()) | {row["removed_by"]}
    return removing


def _index(codes: Iterable[ListedCode]) -> dict[tuple[str, str], tuple[ListedCode, ...]]:
    index: dict[tuple[str, str], tuple[ListedCode, ...]] = {}
    for row in codes:
        key = (row.system, row.code)
        index[key] = (*index.get(key, ()), row)
    return index


def _by_list(codes: Iterable[ListedCode]) -> dict[str, tuple[ListedCode, ...]]:
    lists: dict[str, tuple[ListedCode, ...]] = {}
    for row in codes:
        lists[row.list_name] = (*lists.get(row.list_name, ()), row)
    return lists


_FIXED_COLUMNS = ("system", "code", "display", "status", "source")


def _read_code_lists(paths: Iterable[Path], problems: list[str]) -> Iterator[ListedCode]:
    for path in paths:
        rows = collect(problems, partial(read_rows, path))
        if rows == []:
            problems.append(f"{path.name}: a code list needs a code")
        for number, row in enumerate(rows or (), start=2):
            if not row.get("system") or not row.get("code"):
                problems.append(f"{path.name}, line {number}: a row needs a system and a code")
                continue
            if row.get("status") not in ("verified", "code-only"):
                problems.append(f"{path.name}, line {number}: status must be verified or code-only")
            attributes = {name: value for name, value in row.items() if value and name not in _FIXED_COLUMNS}
            yield ListedCode(path.stem, row["system"], row["code"], row.get("display") or "", attributes)


def _read_word_lists(paths: Iterable[Path], problems: list[str]) -> Iterator[Phrase]:
    """The phrases of every language."""
    for path in paths:
        lines = [line.strip() for line in (collect(problems, partial(read_text, path)) or "#").splitlines()]
        phrases = [line for line in lines if line and not line.startswith("#")]
        if all(phrase.startswith("!") for phrase in phrases):
            problems.append(f"{path.name}: a word list needs a phrase")
        problems += [
            f"{path.name}: the phrase {phrase!r} holds no word"
            for phrase in phrases
            if not phrase.startswith("!") and not _WORD.search(phrase)
        ]
        yield from (Phrase(path.stem, phrase) for phrase in phrases)
