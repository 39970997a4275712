"""Code lists and word lists: what a code or a phrase in the record means to the rules.

The lists belong to the clinicians and live in ``cards/codelists`` and ``cards/wordlists``; their
README says where each code was seen. Every column beyond the code becomes an attribute. A language is a
folder of word lists; a phrase of any language counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import NamedTuple

from service.content_files import collect, read_rows, read_text
from service.errors import ContentError
from service.fhir.about import NOTHING, About, ListedCode
from service.fhir.code_map import MappedCode, read_code_map
from service.fhir.code_systems import (
    ICD10,
    ICD10CM,
    ICDO3,
    WITH_PARENTS,
    CodeSystems,
    parents,
    read_code_systems,
    written,
)
from service.fhir.context import KINDS, Assertion
from service.fhir.lists import (
    DrugWords,
    Queried,
    code_list_files,
    cue_files,
    grammar_files,
    language_faults,
    read_drug_words,
    read_queried,
    word_list_files,
)
from service.fhir.phrases import BARE_LETTERS, Cue, Phrase, WordLists, plain
from service.fhir.r4 import CodeableConcept

HISTOLOGIES = "net-icdo3-morphology"
"""The list of histologies; it alone is asked of a stage, of evidence, and of the value of a result."""

TUMOUR_WORDS = "neuroendocrine-tumour"
"""The word list of such tumours, where no code names one."""


class SiteName(NamedTuple):
    """A stem by which words name a site; the first of ``cards/sites.csv`` that fits counts."""

    stem: str
    site: str
    region: str


class RemovedOrgan(NamedTuple):
    """Words that name the organ which an operation takes out, each with ``*`` for any ending or beginning.

    All must stand in the name, in any order; ``within`` is an organ that is then not meant as a whole.
    """

    words: tuple[str, ...]
    organ: str
    within: str

    def is_in(self, words: Collection[str]) -> bool:
        """Whether each is among the words of a name."""
        return all(any(fnmatchcase(word, one) for word in words) for one in self.words)


OPERATIONS = "operations"
"""The name under which a block of operations is hit, like a code list."""


class Block(NamedTuple):
    """Codes of operations by their pattern: ``0D*``, or the numbers ``10004-69990``."""

    system: str
    codes: str
    kind: str
    means: str
    source: str

    def holds(self, code: str) -> bool:
        """Whether a code is one of them."""
        first, _dash, last = self.codes.partition("-")
        if first.isdecimal() and len(first) == len(last) == len(code):
            return code.isdecimal() and first <= code <= last
        return fnmatchcase(code, self.codes)


class GrammarWord(NamedTuple):
    """A word of the grammar by which Ki-67 is read in reports; ``kind`` says for what it stands."""

    kind: str
    phrase: str


@dataclass(frozen=True, slots=True)
class Terminology:
    """Every list, indexed for lookup by ``(system, code)`` and by name.

    ``by_code`` is by canonical system; codes of this site's own (``mapped``) stand in it beside those of the
    lists. In a system with parents each code has the rows of its parents too, for lists in which it has none.
    """

    systems: CodeSystems
    by_code: Mapping[tuple[str, str], tuple[ListedCode, ...]]
    by_list: Mapping[str, tuple[ListedCode, ...]]
    categories: frozenset[str]
    """The first three characters of the listed codes of ICD; hardly any code of a chart has them."""
    word_lists: WordLists = field(repr=False)
    drug_words: tuple[DrugWords, ...] = ()
    queried: tuple[Queried, ...] = ()
    operations: Mapping[str, tuple[Block, ...]] = field(default_factory=dict)
    mapped: tuple[MappedCode, ...] = ()
    histology_codes: frozenset[str] = frozenset()
    """Codes of the Observations whose value may name a tumour, without their systems."""
    sites: tuple[SiteName, ...] = ()
    ki67_grammar: tuple[GrammarWord, ...] = ()
    metastasis_sites: tuple[tuple[str, str], ...] = ()
    removal_organs: tuple[RemovedOrgan, ...] = ()
    removed_by: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Site of a primary -> the organs whose resection removes it; any resection, for a site without a row."""

    def about(
        self,
        concepts: Iterable[CodeableConcept],
        *,
        name: str,
        findings: str = "",
        is_report: bool = False,
    ) -> About:
        """What something is about, by its concepts, by its name in words, and by what it found."""
        codes: dict[str, tuple[ListedCode, ...]] = {}
        for row in self.rows(concepts):
            codes[row.list_name] = (*codes.get(row.list_name, ()), row)
        in_name = self.word_lists.said_in(name, is_report=is_report)
        in_findings = self.word_lists.said_in(findings, is_report=is_report)
        is_longer = max(len(name), len(findings)) > self.word_lists.longest
        if not (codes or in_name or in_findings or is_longer):
            return NOTHING  # as most of a chart is
        return About(codes, in_name, in_findings, left_unread=is_longer)

    def about_concept(self, concept: CodeableConcept | None) -> About:
        """What one concept is about, by its codes and its words."""
        return self.about((concept,), name=concept.words) if concept else NOTHING

    def with_histologies(self, about: About, concepts: Iterable[CodeableConcept]) -> About:
        """The same, with the histologies that these concepts name by code or in words, beside its name."""
        stated = [*concepts]
        found = [row for row in self.rows(stated, system=ICDO3) if row.list_name == HISTOLOGIES]
        said = self.word_lists.said_in("; ".join([one.words for one in stated])).get(TUMOUR_WORDS)
        if found:
            about = replace(about, codes={**about.codes, HISTOLOGIES: (*about.rows(HISTOLOGIES), *found)})
        if said is None or said <= (about.says_of(TUMOUR_WORDS) or Assertion.NOTHING):
            return about
        return replace(about, said_in_name={**about.said_in_name, TUMOUR_WORDS: said})

    def rows(self, concepts: Iterable[CodeableConcept], *, system: str = "") -> list[ListedCode]:
        """The rows that the codes of these concepts hit; ``system`` is that of codes that name none."""
        found: list[ListedCode] = []
        for concept in concepts:
            for coding in concept.codings:
                if coding.code:
                    name = self.systems.canonical(coding.system or system)
                    found += self._listed(name, coding.code)
                    if name in self.operations:
                        found += self._block(name, coding.code)
        return found

    def _block(self, system: str, code: str) -> tuple[ListedCode, ...]:
        """The block of operations that the code stands in, as a row; the first that fits counts."""
        block = next((one for one in self.operations[system] if one.holds(code)), None)
        return (ListedCode(OPERATIONS, system, code, block.means, {"kind": block.kind}),) if block else ()

    def lookup(self, system: str, code: str) -> tuple[ListedCode, ...]:
        """The rows of one code, however its system is called and it is written.

        A code of ICD without a row takes those of its parent.
        """
        return self._listed(self.systems.canonical(system), code)

    def _listed(self, system: str, code: str) -> tuple[ListedCode, ...]:
        found = self.by_code.get((system, code))
        if found is not None or not self.systems.is_known(system):
            return found or ()
        code = code.upper()
        if system not in WITH_PARENTS:
            return self.by_code.get((system, code), ())
        if code[:3] not in self.categories and "/" not in code and system != ICDO3:
            return ()
        return tuple([row for one in written(system, code) for row in self._nearest(*one)])

    def _nearest(self, system: str, code: str) -> tuple[ListedCode, ...]:
        found = (self.by_code.get((system, one)) for one in parents(code))
        return next((rows for rows in found if rows), ())

    def says(self, word_list: str, *texts: str) -> bool:
        """Whether any of the texts says of the word list that it is so, may be, or was."""
        return any(word_list in self.word_lists.lists_in(text) for text in texts)

    def site_in(self, text: str) -> tuple[str, str]:
        """Site and region of a tumour that a body site or a diagnosis names in words."""
        lowered = f" {plain(text)}"
        named = ((one.site, one.region) for one in self.sites if one.stem in lowered)
        return next(named, ("unknown", "unknown"))

    def metastasis_sites_in(self, text: str) -> frozenset[str]:
        """The places of metastases that words name, by the beginnings of words."""
        words = f" {_NO_WORD.sub(' ', plain(text))}"
        return frozenset([site for stem, site in self.metastasis_sites if f" {stem}" in words])

    def organs_removed(self, name: str, coded: Iterable[str] = ()) -> frozenset[str]:
        """The organs that an operation takes out, by its name and its codes; none where neither says so."""
        words = frozenset(_WORD.findall(plain(name)))
        found = [one for one in self.removal_organs if one.is_in(words)]
        return frozenset([*coded, *[one.organ for one in found]]) - {one.within for one in found}

    def observation_codes(self) -> tuple[tuple[str, str], ...]:
        """The ``(system, code)`` of every Observation that a rule may rest on, this site's own included."""
        listed = [
            (row.system, row.code)
            for one in self.queried
            for row in self.by_list.get(one.code_list, ())
            if one.asks_for(row)
        ]
        own = [
            (one.system, one.code)
            for one in self.mapped
            if any(asked.asks_for(row) for asked in self.queried for row in self.lookup(one.system, one.code))
        ]
        return tuple(dict.fromkeys([*listed, *own]))


