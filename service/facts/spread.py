"""How far has the tumour spread? (F-5, Y-3)

Metastases are read here and nowhere else: in the problem list by code and by words, in the stage, and in
reports. Unknown is the answer unless something on record says otherwise: a tumour is localised or regional
only where a stage says so, or where a CT or MRI and receptor imaging were read and name no metastasis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple

from service.facts.item import start_of_diagnosis
from service.facts.owner import Owner, owner_of_report
from service.facts.patient import Patient, fact
from service.facts.reports import Report, reports
from service.facts.scans import is_cross_sectional, is_sstr_imaging
from service.facts.staging import staging
from service.facts.tumour import SECONDARY_LISTS, tumour
from service.facts.words import evidence, stated
from service.fhir import dates, quantities, r4
from service.fhir.code_systems import ICD10CM
from service.fhir.context import Assertion
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.phrases import Mention


class Extent(Enum):
    """How far the tumour has spread, as far as the record says.

    Each is shown by the phrase ``names.extent.`` and its value. ``REPORTED`` rests on imaging alone.
    """

    LOCALISED = "localised"
    REGIONAL = "regional"
    LIVER_ONLY = "liver-only"
    LIVER_AND_BEYOND = "liver-and-beyond"
    BEYOND_LIVER = "beyond-liver"
    METASTATIC = "metastatic"
    REPORTED = "reported"
    UNCLEAR_ORIGIN = "unclear-origin"
    UNKNOWN = "unknown"


class Level(IntEnum):
    """How sure it is that there is a metastasis; ``PROVEN`` by a code, by the stage or by pathology."""

    POSSIBLE = 1
    REPORTED = 2
    PROVEN = 3


@dataclass(frozen=True, slots=True)
class Spread:
    """The answer to F-5. ``lesions`` counts liver lesions where the record states a number.

    ``has_reported_liver_metastases`` is whether imaging names some, recorded or not.
    """

    extent: Extent
    has_liver_metastases: bool = False
    has_reported_liver_metastases: bool = False
    has_metastasis_code: bool = False
    has_nodes: bool = False
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
        return self.extent in _METASTATIC

    @property
    def may_be_metastatic(self) -> bool:
        """The same, or imaging names some."""
        return self.is_metastatic or self.extent is Extent.REPORTED

    @property
    def is_liver_only(self) -> bool:
        """Whether the liver is the only distant site on record."""
        return self.extent is Extent.LIVER_ONLY

    @property
    def is_curable(self) -> bool:
        """Whether it is known that there is no distant metastasis, so that an operation could cure."""
        return self.extent in (Extent.LOCALISED, Extent.REGIONAL)

    @property
    def may_be_curable(self) -> bool:
        """Whether no distant metastasis is on record or reported."""
        return self.is_curable or self.extent is Extent.UNKNOWN


_METASTATIC = (Extent.LIVER_ONLY, Extent.LIVER_AND_BEYOND, Extent.BEYOND_LIVER, Extent.METASTATIC)


class Metastasis(NamedTuple):
    """What names a metastasis, where (``node``, ``liver``, ``other``, ``unspecified``), and how surely.

    ``is_generic`` is whether any cancer has such, so that beside another cancer its origin is unclear.
    """

    resource: r4.Resource
    site: str
    level: Level
    is_generic: bool
    moment: Moment | None
    evidence: Evidence


@fact
def spread(patient: Patient) -> Spread:
    """Read metastases, nodes, the stage and what is said of the liver lesions."""
    found, stage = _metastases(patient), staging(patient)
    proven = [one for one in found if one.level is Level.PROVEN]
    own = [one for one in proven if _is_own(one, patient)]
    sites = {one.site for one in own}
    reported = {one.site for one in found if one.level is Level.REPORTED and _is_own(one, patient)}
    return Spread(
        extent=_extent(sites, reported, patient),
        has_liver_metastases="liver" in sites,
        has_reported_liver_metastases="liver" in sites | reported,
        has_metastasis_code=any(isinstance(one.resource, r4.Condition) for one in proven),
        has_nodes="node" in sites,
        t_category=stage.t.value,
        m_category=stage.m.value,
        lesions=_lesion_count(patient),
        is_multifocal=_says_of_liver(patient, ("multifocal",), ("many",)),
        is_solitary=_says_of_liver(patient, ("solitary",), ("one-lesion",)),
        newest=newest_metastasis(patient),
        evidence=tuple(dict.fromkeys([one.evidence for one in found if one.level > Level.POSSIBLE])),
    )


@fact
def metastases_only_in_reports(patient: Patient) -> tuple[Metastasis, ...]:
    """Distant ones that reports name, newest first, where neither the problem list nor the stage has any."""
    found = [one for one in _metastases(patient) if one.level > Level.POSSIBLE and one.site != "node"]
    written = {id(report.resource) for report in reports(patient)}
    return tuple(found) if all(id(one.resource) in written for one in found) else ()


def do_reports_disagree(patient: Patient) -> bool:
    """Whether newer imaging denies the metastases that an older report names."""
    return _is_denied_since(patient)


@fact
def own_metastases(patient: Patient) -> tuple[Metastasis, ...]:
    """What is proven or reported, and may be of this tumour; a report that newer imaging denies is none."""
    is_denied = _is_denied_since(patient)
    stands = [one for one in _metastases(patient) if one.level > Level.POSSIBLE]
    return tuple([one for one in stands if one.level is Level.PROVEN or not is_denied])


def newest_metastasis(patient: Patient) -> Moment | None:
    """When the last metastasis was first recorded."""
    conditions = [one for one in _metastases(patient) if isinstance(one.resource, r4.Condition)]
    dated = [one.moment for one in conditions if one.moment and one.level is Level.PROVEN]
    return max(dated, default=None)


def extent_in_words(patient: Patient) -> str:
    """The extent as a reason shows it."""
    return patient.phrases(f"names.extent.{spread(patient).extent.value}")


def _is_own(one: Metastasis, patient: Patient) -> bool:
    """Beside another cancer a metastasis of any cancer may be that one's."""
    return not (one.is_generic and tumour(patient).other_cancers)


