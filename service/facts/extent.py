"""How far has the tumour spread? (F-5)"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from service.facts.status import is_done
from service.facts.tumour import SECONDARY_LISTS, Tumour, describe_condition, is_in_force
from service.fhir import dates, quantities
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, code, codings, elements, reference, string, words
from service.fhir.recognition import found, named
from service.fhir.record import Record
from service.fhir.terminology import ICD10CM


class Extent(Enum):
    """How far the tumour has spread, as far as the record says."""

    LOCALISED = "localised"
    REGIONAL = "regional"
    LIVER_ONLY = "liver only"
    LIVER_AND_BEYOND = "liver and beyond"
    BEYOND_LIVER = "beyond the liver"
    UNCLEAR_ORIGIN = "liver metastasis, origin unclear"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Spread:
    """The answer to F-5. ``lesions`` counts liver lesions where the record states a number."""

    extent: Extent
    has_liver_metastases: bool = False
    has_metastasis_code: bool = False
    m_category: str = ""
    lesions: float | None = None
    is_multifocal: bool = False
    is_solitary: bool = False
    newest: Moment | None = None
    evidence: tuple[Evidence, ...] = ()
    t_category: str = ""

    @property
    def is_metastatic(self) -> bool:
        """Whether distant metastases of the neuroendocrine tumour are on record."""
        return self.extent in (Extent.LIVER_ONLY, Extent.LIVER_AND_BEYOND, Extent.BEYOND_LIVER)

    @property
    def is_liver_only(self) -> bool:
        """Whether the liver is the only distant site on record."""
        return self.extent is Extent.LIVER_ONLY


def read_spread(record: Record, tumour: Tumour, *, now: datetime) -> Spread:
    """Read metastases, nodes, the M category and what is said of the liver lesions."""
    metastases = [
        (condition, site, is_generic)
        for condition in record.about("Condition", *SECONDARY_LISTS, "other-malignancy")
        if is_in_force(condition, now=now)
        for site, is_generic in _metastasis_sites(condition, record)
    ]
    staging = _staging(record)
    t_category, n_category, m_category = (_category(one, staging, tumour, record) for one in "TNM")
    own = [
        (condition, site)
        for condition, site, generic in metastases
        if not generic or not tumour.other_malignancy
    ]
    sites = {site for _condition, site in own} | n_category.sites | m_category.sites
    unclear = not sites - {"node"} and any(site == "liver" for _c, site, generic in metastases if generic)
    moments = [moment for condition, *_rest in metastases if (moment := dates.first_recorded(condition))]
    return Spread(
        extent=Extent.UNCLEAR_ORIGIN if unclear else _extent(sites, m_category.value, tumour),
        has_liver_metastases="liver" in sites,
        has_metastasis_code=bool(metastases),
        m_category=m_category.value,
        lesions=_lesion_count(record),
        is_multifocal=_says_of_liver(record, "multifocal"),
        is_solitary=_says_of_liver(record, "solitary"),
        newest=max(moments) if moments else None,
        evidence=tuple(
            dict.fromkeys(
                (
                    *(Evidence(reference(one), describe_condition(one)) for one, *_rest in metastases),
                    *(one.evidence for one in (n_category, m_category) if one.shows_spread),
                )
            )
        ),
        t_category=t_category.value,
    )


_SECONDARY_BLOCK = re.compile(r"C7[789]")


def _metastasis_sites(condition: Resource, record: Record) -> list[tuple[str, bool]]:
    """Site and whether the code names any cancer's metastasis, for each metastasis code."""
    rows = record.rows(condition, *SECONDARY_LISTS)
    if rows:
        return [
            (_site(row.get("metastasis_site")), row.get("role") == "generic")
            for row in rows
            if row.get("role") != "excluded"
        ]
    # C77 to C79 is ICD-10-CM's block of secondary neoplasms; the lists hold its common leaves.
    return [
        ("node" if coding.code.startswith("C77") else "other", True)
        for coding in codings(condition.get("code"))
        if coding.system == ICD10CM and _SECONDARY_BLOCK.match(coding.code)
    ]


def _site(stated: str) -> str:
    """``liver``, ``node`` (regional or unstated) or ``other``."""
    if stated in ("regional-lymph-node", "lymph-node"):
        return "node"
    return "liver" if stated == "liver" else "other"


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


