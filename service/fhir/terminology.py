"""Code lists and word lists: what a code or a phrase in the record means to the rules.

The lists belong to the clinicians and live in ``cards/codelists`` and ``cards/wordlists``; their
README says where each code was seen. Every column beyond the code becomes an attribute.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import orjson

from service.errors import ContentError
from service.fhir.reading import codings, elements, string

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"


class Concept(NamedTuple):
    """One row of a code list."""

    list_name: str
    system: str
    code: str
    display: str
    attributes: Mapping[str, str]

    def get(self, attribute: str) -> str:
        """The attribute's value, or an empty string."""
        return self.attributes.get(attribute, "")


@dataclass(frozen=True, slots=True)
class WordList:
    """Phrases that mean something, less the phrases that take the meaning back."""

    positive: re.Pattern[str]
    negative: re.Pattern[str] | None

    def found_in(self, text: str) -> bool:
        """Whether the text holds a phrase of the list, as whole words, and no negative one."""
        return bool(text) and self.match(text) is not None

    def match(self, text: str) -> str | None:
        """The phrase found, as written in the text."""
        found = self.positive.search(text)
        if found is None or (self.negative is not None and self.negative.search(text)):
            return None
        return found.group(0)


@dataclass(frozen=True, slots=True)
class Terminology:
    """Every list, indexed for lookup by ``(system, code)`` and by name."""

    by_code: Mapping[tuple[str, str], tuple[Concept, ...]]
    by_list: Mapping[str, tuple[Concept, ...]]
    word_lists: Mapping[str, WordList]
    first_words: Mapping[str, frozenset[str]] = field(repr=False)
    first_stems: tuple[tuple[int, Mapping[str, frozenset[str]]], ...] = field(repr=False)
    _known_names: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    _known_interest: dict[bytes, bool] = field(default_factory=dict, repr=False)

    def concepts(self, codeable: object, *lists: str) -> tuple[Concept, ...]:
        """The rows that a CodeableConcept (or a list of them) hits, in the lists named."""
        return tuple(row for row in self.all_concepts(codeable) if row.list_name in lists)

    def all_concepts(self, codeable: object) -> list[Concept]:
        """The rows that a CodeableConcept (or a list of them) hits, in any list."""
        return [row for coding in codings(codeable) for row in self.lookup(coding.system, coding.code)]

    def has(self, codeable: object, *lists: str, **attributes: str) -> bool:
        """Whether a CodeableConcept hits a list, in a row with these attributes."""
        return any(
            all(hit.get(name) == value for name, value in attributes.items())
            for hit in self.concepts(codeable, *lists)
        )

    def lookup(self, system: str, code: str) -> tuple[Concept, ...]:
        """The rows of one code. An ICD-10-CM code without a row takes those of its parent."""
        found = self.by_code.get((system, code), ())
        if found or system != ICD10CM:
            return found
        while not found and len(code) > 3:
            code = code[:-1].rstrip(".")
            found = self.by_code.get((system, code), ())
        return found

    def says(self, word_list: str, *texts: str) -> bool:
        """Whether any of the texts holds a phrase of the word list."""
        words_wanted = self.word_lists[word_list]
        return any(words_wanted.found_in(text) for text in texts)

    def observation_codes(self) -> tuple[tuple[str, str], ...]:
        """The ``(system, code)`` of every Observation that a rule may rest on."""
        return tuple(
            (concept.system, concept.code)
            for name in _OBSERVATION_LISTS
            for concept in self.by_list.get(name, ())
            if concept.system in (LOINC, SNOMED) and concept.get("role") not in ("ignore", "breast")
        )

    def touches(self, codeable: object) -> bool:
        """Whether a CodeableConcept could matter to any rule, by code or by words."""
        # The busiest line of a hook call: every resource of a chart is asked for here, and most matter
        # to no rule. Their concepts come again and again, and writing one out is the cheapest key to it.
        name = orjson.dumps(codeable)
        known = self._known_interest.get(name)
        if known is None:
            known = self._touches(codeable)
            _remember(self._known_interest, name, known, longest=_LONGEST_CONCEPT)
        return known

    def _touches(self, codeable: object) -> bool:
        return any(
            self.lookup(coding.system, coding.code) or self.phrases_in_name(coding.display)
            for coding in codings(codeable)
        ) or any(self.phrases_in_name(string(one.get("text"))) for one in elements(codeable))

    def phrases_in_name(self, name: str) -> frozenset[str]:
        """As ``phrases_in``, for names of tests, diagnoses and documents, which come again and again."""
        known = self._known_names.get(name)
        if known is None:
            known = self.phrases_in(name)
            _remember(self._known_names, name, known, longest=_LONGEST_NAME)
        return known

    def phrases_in(self, text: str) -> frozenset[str]:
        """The names of the word lists of which the text holds a phrase."""
        hits = [name for name in self._candidates(text) if self.word_lists[name].found_in(text)]
        return frozenset(hits) if hits else _NO_PHRASES  # an empty set takes as much memory as a small one

    def _candidates(self, text: str) -> set[str]:
        """The word lists that have a phrase beginning with one of the text's words."""
        candidates: set[str] = set()
        for token in _TOKEN.findall(text.lower()):
            candidates |= self.first_words.get(token, _NO_PHRASES)
            for length, stems in self.first_stems:
                candidates |= stems.get(token[:length], _NO_PHRASES)
        return candidates