def _extent(sites: set[str], reported: set[str], patient: Patient) -> Extent:
    """In the order of Y-3: what is proven, what is reported, what may be, what is excluded."""
    found = _metastases(patient)
    if not sites - {"node"} and any(one.site != "node" and one.level is Level.PROVEN for one in found):
        return Extent.UNCLEAR_ORIGIN
    if "liver" in sites:
        return Extent.LIVER_AND_BEYOND if "other" in sites | reported else Extent.LIVER_ONLY
    if "other" in sites:
        return Extent.BEYOND_LIVER
    if "unspecified" in sites:
        return Extent.METASTATIC
    if reported - {"node"}:
        return Extent.UNKNOWN if _is_denied_since(patient) else Extent.REPORTED
    if any(one.site != "node" for one in found) or not _is_excluded(patient):
        return Extent.UNKNOWN
    return Extent.REGIONAL if "node" in sites | reported else Extent.LOCALISED


def _is_excluded(patient: Patient) -> bool:
    """Whether a stage says that there is no distant metastasis, or imaging was read and names none."""
    stage = staging(patient)
    if not tumour(patient).is_present:
        return False
    if stage.m.value == "0" or stage.group.value in ("i", "ii", "iii"):
        return True
    imaging = [one for one in reports_since_diagnosis(patient) if one.is_imaging]
    sections = [one for one in imaging if is_cross_sectional(one.resource, patient)]
    receptors = [one for one in imaging if is_sstr_imaging(one.resource)]
    return bool(sections and receptors) and sections[0].is_whole and receptors[0].is_whole


@fact
def _metastases(patient: Patient) -> tuple[Metastasis, ...]:
    """Every metastasis in force, of this tumour or of any cancer, from all sources."""
    return (*_recorded(patient), *_staged(patient), *_reported(patient))