def _is_histology(rows: Iterable[ListedCode]) -> bool:
    return any(row.list_name == "grade-differentiation" and row.get("role") == "morphology" for row in rows)


_NO_WORD = re.compile(r"[\W_]+")
_WORD = re.compile(r"[^\W_]+")


def load_terminology(
    cards_dir: Path,
    code_map: Path | None = None,
    *,
    longest_text: int = 20_000,
    languages: Collection[str] = (),
) -> Terminology:
    """Read every list, and this site's own codes, or raise ContentError with every problem.

    Of a text no more than the ``longest_text`` characters are read, and words in these ``languages`` beside
    English; in all, where none is named.
    """
    problems = list(language_faults(cards_dir, languages))
    systems = collect(problems, partial(read_code_systems, cards_dir))
    codes = list(_read_code_lists(code_list_files(cards_dir), problems))
    phrases = list(_read_word_lists(word_list_files(cards_dir, languages), problems))
    cues = list(_read_cues(cue_files(cards_dir, languages), problems))
    drug_words = collect(problems, partial(read_drug_words, cards_dir))
    queried = collect(problems, partial(read_queried, cards_dir))
    operations = collect(problems, lambda: _read_operations(cards_dir / "operations.csv"))
    sites = collect(problems, lambda: _read_sites(cards_dir / "sites.csv"))
    removed_by = collect(problems, lambda: _read_removed_by(cards_dir / "removed-by.csv"))
    organs = collect(problems, lambda: _read_removal_organs(cards_dir / "removal-organs.csv"))
    mapped = collect(problems, partial(read_code_map, code_map)) if code_map else ()
    places = collect(problems, lambda: _read_places(cards_dir / "metastasis-sites.csv"))
    grammar = collect(problems, lambda: _read_grammar(grammar_files(cards_dir, languages)))
    if problems or systems is None:
        raise ContentError(problems)
    terminology = Terminology(
        systems=systems,
        by_code=_with_parents(_index(codes, systems)),
        by_list=_by_list(codes),
        categories=frozenset([row.code[:3].upper() for row in codes]),
        word_lists=WordLists([*phrases, *_organs(sites or ())], cues, longest=longest_text),
        drug_words=drug_words or (),
        queried=queried or (),
        operations=operations or {},
        sites=sites or (),
        ki67_grammar=grammar or (),
        metastasis_sites=places or (),
        removal_organs=organs or (),
        removed_by=removed_by or {},
    )
    if problems := list(_ambiguous_drug_words(phrases, terminology)):
        raise ContentError(problems)
    return _with_own_codes(terminology, mapped or ())


