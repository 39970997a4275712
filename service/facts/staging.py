"""Which TNM stage is on record? (N-21)

The categories are read from the delivered Observations of TNM, else from the stage of the tumour's
Conditions. They are shown and never computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from service.facts.item import Availability, Item, current
from service.facts.owner import Owner, owner_of_report
from service.facts.patient import Patient, fact
from service.facts.reports import Report, reports
from service.facts.tumour import tumour
from service.facts.words import evidence, on_day
from service.fhir import dates, r4
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.terminology import HISTOLOGIES


class Category(NamedTuple):
    """One category of TNM (``0``, ``1a`` ...; empty where none is stated), and what states it."""

    letter: str
    value: str = ""
    moment: Moment | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def shows_spread(self) -> bool:
        """Whether it says that nodes or distant organs are involved."""
        if self.letter == _GROUP:
            return self.value == "iv"
        return self.letter != "T" and self.value[:1] in ("1", "2", "3")

    @property
    def sites(self) -> frozenset[str]:
        """Where it places disease: ``node``, ``liver`` or ``other``."""
        if self.letter == "N":
            return frozenset({"node"} if self.shows_spread else ())
        if self.letter == "site":
            return frozenset({self.value})
        if self.letter == _GROUP:
            return frozenset({"unspecified"} if self.value == "iv" else ())
        return _SITES_OF_M.get(self.value, frozenset())


_GROUP = "stage "


_SITES_OF_M: Mapping[str, frozenset[str]] = {
    "1": frozenset({"unspecified"}),
    "1a": frozenset({"liver"}),
    "1b": frozenset({"other"}),
    "1c": frozenset({"liver", "other"}),
}
"""M1a is hepatic only, M1b extrahepatic only, M1c both: AJCC 8, from memory, not verified."""


@dataclass(frozen=True, slots=True)
class Staging:
    """The three categories, and the stage group (``iv``)."""

    t: Category
    n: Category
    m: Category
    group: Category
    sites: tuple[Category, ...] = ()
    """Results that name the site of a distant metastasis."""


@fact
def staging(patient: Patient) -> Staging:
    """Each category by the newest result that states it, else by the stage of the tumour's Conditions."""
    t, n, m, group = (_category(letter, patient) for letter in ("T", "N", "M", _GROUP))
    return Staging(t, n, m, group, tuple(_metastatic_sites(patient)))


@fact
def tnm(patient: Patient) -> Item:
    """Whether a stage is on record, in whatever words."""
    stated = [*_stated_results(patient)] or [*_stated_stages(patient)] or [*_stated_reports(patient)]
    if not stated:
        return Item(Availability.ABSENT)
    moment, shown = max(stated, key=lambda one: dates.order(one[0]))
    return current(moment, (shown,), patient)


@fact
def _results(patient: Patient) -> tuple[r4.Observation, ...]:
    """The delivered Observations of TNM."""
    found = patient.record.about(r4.Observation, "tnm-staging", "tnm-staging-words")
    return tuple([one for one in found if one.is_done])


@fact
def _stages(patient: Patient) -> tuple[tuple[r4.Condition, r4.ConditionStage], ...]:
    """The stages of the tumour's Conditions."""
    stages = [
        (condition, stage) for condition in tumour(patient).conditions for stage in condition.stage or ()
    ]
    return tuple([one for one in stages if not _is_histology(one[1], patient)])


def _is_histology(stage: r4.ConditionStage, patient: Patient) -> bool:
    """OSIRIS puts the histology among the stages."""
    rows = patient.terminology.rows(r4.concepts(stage.summary))
    return any(row.list_name == HISTOLOGIES for row in rows)


def _stated_results(patient: Patient) -> Iterator[tuple[Moment | None, Evidence]]:
    for one in _results(patient):
        for part in (one, *(one.component or ())):
            value = part.value_codeable_concept or r4.CodeableConcept()
            if text := value.words or part.value_string or value.code:
                yield one.happened(), evidence(one, f"{r4.label(part.code)}: {text}")


