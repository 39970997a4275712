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
from service.facts.patient import Patient, fact
from service.facts.tumour import tumour
from service.facts.words import evidence, on_day
from service.fhir import dates, r4
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence


class Category(NamedTuple):
    """One category of TNM (``0``, ``1a`` ...; empty where none is stated), and what states it."""

    letter: str
    value: str = ""
    moment: Moment | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def shows_spread(self) -> bool:
        """Whether it says that nodes or distant organs are involved."""
        return self.letter != "T" and self.value[:1] in ("1", "2", "3")

    @property
    def sites(self) -> frozenset[str]:
        """Where it places disease: ``node``, ``liver`` or ``other``."""
        if self.letter == "N":
            return frozenset({"node"} if self.shows_spread else ())
        return _SITES_OF_M.get(self.value, frozenset())


_SITES_OF_M: Mapping[str, frozenset[str]] = {
    "1a": frozenset({"liver"}),
    "1b": frozenset({"other"}),
    "1c": frozenset({"liver", "other"}),
}
"""M1a is hepatic only, M1b extrahepatic only, M1c both: AJCC 8, from memory, not verified."""


@dataclass(frozen=True, slots=True)
class Staging:
    """The three categories."""

    t: Category
    n: Category
    m: Category


@fact
def staging(patient: Patient) -> Staging:
    """Each category by the newest result that states it, else by the stage of the tumour's Conditions."""
    t, n, m = (_category(letter, patient) for letter in "TNM")
    return Staging(t, n, m)


@fact
def tnm(patient: Patient) -> Item:
    """Whether a stage is on record, in whatever words."""
    stated = [*_stated_results(patient)] or [*_stated_stages(patient)]
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
    conditions = [primary.condition for primary in tumour(patient).primaries]
    return tuple([(condition, stage) for condition in conditions for stage in condition.stage or ()])


def _stated_results(patient: Patient) -> Iterator[tuple[Moment | None, Evidence]]:
    for one in _results(patient):
        value = one.value_codeable_concept or r4.CodeableConcept()
        if text := value.words or one.value_string or value.code:
            yield one.happened(), evidence(one, f"{r4.label(one.code)}: {text}")


def _stated_stages(patient: Patient) -> Iterator[tuple[Moment | None, Evidence]]:
    for condition, stage in _stages(patient):
        if text := r4.words(stage.summary) or r4.words(stage.type):
            yield condition.since, evidence(condition, patient.phrases("evidence.stage", stage=text))


def _category(letter: str, patient: Patient) -> Category:
    """The newest of what is told, and the highest of one day."""
    told = [*_observed(letter, patient)] or [*_staged(letter, patient)]
    return max(told, key=lambda one: (dates.order(one.moment), one.value), default=Category(letter))


def _observed(letter: str, patient: Patient) -> Iterator[Category]:
    for one in _results(patient):
        if _tells(one, letter) and (match := _CATEGORIES[letter].search(_text(one, patient))):
            yield _found(one, one.happened(), letter, match, patient)


def _staged(letter: str, patient: Patient) -> Iterator[Category]:
    """The category in the stage of the tumour's Conditions (``pT3 N1 M0``)."""
    for condition, stage in _stages(patient):
        if match := _CATEGORIES_OF_STAGE[letter].search(r4.words(stage.summary)):
            yield _found(condition, None, letter, match, patient)


def _found(
    resource: r4.Resource, moment: Moment | None, letter: str, match: re.Match[str], patient: Patient
) -> Category:
    value = match.group(1).lower()
    says = f"{letter}{value} {on_day(moment, patient)}"
    return Category(letter, value, moment, (evidence(resource, says),))


def _tells(observation: r4.Observation, letter: str) -> bool:
    """Whether it is about this category: a code for another one says that it is not."""
    roles = {row.get("role") for row in observation.about.rows("tnm-staging")}
    return roles.isdisjoint({"t", "n", "m"} - {letter.lower()}) or letter.lower() in roles


def _text(observation: r4.Observation, patient: Patient) -> str:
    """All in which a category may stand; a code may mean M0 without saying so."""
    value = observation.value_codeable_concept or r4.CodeableConcept()
    is_m0 = patient.terminology.about_concept(value).has_row("tnm-staging", roles=("m0",))
    return f"{value.words} {observation.value_string or ''} {value.code}{' M0' if is_m0 else ''}"


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
_CATEGORIES = {
    "T": re.compile(r"T\s*([0-4][a-d]?|is)", re.IGNORECASE),
    "N": _CATEGORIES_OF_STAGE["N"],
    "M": re.compile(r"M\s*([01][abc]?)", re.IGNORECASE),
}