def _ambiguous_drug_words(phrases: Iterable[Phrase], terminology: Terminology) -> Iterator[str]:
    """Phrases that two word lists read as drugs of different roles in one code list; one list has to go."""
    of_drugs = {one.word_list: one for one in terminology.drug_words}
    for phrase in phrases:
        own = of_drugs.get(phrase.word_list)
        if own is None or phrase.text.startswith("!"):
            continue
        read = terminology.word_lists.said_in(phrase.text.strip("*"))
        for other in sorted(of_drugs.keys() & read.keys()):
            if own.contradicts(of_drugs[other]):
                yield (
                    f"wordlists: {phrase.text!r} of {phrase.word_list} is read as {other} too, another "
                    f"drug of {own.code_list}; keep it in one of the lists"
                )


def _with_own_codes(terminology: Terminology, mapped: tuple[MappedCode, ...]) -> Terminology:
    """With the rows of the listed codes under this site's own; ContentError where one is on no list."""
    index, problems = dict(terminology.by_code), []
    for one in mapped:
        rows = terminology.lookup(one.listed_system, one.listed_code)
        key = (terminology.systems.canonical(one.system), one.code)
        index[key] = (*index.get(key, ()), *rows)
        if not rows:
            problems.append(
                f"{one.where}: {one.listed_system}|{one.listed_code} is on no list; "
                "map to a code of cards/codelists"
            )
    if problems:
        raise ContentError(problems)
    return replace(terminology, by_code=index, mapped=mapped, histology_codes=_histology_codes(index))