def _recorded(patient: Patient) -> Iterator[Metastasis]:
    """The problem list: by code, else by words."""
    lists = (*SECONDARY_LISTS, "other-malignancy", "other-malignancy-words", "metastasis")
    for condition in patient.record.about(r4.Condition, *lists):
        if condition.is_in_force(patient.now):
            yield from [*_coded(condition, patient)] or _worded(condition, patient)


_SECONDARY_BLOCK = re.compile(r"C7[789]")


def _coded(condition: r4.Condition, patient: Patient) -> Iterator[Metastasis]:
    """By the lists, else by ICD-10's block of secondary neoplasms, of which they hold the common leaves."""
    rows = condition.about.rows(*SECONDARY_LISTS)
    for row in rows:
        if row.get("role") != "excluded":
            site = _site(row.get("metastasis_site"))
            places = _at_body_site(condition, patient) if site == "unspecified" else {site}
            for place in places:
                yield _of(condition, place, patient, is_generic=row.get("role") == "generic")
    for coding in condition.code.codings if condition.code and not rows else ():
        code = coding.code or ""
        if coding.system == ICD10CM and _SECONDARY_BLOCK.match(code):
            yield _of(condition, "node" if code.startswith("C77") else "other", patient, is_generic=True)


def _worded(condition: r4.Condition, patient: Patient) -> Iterator[Metastasis]:
    said = condition.about.says_of("metastasis")
    if said not in (Assertion.ASSERTED, Assertion.UNCERTAIN) or condition.about.has_row(
        "net-excluded-icd10cm"
    ):
        return
    level = Level.PROVEN if said is Assertion.ASSERTED else Level.POSSIBLE
    is_generic = not condition.about.is_named("neuroendocrine-tumour")
    for place in _places(f"{condition.name} {r4.words(condition.body_site)}", patient):
        yield _of(condition, place, patient, is_generic=is_generic, level=level)


def _of(
    condition: r4.Condition, site: str, patient: Patient, *, is_generic: bool, level: Level = Level.PROVEN
) -> Metastasis:
    return Metastasis(condition, site, level, is_generic, condition.since, stated(condition, patient))


def _at_body_site(condition: r4.Condition, patient: Patient) -> set[str]:
    """Where a general code of metastasis is, as mCODE states it."""
    sites = [patient.terminology.about_concept(one) for one in r4.concepts(condition.body_site)]
    coded = {_site(row.get("metastasis_site")) for one in sites for row in one.rows("metastasis-site")}
    return coded or _places(f"{condition.name} {r4.words(condition.body_site)}", patient)


def _site(site: str) -> str:
    """``liver``, ``node`` (regional or unstated), ``unspecified`` or ``other``."""
    if site in ("regional-lymph-node", "lymph-node"):
        return "node"
    return site if site in ("liver", "unspecified") else "other"


def _places(text: str, patient: Patient) -> set[str]:
    """The sites that words name; ``unspecified`` where they name none."""
    return {_site(one) for one in patient.terminology.metastasis_sites_in(text)} or {"unspecified"}


def _mentioned_places(mention: Mention, patient: Patient) -> set[str]:
    """Those beside the mention; of its whole sentence, where a "but" parts it from them."""
    beside = _places(mention.clause, patient)
    return beside if beside != {"unspecified"} else _places(mention.sentence, patient)


def _staged(patient: Patient) -> Iterator[Metastasis]:
    """What the stage says: nodes, distant metastases and their sites."""
    stage = staging(patient)
    for category in (stage.n, stage.m, stage.group, *stage.sites):
        for site in category.sites:
            shown = category.evidence[0]
            source = r4.Observation()
            yield Metastasis(source, site, Level.PROVEN, False, category.moment, shown)