def _stated_stages(patient: Patient) -> Iterator[tuple[Moment | None, Evidence]]:
    for condition, stage in _stages(patient):
        if text := r4.words(stage.summary) or r4.words(stage.type):
            yield condition.since, evidence(condition, patient.phrases("evidence.stage", stage=text))


def _stated_reports(patient: Patient) -> Iterator[tuple[Moment | None, Evidence]]:
    for report, words in (*_reported(patient), *_grouped(patient)):
        yield report.moment, evidence(report.resource, patient.phrases("report.tnm", words=words))


@fact
def _own_reports(patient: Patient) -> tuple[Report, ...]:
    own = [one for one in reports(patient) if owner_of_report(one, patient) is Owner.THE_TUMOUR]
    return tuple(own)


@fact
def _reported(patient: Patient) -> tuple[tuple[Report, str], ...]:
    """The TNM in the words of reports of the tumour."""
    found = [(one, match[0]) for one in _own_reports(patient) for match in _TNM_IN_WORDS.finditer(one.text)]
    return tuple(found)


def _grouped(patient: Patient) -> Iterator[tuple[Report, str]]:
    """The stage group in the words of pathology; other reports grade kidneys and hearts as well."""
    for one in _own_reports(patient):
        if one.is_pathology and (match := _GROUP_IN_WORDS.search(one.text)):
            yield one, match[0]


_ROMAN = {"1": "i", "2": "ii", "3": "iii", "4": "iv"}


def _metastatic_sites(patient: Patient) -> Iterator[Category]:
    """Results that state a distant metastasis: its site, or that the disease is metastatic."""
    for one in _results(patient):
        about = patient.terminology.about_concept(one.value_codeable_concept)
        rows = about.rows("metastasis-site") if _has_role(one, "metastasis-site") else ()
        places = {"liver" if row.get("metastasis_site") == "liver" else "other" for row in rows}
        if about.has_row("tnm-staging", roles=("metastatic",)):
            places = {"unspecified"}
        for place in places:
            label = r4.label(one.value_codeable_concept)
            yield Category("site", place, one.happened(), (evidence(one, label),))


def _has_role(observation: r4.Observation, role: str) -> bool:
    return observation.about.has_row("tnm-staging", roles=(role,))


def _category(letter: str, patient: Patient) -> Category:
    """The newest of what is told, and the highest of one day."""
    told = [*_observed(letter, patient)] or [*_staged(letter, patient)] or [*_in_reports(letter, patient)]
    return max(told, key=lambda one: (dates.order(one.moment), one.value), default=Category(letter))


def _observed(letter: str, patient: Patient) -> Iterator[Category]:
    for one in _results(patient):
        for part in (one, *(one.component or ())):
            text = _text(part, patient)
            if _tells(part, letter, patient) and (match := _CATEGORIES[letter].search(text)):
                yield _found(one, one.happened(), letter, match, patient)


def _in_reports(letter: str, patient: Patient) -> Iterator[Category]:
    for report, words in _reported(patient):
        if letter != _GROUP and (match := _CATEGORIES_OF_STAGE[letter].search(words)):
            yield _found(report.resource, report.moment, letter, match, patient)


def _staged(letter: str, patient: Patient) -> Iterator[Category]:
    """The category in the stage of the tumour's Conditions (``pT3 N1 M0``)."""
    for condition, stage in _stages(patient):
        if match := _CATEGORIES_OF_STAGE[letter].search(r4.words(stage.summary)):
            yield _found(condition, None, letter, match, patient)


def _found(
    resource: r4.Resource, moment: Moment | None, letter: str, match: re.Match[str], patient: Patient
) -> Category:
    value = match.group(1).lower()
    value = _ROMAN.get(value, value) if letter == _GROUP else value
    says = f"{letter}{value} {on_day(moment, patient)}"
    return Category(letter, value, moment, (evidence(resource, says),))


