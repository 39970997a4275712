"""How far has the tumour spread? (F-5)

Metastases are read here and nowhere else: only those in force count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from service.facts.patient import Patient, fact
from service.facts.staging import staging
from service.facts.tumour import SECONDARY_LISTS, Tumour, tumour
from service.facts.words import stated
from service.fhir import dates, quantities, r4
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.terminology import ICD10CM


class Extent(Enum):
    """How far the tumour has spread, as far as the record says.

    Each is shown by the phrase ``names.extent.`` and its value.
    """

    LOCALISED = "localised"
    REGIONAL = "regional"
    LIVER_ONLY = "liver-only"
    LIVER_AND_BEYOND = "liver-and-beyond"
    BEYOND_LIVER = "beyond-liver"
    UNCLEAR_ORIGIN = "unclear-origin"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Spread:
    """The answer to F-5. ``lesions`` counts liver lesions where the record states a number."""

    extent: Extent
    has_liver_metastases: bool = False
    has_metastasis_code: bool = False
    t_category: str = ""
    m_category: str = ""
    lesions: float | None = None
    is_multifocal: bool = False
    is_solitary: bool = False
    newest: Moment | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def is_metastatic(self) -> bool:
        """Whether distant metastases of the neuroendocrine tumour are on record."""
        return self.extent in (Extent.LIVER_ONLY, Extent.LIVER_AND_BEYOND, Extent.BEYOND_LIVER)

    @property
    def is_liver_only(self) -> bool:
        """Whether the liver is the only distant site on record."""
        return self.extent is Extent.LIVER_ONLY

    @property
    def is_curable(self) -> bool:
        """Whether no distant metastasis is on record, so that an operation could cure."""
        return self.extent in (Extent.LOCALISED, Extent.REGIONAL)


class Metastasis(NamedTuple):
    """A Condition in force, where it is (``node``, ``liver``, ``other``), and whether any cancer has such."""

    condition: r4.Condition
    site: str
    is_generic: bool


@fact
def spread(patient: Patient) -> Spread:
    """Read metastases, nodes, the M category and what is said of the liver lesions."""
    metastases, stage = _metastases(patient), staging(patient)
    sites = {one.site for one in _own(metastases, tumour(patient))} | stage.n.sites | stage.m.sites
    return Spread(
        extent=_extent(sites, metastases, stage.m.value, tumour(patient)),
        has_liver_metastases="liver" in sites,
        has_metastasis_code=bool(metastases),
        t_category=stage.t.value,
        m_category=stage.m.value,
        lesions=_lesion_count(patient),
        is_multifocal=_says_of_liver(patient, "multifocal"),
        is_solitary=_says_of_liver(patient, "solitary"),
        newest=newest_metastasis(patient),
        evidence=tuple(dict.fromkeys(_evidence(patient))),
    )


def newest_metastasis(patient: Patient) -> Moment | None:
    """When the last metastasis was first recorded."""
    dated = [moment for one in _metastases(patient) if (moment := one.condition.since)]
    return max(dated, default=None)


def extent_in_words(patient: Patient) -> str:
    """The extent as a reason shows it."""
    return patient.phrases(f"names.extent.{spread(patient).extent.value}")


@fact
def _metastases(patient: Patient) -> tuple[Metastasis, ...]:
    """Every metastasis code in force, of this tumour or of any cancer."""
    lists = (*SECONDARY_LISTS, "other-malignancy", "other-malignancy-words")
    conditions = patient.record.about(r4.Condition, *lists)
    in_force = (one for one in conditions if one.is_in_force(patient.now))
    return tuple([metastasis for one in in_force for metastasis in _metastases_of(one)])


_SECONDARY_BLOCK = re.compile(r"C7[789]")


def _metastases_of(condition: r4.Condition) -> Iterator[Metastasis]:
    rows = condition.about.rows(*SECONDARY_LISTS)
    for row in rows:
        if row.get("role") != "excluded":
            yield Metastasis(condition, _site(row.get("metastasis_site")), row.get("role") == "generic")
    if not rows:
        yield from _of_unlisted_codes(condition)


def _of_unlisted_codes(condition: r4.Condition) -> Iterator[Metastasis]:
    """C77 to C79 is ICD-10-CM's block of secondary neoplasms; the lists hold its common leaves."""
    for coding in condition.code.codings if condition.code else ():
        code = coding.code or ""
        if coding.system == ICD10CM and _SECONDARY_BLOCK.match(code):
            yield Metastasis(condition, "node" if code.startswith("C77") else "other", is_generic=True)


def _site(site: str) -> str:
    """``liver``, ``node`` (regional or unstated) or ``other``."""
    if site in ("regional-lymph-node", "lymph-node"):
        return "node"
    return "liver" if site == "liver" else "other"


def _own(metastases: Iterable[Metastasis], found: Tumour) -> Iterator[Metastasis]:
    """Those of this tumour: beside another cancer a metastasis code of any cancer may be that one's."""
    return (one for one in metastases if not (one.is_generic and found.other_malignancy))


def _extent(sites: set[str], metastases: Iterable[Metastasis], m_category: str, found: Tumour) -> Extent:
    if not sites - {"node"} and any(one.site == "liver" and one.is_generic for one in metastases):
        return Extent.UNCLEAR_ORIGIN
    if "liver" in sites:
        return Extent.LIVER_AND_BEYOND if "other" in sites else Extent.LIVER_ONLY
    if "other" in sites or m_category == "1":
        return Extent.BEYOND_LIVER
    if "node" in sites:
        return Extent.REGIONAL
    return Extent.LOCALISED if found.is_present else Extent.UNKNOWN


def _evidence(patient: Patient) -> Iterator[Evidence]:
    for one in _metastases(patient):
        yield stated(one.condition, patient)
    stage = staging(patient)
    for category in (stage.n, stage.m):
        if category.shows_spread:
            yield from category.evidence


def _says_of_liver(patient: Patient, word_list: str) -> bool:
    """Whether a report, or a Condition by its name or note, says this of the liver."""
    record = patient.record
    said = (*record.saying(r4.DiagnosticReport, word_list), *record.saying(r4.Condition, word_list))
    texts = (f"{one.name} {one.findings}".lower() for one in said)
    return any("liver" in text or "hepatic" in text for text in texts)


def _lesion_count(patient: Patient) -> float | None:
    """The number of liver lesions, from a structured count only (never from a plural)."""
    counts = [
        (dates.order(one.happened()), value.low)
        for one in patient.record.about(r4.Observation, "lesion-count")
        if one.is_done and (value := quantities.value_of(one)) and value.is_exact and value.low >= 0
    ]
    return max(counts)[1] if counts else None