class _Category(NamedTuple):
    """One category of TNM (``0``, ``1a`` ...; empty where none is stated), and where it stands."""

    letter: str
    value: str = ""
    moment: Moment | None = None
    resource: Resource | None = None

    @property
    def shows_spread(self) -> bool:
        """Whether it says that nodes or distant organs are involved."""
        return self.letter != "T" and self.value[:1] in ("1", "2", "3")

    @property
    def sites(self) -> set[str]:
        """N1 and above are regional nodes; M1a is hepatic only, M1b extrahepatic only, M1c both.

        The letters of M1 are AJCC 8, from memory, not verified.
        """
        if self.letter == "N":
            return {"node"} if self.shows_spread else set()
        return {"1a": {"liver"}, "1b": {"other"}, "1c": {"liver", "other"}}.get(self.value, set())

    @property
    def evidence(self) -> Evidence:
        """The Observation or Condition with the category that it states."""
        stated = f"{self.letter}{self.value} {dates.shown(self.moment)}"
        return Evidence(reference(self.resource or {}), stated)


def _staging(record: Record) -> tuple[Resource, ...]:
    """The delivered Observations of TNM."""
    return tuple(_delivered(record.about("Observation", "tnm-staging")))


def _category(letter: str, staging: Iterable[Resource], tumour: Tumour, record: Record) -> _Category:
    """A category of TNM by the newest observation, else by the stage of the tumour's Condition."""
    told = [*_observed(letter, staging, record)] or [*_staged(letter, tumour)]
    return max(told, key=_newest_then_highest, default=_Category(letter))


def _newest_then_highest(category: _Category) -> tuple[float, str]:
    return (category.moment.instant.timestamp() if category.moment else 0.0, category.value)


def _observed(letter: str, staging: Iterable[Resource], record: Record) -> Iterator[_Category]:
    for observation in staging:
        if not _tells(observation, record, letter):
            continue
        value = observation.get("valueCodeableConcept")
        stated = f"{words(value)} {string(observation.get('valueString'))} {code(value)}"
        if letter == "M" and record.terminology.has(value, "tnm-staging", role="m0"):
            stated += " M0"
        if match := _CATEGORIES[letter].search(stated):
            yield _Category(letter, match.group(1).lower(), dates.happened(observation), observation)


def _tells(observation: Resource, record: Record, letter: str) -> bool:
    """Whether it is about this category: a code for another one says that it is not."""
    roles = {row.get("role") for row in record.rows(observation, "tnm-staging")}
    return roles.isdisjoint({"t", "n", "m"} - {letter.lower()}) or letter.lower() in roles


def _staged(letter: str, tumour: Tumour) -> Iterator[_Category]:
    """The category in the stage of the tumour's Conditions (``pT3 N1 M0``)."""
    for primary in tumour.primaries:
        for stage in elements(primary.condition.get("stage")):
            if match := _CATEGORIES_OF_STAGE[letter].search(words(stage.get("summary"))):
                yield _Category(letter, match.group(1).lower(), resource=primary.condition)


def _extent(sites: set[str], category: str, tumour: Tumour) -> Extent:
    if "liver" in sites:
        return Extent.LIVER_AND_BEYOND if "other" in sites else Extent.LIVER_ONLY
    if "other" in sites or category == "1":
        return Extent.BEYOND_LIVER
    if "node" in sites:
        return Extent.REGIONAL
    return Extent.LOCALISED if tumour.is_present else Extent.UNKNOWN


def _says_of_liver(record: Record, word_list: str) -> bool:
    """Whether a report, or a Condition by its name or note, says this of the liver."""
    said = (*record.saying("DiagnosticReport", word_list), *record.saying("Condition", word_list))
    texts = (f"{named(one)} {found(one)}".lower() for one in said)
    return any("liver" in text or "hepatic" in text for text in texts)


def _lesion_count(record: Record) -> float | None:
    """The number of liver lesions, from a structured count only (never from a plural)."""
    counts: list[tuple[float, float]] = []
    for observation in _delivered(record.about("Observation", "lesion-count")):
        value = quantities.value_of(observation)
        moment = dates.happened(observation)
        if value is not None and value.is_exact and value.low >= 0:
            counts.append((moment.instant.timestamp() if moment else 0.0, value.low))
    return max(counts)[1] if counts else None


def _delivered(observations: Iterable[Resource]) -> Iterable[Resource]:
    return (one for one in observations if is_done(one))