def _histology_codes(index: Mapping[tuple[str, str], tuple[ListedCode, ...]]) -> frozenset[str]:
    found = [code for (_system, code), rows in index.items() if _is_histology(rows)]
    return frozenset(found)


def _read_sites(path: Path) -> tuple[SiteName, ...]:
    rows = read_rows(path, (*SiteName._fields, "source"))
    return tuple([SiteName(plain(row["stem"]), row["site"], row["region"]) for row in rows])


def _organs(sites: Iterable[SiteName]) -> Iterator[Phrase]:
    """An organ beside bare letters shows that they are a tumour."""
    return (Phrase(BARE_LETTERS, f"{one.stem.strip()}*") for one in sites)


def _read_operations(path: Path) -> dict[str, tuple[Block, ...]]:
    blocks = [Block(**row) for row in read_rows(path, Block._fields)]
    return {
        system: tuple([one for one in blocks if one.system == system])
        for system in {one.system for one in blocks}
    }


def _read_places(path: Path) -> tuple[tuple[str, str], ...]:
    return tuple([(plain(row["stem"]), row["site"]) for row in read_rows(path, ("stem", "site", "source"))])


def _read_grammar(paths: Iterable[Path]) -> tuple[GrammarWord, ...]:
    """The words of every language."""
    rows = [row for path in paths for row in read_rows(path, (*GrammarWord._fields, "source"))]
    return tuple(dict.fromkeys([GrammarWord(row["kind"], row["phrase"]) for row in rows]))


def _read_removed_by(path: Path) -> dict[str, frozenset[str]]:
    removing: dict[str, frozenset[str]] = {}
    for row in read_rows(path, ("site", "removed_by")):
        removing[row["site"]] = removing.get(row["site"], frozenset()) | {row["removed_by"]}
    return removing


def _read_removal_organs(path: Path) -> tuple[RemovedOrgan, ...]:
    rows = read_rows(path, (*RemovedOrgan._fields, "source"))
    return tuple(
        [RemovedOrgan(tuple(plain(one["words"]).split()), one["organ"], one["within"]) for one in rows]
    )


def _index(
    codes: Iterable[ListedCode], systems: CodeSystems
) -> dict[tuple[str, str], tuple[ListedCode, ...]]:
    index: dict[tuple[str, str], tuple[ListedCode, ...]] = {}
    for row in codes:
        system = systems.canonical(row.system)
        of_every_icd = system in (ICD10, ICD10CM) and systems.is_shared(row.code)
        for name in (ICD10, ICD10CM) if of_every_icd else (system,):
            for code in {row.code, row.code.upper()}:
                index[name, code] = (*index.get((name, code), ()), row)
    return index


def _with_parents(
    index: dict[tuple[str, str], tuple[ListedCode, ...]],
) -> dict[tuple[str, str], tuple[ListedCode, ...]]:
    """With the rows of the parents added, for lists in which a code has no row; parents come first."""
    for system, code in sorted(index, key=lambda one: len(one[1])):
        above = (index.get((system, one)) for one in list(parents(code))[1:])
        own = index[system, code]
        lists = {row.list_name for row in own}
        inherited = next(filter(None, above), ()) if system in WITH_PARENTS else ()
        index[system, code] = (*own, *[row for row in inherited if row.list_name not in lists])
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


def _read_cues(paths: Iterable[Path], problems: list[str]) -> Iterator[Cue]:
    """The cue words of every language."""
    for path in paths:
        name = f"{path.parent.name}/{path.name}"
        rows = collect(problems, partial(read_rows, path, ("kind", "phrase", "source")))
        for number, row in enumerate(rows or (), start=2):
            if row["kind"] not in KINDS or not row["phrase"] or not row["source"]:
                problems.append(
                    f"{name}, line {number}: a cue needs a phrase, a source and one of the kinds "
                    f"{', '.join(sorted(KINDS))}"
                )
            else:
                yield Cue(row["kind"], row["phrase"])