@fact
def reports_since_diagnosis(patient: Patient) -> tuple[Report, ...]:
    """The reports that may tell of this tumour, newest first."""
    since = start_of_diagnosis(patient)
    return tuple(
        [
            one
            for one in reports(patient)
            if since is None or one.moment is None or one.moment.instant >= since.instant
        ]
    )


def _reported(patient: Patient) -> Iterator[Metastasis]:
    """What reports say: proven by pathology that names the tumour, reported by imaging, else possible."""
    for report in reports_since_diagnosis(patient):
        for mention in _said(report, patient):
            if (level := _level(mention, report, patient)) is None:
                continue
            quoted = patient.phrases("report.metastases", when=report.when, words=mention.sentence)
            is_generic = owner_of_report(report, patient) is not Owner.THE_TUMOUR
            for site in _mentioned_places(mention, patient):
                shown = evidence(report.resource, quoted)
                yield Metastasis(report.resource, site, level, is_generic, report.moment, shown)


def _said(report: Report, patient: Patient) -> Iterator[Mention]:
    """The mentions of metastases, or of lesions that may be some, in a report."""
    return patient.terminology.word_lists.mentions(report.text, "metastasis", "liver-lesion", is_report=True)


def _level(mention: Mention, report: Report, patient: Patient) -> Level | None:
    if mention.assertion not in (Assertion.ASSERTED, Assertion.UNCERTAIN, Assertion.HISTORICAL):
        return None
    is_asserted = mention.assertion is Assertion.ASSERTED
    if mention.word_list == "liver-lesion":
        is_avid = is_sstr_imaging(report.resource) and _is_avid(mention.sentence, patient)
        return Level.REPORTED if is_asserted and is_avid else Level.POSSIBLE
    if is_asserted and report.is_pathology and _names_the_tumour(report, patient):
        return Level.PROVEN
    return Level.REPORTED if is_asserted and report.is_imaging else Level.POSSIBLE


def _is_avid(sentence: str, patient: Patient) -> bool:
    return patient.terminology.says("sstr-positive", sentence)


def _names_the_tumour(report: Report, patient: Patient) -> bool:
    return patient.terminology.says("neuroendocrine-tumour", report.text)


def _is_denied_since(patient: Patient) -> bool:
    """Whether imaging newer than every report of metastases says that there are none."""
    imaging = [one for one in reports_since_diagnosis(patient) if one.is_imaging]
    for report in imaging:
        levels = [_level(one, report, patient) for one in _said(report, patient)]
        if Level.REPORTED in levels:
            return False
        said = [one.assertion for one in _said(report, patient) if one.word_list == "metastasis"]
        if Assertion.NEGATED in said:
            return True
    return False


def _says_of_liver(
    patient: Patient, word_lists: tuple[str, ...], beside_lesions: tuple[str, ...] = ()
) -> bool:
    """Whether a sentence on the liver says this; some words count only where it names lesions."""
    texts = [(one.text, True) for one in reports_since_diagnosis(patient)]
    conditions = patient.record.about(r4.Condition, "metastasis", *SECONDARY_LISTS, *word_lists)
    texts += [(f"{one.name}\n{one.findings}", False) for one in conditions]
    for text, is_report in texts:
        lists = (*word_lists, *beside_lesions)
        for one in patient.terminology.word_lists.mentions(text, *lists, is_report=is_report):
            says = patient.terminology.says
            is_of_lesions = one.word_list in word_lists or says("metastasis", one.sentence)
            is_of_liver = "liver" in patient.terminology.metastasis_sites_in(one.sentence)
            if one.assertion is Assertion.ASSERTED and is_of_liver and is_of_lesions:
                return True
    return False


def _lesion_count(patient: Patient) -> float | None:
    """The number of liver lesions, from a structured count only (never from a plural)."""
    counts = [
        (dates.order(one.happened()), value.low)
        for one in patient.record.about(r4.Observation, "lesion-count")
        if one.is_done and (value := quantities.value_of(one)) and value.is_exact and value.low >= 0
    ]
    return max(counts)[1] if counts else None
