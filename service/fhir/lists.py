"""The code lists and word lists that the service names, and whether ``cards/`` holds just these.

A list that nothing names would make resources matter that no rule reads; a list that is named and missing
would never be hit. ``cards/codelists/README.md`` describes the files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from service.content_files import read_rows
from service.fhir.about import ListedCode

CODE_LISTS = frozenset(
    {
        "5-hiaa",
        "5hiaa-interference",
        "cga-confounders",
        "cholecystectomy",
        "chromogranin-a",
        "comfort-care-codes",
        "ct-mri",
        "disease-status",
        "echocardiography",
        "gallstones",
        "grade-differentiation",
        "imaging-caution",
        "ki67-observation",
        "liver-ablation",
        "liver-embolisation",
        "metastasis-site",
        "net-benign-icd10cm",
        "net-excluded-icd10cm",
        "net-functional-syndromes",
        "net-history-icd10cm",
        "net-icdo3-morphology",
        "net-malignant-icd10cm",
        "net-secondary-icd10cm",
        "net-snomed-metastasis",
        "net-snomed-primary",
        "other-malignancy",
        "periop-avoid-histamine",
        "periop-avoid-sympathomimetic",
        "ppi",
        "pregnancy-codes",
        "pregnancy-status",
        "primary-complication",
        "procedure-category",
        "prrt-procedures",
        "renal-function",
        "report-kind",
        "resection-procedures",
        "somatostatin-analogues",
        "sstr-imaging",
        "sstr-result",
        "symptoms",
        "systemic-antitumour",
        "tnm-staging",
        "topography",
        "tumour-board-codes",
        "tumour-size",
    }
)
"""Every file of ``cards/codelists`` that facts and rules name, without ``.csv``."""

WORD_LISTS = frozenset(
    {
        "serotonin-producing",
        "disease-free",
        "abdominal-surgery",
        "abdominal-ultrasound",
        "abdominal-words",
        "acute-care",
        "anaesthesia-referral",
        "anaphylaxis",
        "another-organ",
        "as-needed",
        "asthma-or-allergy-kit",
        "bare-letters",
        "biliary-anastomosis",
        "biopsy-endoscopy",
        "bleeding",
        "board-decision",
        "board-of-another-cancer",
        "board-of-this-cancer",
        "board-planned",
        "borderline-resectable",
        "by-mouth",
        "carcinoid-crisis",
        "carcinoid-crisis-flag",
        "carcinoid-heart-disease",
        "carcinoid-syndrome",
        "carcinoid-syndrome-dismissed",
        "carcinoid-syndrome-suspected",
        "cholecystectomy-words",
        "chromogranin-a-words",
        "comfort-care",
        "contrast-medium",
        "contrast-reaction",
        "cough-or-inhaled",
        "crisis-under-way",
        "crisis-use",
        "cross-sectional-imaging",
        "ct-mri-words",
        "diarrhoea",
        "dietary-interference",
        "echocardiography-words",
        "endoscopic-resection",
        "enucleation",
        "examination-label",
        "fdg-pet",
        "five-hiaa",
        "flushing",
        "gadolinium",
        "gallbladder",
        "gallbladder-absent",
        "gallstones-words",
        "general-anaesthesia",
        "home-medicine",
        "imaging-abdomen",
        "imaging-report",
        "insulinoma",
        "interventional-radiology-referral",
        "intra-arterial",
        "ki67",
        "lesion-count",
        "liver-ablation-words",
        "liver-biopsy",
        "liver-embolisation-words",
        "liver-failure",
        "liver-lesion",
        "liver-resection",
        "liver-words",
        "local-anaesthesia-minor",
        "local-use",
        "low-yield-primary",
        "lymphadenectomy",
        "many",
        "margin-clear",
        "margin-positive",
        "marrow-failure",
        "metastasis",
        "mitotic-count",
        "mixed-neuroendocrine",
        "multifocal",
        "named-other-cancer",
        "neuroendocrine-tumour",
        "no-nodes-examined",
        "not-an-operation",
        "nt-probnp",
        "obstruction",
        "octreotide-depot",
        "octreotide-oral",
        "octreotide-plan",
        "octreotide-short-acting",
        "one-lesion",
        "operation-words",
        "organ-elsewhere",
        "other-malignancy-words",
        "other-organ",
        "other-surgery",
        "pancreaticoduodenectomy",
        "palliative-care",
        "pathology-report",
        "pathology-review",
        "poorly-differentiated",
        "portal-vein-thrombosis",
        "pregnancy",
        "primary-resection",
        "procedure-words",
        "progression",
        "prrt",
        "radioembolisation",
        "refusal",
        "resectable",
        "resection-history",
        "resection-specimen",
        "solitary",
        "somatostatin-analogue-class",
        "sstr-imaging-words",
        "sstr-negative",
        "sstr-low-uptake",
        "sstr-no-lesion",
        "sstr-positive",
        "stated-grade",
        "surgery-booking",
        "surgical-referral",
        "surveillance",
        "tissue-obtained",
        "tnm-staging-words",
        "tumour-board",
        "tumour-size-words",
        "unfit",
        "unresectable",
        "unsited-embolisation",
        "well-differentiated",
    }
)
"""Every word list that facts and rules name; ``cards/wordlists/drugs.csv`` names the others."""

NOT_CODE_LISTS = ("emit", "queried")
"""Files beside the code lists: the codes of suggested orders, and what is asked of a FHIR server."""


class DrugWords(NamedTuple):
    """What the phrases of a word list stand for, where no code list has the code of the drug."""

    word_list: str
    code_list: str
    role: str
    ingredient: str

    def contradicts(self, other: DrugWords) -> bool:
        """Whether a word of both would be two drugs of one code list, or one drug in two roles."""
        is_same = (self.role, self.ingredient) == (other.role, other.ingredient)
        return self.code_list == other.code_list and not is_same


def read_drug_words(cards_dir: Path) -> tuple[DrugWords, ...]:
    """The rows of ``wordlists/drugs.csv``; ContentError where it cannot be read."""
    rows = read_rows(cards_dir / "wordlists" / "drugs.csv", DrugWords._fields)
    return tuple(DrugWords(**row) for row in rows)


class Queried(NamedTuple):
    """A code list whose results are asked for by code, but for the rows of some roles."""

    code_list: str
    unless: frozenset[str]

    def asks_for(self, row: ListedCode) -> bool:
        """Whether results of this row are asked for."""
        return row.list_name == self.code_list and row.get("role") not in self.unless


def read_queried(cards_dir: Path) -> tuple[Queried, ...]:
    """The rows of ``queried.csv``; ContentError where it cannot be read."""
    rows = read_rows(cards_dir / "codelists" / "queried.csv", Queried._fields)
    return tuple([Queried(row["code_list"], frozenset(row["unless"].split())) for row in rows])


def code_list_files(cards_dir: Path) -> list[Path]:
    """The files of all code lists."""
    return [one for one in sorted((cards_dir / "codelists").glob("*.csv")) if one.stem not in NOT_CODE_LISTS]


_ALWAYS_READ = ("en", "brands")
"""Folders of word lists: every list is there in English, and a brand is called the same everywhere."""


def word_list_files(cards_dir: Path, languages: Collection[str] = ()) -> list[Path]:
    """The files of the word lists in some languages beside English, or in all."""
    return _in_languages((cards_dir / "wordlists").glob("*/*.txt"), languages)


def cue_files(cards_dir: Path, languages: Collection[str] = ()) -> list[Path]:
    """The cue words, one file for each language."""
    return _in_languages((cards_dir / "wordlists").glob("*/context.csv"), languages)


def grammar_files(cards_dir: Path, languages: Collection[str] = ()) -> list[Path]:
    """The words around a Ki-67, one file for each language."""
    return _in_languages((cards_dir / "wordlists").glob("*/ki67-grammar.csv"), languages)


def language_faults(cards_dir: Path, languages: Collection[str]) -> Iterator[str]:
    """Languages for which there are no word lists."""
    known = {path.parent.name for path in cue_files(cards_dir)}
    for name in languages:
        if name not in known:
            yield f"NET_CDS_READ_LANGUAGES: {name!r} is not one of {', '.join(sorted(known))}"


def _in_languages(paths: Iterable[Path], languages: Collection[str]) -> list[Path]:
    read = {*languages, *_ALWAYS_READ}
    return sorted(path for path in paths if not languages or path.parent.name in read)


def list_faults(
    cards_dir: Path, *, drug_words: Iterable[DrugWords], queried: Iterable[Queried]
) -> Iterator[str]:
    """Every list that nothing names, that is named and missing, or that shares its name with another."""
    codes = {path.stem for path in code_list_files(cards_dir)}
    words = {path.stem: path.relative_to(cards_dir).as_posix() for path in word_list_files(cards_dir)}
    words_named = WORD_LISTS | {one.word_list for one in drug_words}
    unnamed = [f"codelists/{name}.csv" for name in codes - CODE_LISTS]
    unnamed += [path for name, path in words.items() if name not in words_named]
    missing = [f"codelists/{name}.csv" for name in CODE_LISTS - codes]
    missing += [f"wordlists/en/{name}.txt" for name in words_named - set(words)]
    yield from (f"{path}: no fact or rule names this list; delete it" for path in sorted(unnamed))
    yield from (f"{path}: missing" for path in sorted(missing))
    for name in sorted(codes & set(words)):
        yield f"{words[name]}: has the name of a code list; end it in -words"
    for file, names in (
        ("drugs.csv", {one.code_list for one in drug_words}),
        ("queried.csv", {one.code_list for one in queried}),
    ):
        yield from (f"{file}: there is no code list {name}" for name in sorted(names - CODE_LISTS))


def known_lists(drug_words: Iterable[DrugWords]) -> frozenset[str]:
    """Every list by its name, code lists and word lists."""
    return CODE_LISTS | WORD_LISTS | {one.word_list for one in drug_words}


def unnamed_lists(named: Iterable[str], drug_words: Iterable[DrugWords]) -> Iterator[str]:
    """Lists that no card names, so that no approval covers them; the words of a drug go with its codes."""
    covered = set(named)
    covered |= {one.word_list for one in drug_words if one.code_list in covered}
    for name in sorted(known_lists(drug_words) - covered):
        yield f"{name}: no card names this list, so no approval covers it; name it under lists: of a card"