def _tells(part: r4.Measured, letter: str, patient: Patient) -> bool:
    """Whether it is about this category: a code for another one says that it is not."""
    about = patient.terminology.about_concept(part.code)
    roles = {row.get("role") for row in about.rows("tnm-staging")} & {"t", "n", "m"}
    return letter.lower() in roles or not roles


def _text(part: r4.Measured, patient: Patient) -> str:
    """All in which a category may stand; a component of T, N or M may leave the letter out."""
    value = part.value_codeable_concept or r4.CodeableConcept()
    about = patient.terminology.about_concept(value)
    is_m0 = about.has_row("tnm-staging", roles=("m0",))
    stated = f"{value.words} {part.value_string or ''} {value.code}{' M0' if is_m0 else ''}"
    roles = [row.get("role") for row in patient.terminology.about_concept(part.code).rows("tnm-staging")]
    letters = [role.upper() for role in roles if role in ("t", "n", "m")]
    return f"{letters[0]}{stated.strip()} {stated}" if letters and _BARE.match(stated) else stated


_BARE = re.compile(r"\s*(?:[0-4][a-d]?|is)\b")


def _category_pattern(letter: str, values: str) -> re.Pattern[str]:
    """A category as a stage writes it: with the prefixes of TNM, and with or without blanks.

    Anchored, because reports count nodes: "metastasis in 1 of 12 lymph nodes" is no N1.
    """
    before, after = r"(?:(?<![^\W\d_])|(?<=\d[a-d])|(?<=is))", r"(?=\b|[cpyrTNMGLV])"
    return re.compile(rf"{before}[cpyr]*{letter}\s?({values}){after}", re.IGNORECASE)


# In "cT3cN1cM0" the c before N and M is a prefix.
_CATEGORIES_OF_STAGE = {
    "T": _category_pattern("T", "[0-4](?:[abd]|c(?!N))?|is"),
    "N": _category_pattern("N", "[0-3](?:[ab]|c(?!M))?"),
    "M": _category_pattern("M", "[01][abc]?"),
}
# Stage groups in words, or alone as the value of a result.
_WORDS_FOR_GROUP = "stage|stadium|stade|estadio|stadio|uicc|ajcc|enets"
_GROUP_VALUES = r"(IV|III|II|I|[1-4])[ABCabc]?\d?"
_CATEGORIES_OF_STAGE[_GROUP] = re.compile(
    rf"(?:\b(?:{_WORDS_FOR_GROUP})\b[^.;\n]{{0,20}}?\b|^\s*){_GROUP_VALUES}\b", re.IGNORECASE
)
# Roman in capitals only, and no English "I" with a verb after it.
_GROUP_IN_WORDS = re.compile(
    rf"\b(?:{_WORDS_FOR_GROUP})\b[^.;\n\d]{{0,15}}?(?-i:\b(?:IV|III?|I(?! [a-z]))[ABCabc]?\d?\b)",
    re.IGNORECASE,
)
_TNM_IN_WORDS = re.compile(
    r"\b(?:y?[cpru]*|a)T\s?(?:[0-4][a-d]?|is|X)(?:\s?\(m?\d*\))?[\s,;]{0,3}[cpyru]{0,3}N\s?[0-3X][abc]?"
    r"(?:\s?\([^()\n]{0,15}\))*(?:[\s,;]{0,3}[cpyru]{0,3}M\s?[01X][abc]?)?|\by?[cp]T[0-4][a-d]?\b|\b[cp]M[01][abc]?\b"
)
_CATEGORIES = {
    _GROUP: _CATEGORIES_OF_STAGE[_GROUP],
    "T": re.compile(r"T\s*([0-4][a-d]?|is)", re.IGNORECASE),
    "N": _CATEGORIES_OF_STAGE["N"],
    "M": re.compile(r"M\s*([01][abc]?)", re.IGNORECASE),
}