_OBSERVATION_LISTS = (
    "ki67-observation",
    "chromogranin-a",
    "5-hiaa",
    "tnm-staging",
    "grade-differentiation",
    "renal-function",
    "tumour-size",
    "echocardiography",
)

_TOKEN = re.compile(r"[^\W_]+")
_NO_PHRASES: frozenset[str] = frozenset()
_LONGEST_NAME = 120  # characters
_LONGEST_CONCEPT = 512  # bytes of JSON
_MOST_REMEMBERED = 4096  # names, concepts

_Key = TypeVar("_Key", str, bytes)
_Value = TypeVar("_Value")


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value, *, longest: int) -> None:
    if len(key) <= longest:
        if len(memory) >= _MOST_REMEMBERED:
            memory.clear()
        memory[key] = value


def load_terminology(cards_dir: Path) -> Terminology:
    """Read every list under ``cards_dir`` or raise ContentError with every problem."""
    problems: list[str] = []
    concepts = list(_read_code_lists(cards_dir / "codelists", problems))
    phrases = dict(_read_word_lists(cards_dir / "wordlists", problems))
    if problems:
        raise ContentError(problems)
    firsts, stems = _first_words(phrases)
    return Terminology(
        by_code=_index(concepts),
        by_list=_by_list(concepts),
        word_lists={
            name: WordList(_compiled(yes), _compiled(no) if no else None)
            for name, (yes, no) in phrases.items()
        },
        first_words=firsts,
        first_stems=stems,
    )


def _index(concepts: Iterable[Concept]) -> dict[tuple[str, str], tuple[Concept, ...]]:
    index: dict[tuple[str, str], tuple[Concept, ...]] = {}
    for concept in concepts:
        key = (concept.system, concept.code)
        index[key] = (*index.get(key, ()), concept)
    return index


def _by_list(concepts: Iterable[Concept]) -> dict[str, tuple[Concept, ...]]:
    lists: dict[str, tuple[Concept, ...]] = {}
    for concept in concepts:
        lists[concept.list_name] = (*lists.get(concept.list_name, ()), concept)
    return lists


_FIXED_COLUMNS = ("system", "code", "display", "status", "source")


def _read_code_lists(folder: Path, problems: list[str]) -> Iterator[Concept]:
    for path in sorted(folder.glob("*.csv")):
        if path.stem == "emit":
            continue
        with path.open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines), start=2):
                if not row.get("system") or not row.get("code"):
                    problems.append(f"{path.name}, line {number}: a row needs a system and a code")
                    continue
                if row.get("status") not in ("verified", "code-only"):
                    problems.append(f"{path.name}, line {number}: status must be verified or code-only")
                attributes = {k: v for k, v in row.items() if v and k not in _FIXED_COLUMNS}
                yield Concept(path.stem, row["system"], row["code"], row.get("display") or "", attributes)


def _read_word_lists(folder: Path, problems: list[str]) -> Iterator[tuple[str, tuple[list[str], list[str]]]]:
    for path in sorted(folder.glob("*.txt")):
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        phrases = [line for line in lines if line and not line.startswith("#")]
        positive = [phrase for phrase in phrases if not phrase.startswith("!")]
        negative = [phrase[1:].strip() for phrase in phrases if phrase.startswith("!")]
        if not positive:
            problems.append(f"{path.name}: a word list needs a phrase")
        problems += [
            f"{path.name}: the phrase {phrase!r} holds no word"
            for phrase in positive
            if not _TOKEN.search(phrase)
        ]
        yield path.stem, (positive, negative)


def _compiled(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(_pattern(phrase) for phrase in phrases), re.IGNORECASE)


def _pattern(phrase: str) -> str:
    """Whole words; a blank matches white space or hyphens, a final ``*`` any ending."""
    stem, star = (phrase[:-1], True) if phrase.endswith("*") else (phrase, False)
    parts = [re.escape(part) for part in re.split(r"[\s-]+", stem)]
    # A phrase that begins or ends with a sign ("68ga", "?") has no word boundary there.
    before = r"(?<!\w)" if stem[:1].isalnum() else ""
    after = r"\w*" if star else (r"(?!\w)" if stem[-1:].isalnum() else "")
    return before + r"[\s\-–]+".join(parts) + after


def _first_words(
    word_lists: Mapping[str, tuple[list[str], list[str]]],
) -> tuple[dict[str, frozenset[str]], tuple[tuple[int, Mapping[str, frozenset[str]]], ...]]:
    """First word of a phrase -> word lists; and, for phrases of one open-ended word, its stem."""
    firsts: dict[str, frozenset[str]] = {}
    stems: dict[int, dict[str, frozenset[str]]] = {}
    for name, (positive, _negative) in word_lists.items():
        for phrase in positive:
            tokens = _TOKEN.findall(phrase.lower())
            is_stem = len(tokens) == 1 and phrase.endswith("*")
            index = stems.setdefault(len(tokens[0]), {}) if is_stem else firsts
            index[tokens[0]] = index.get(tokens[0], _NO_PHRASES) | {name}
    return firsts, tuple(sorted(stems.items()))
