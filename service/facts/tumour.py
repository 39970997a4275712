"""Is there a neuroendocrine tumour, where, of which kind, and how sure is that? (F-1, F-2, F-3)

Look-alikes and histories are not tumours: Merkel cell, small cell of the lung, paraganglioma and
goblet cell tumours are out of scope (X-3); a personal or family history gives no card.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from service.facts.lazy import lazy
from service.facts.status import is_done
from service.fhir import dates
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, code, reference, words
from service.fhir.record import Record
from service.fhir.terminology import Concept

PRIMARY_LISTS = ("net-malignant-icd10cm", "net-benign-icd10cm", "net-snomed-primary", "net-icdo3-morphology")
SECONDARY_LISTS = ("net-secondary-icd10cm", "net-snomed-metastasis")
HORMONE_LIST = "net-functional-syndromes"
"""Its rows with the role ``tumour`` (insulinoma, gastrinoma ...) name a tumour as well as a syndrome."""
SYNDROME_WORDS = ("carcinoid-syndrome", "carcinoid-heart-disease", "carcinoid-crisis")
NAMING_LISTS = (*PRIMARY_LISTS, *SECONDARY_LISTS, HORMONE_LIST, "neuroendocrine-tumour", *SYNDROME_WORDS)
"""A Condition that is, or belongs to, a neuroendocrine tumour hits one of these lists."""


class Certainty(Enum):
    """How sure the record is that this patient has a neuroendocrine tumour now."""

    CONFIRMED = "confirmed"
    SUSPECTED = "suspected"
    NONE = "none"


class Differentiation(Enum):
    """Morphology; ``ambiguous`` where the record contradicts itself or uses a historical term."""

    WELL = "well differentiated"
    POOR = "poorly differentiated"
    MIXED = "mixed (MiNEN)"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "not stated"


class Primary(NamedTuple):
    """One Condition that states a neuroendocrine tumour."""

    condition: Resource
    certainty: Certainty
    since: Moment | None
    site: str = "unknown"
    region: str = "unknown"
    differentiation: Differentiation = Differentiation.UNKNOWN
    is_benign: bool = False
    is_excluded: bool = False
    is_metastasis: bool = False


@dataclass(frozen=True)
class Tumour:
    """The answer to F-1 to F-3. ``primaries`` are active ones only, the index tumour first."""

    certainty: Certainty
    why: str
    primaries: tuple[Primary, ...] = ()
    sites: tuple[str, ...] = ()
    differentiation: Differentiation = Differentiation.UNKNOWN
    other_malignancy: bool = False

    @property
    def is_present(self) -> bool:
        """Whether a tumour is on record, confirmed or suspected."""
        return self.certainty is not Certainty.NONE

    @property
    def is_confirmed(self) -> bool:
        """Whether a tumour is on record and confirmed."""
        return self.certainty is Certainty.CONFIRMED

    @property
    def index(self) -> Primary:
        """The tumour that the cards are about."""
        return self.primaries[0]

    @property
    def site(self) -> str:
        """The site of the index tumour in words, ``unknown`` where no primary is known."""
        return self.index.site if self.primaries else "unknown"

    @property
    def region(self) -> str:
        """foregut, midgut, hindgut, pancreas, thoracic, other, or unknown."""
        return self.index.region if self.primaries else "unknown"

    @property
    def has_several_primaries(self) -> bool:
        """Whether two different primary sites are on record."""
        return len(self.sites) > 1

    @lazy
    def is_benign(self) -> bool:
        """Whether every primary on record is coded benign (D3A, D13.7); a metastasis is no primary."""
        coded = [primary for primary in self.primaries if not primary.is_metastasis]
        return bool(coded) and all(primary.is_benign for primary in coded)

    @property
    def is_gastroenteropancreatic(self) -> bool:
        """Whether the gastroenteropancreatic rules apply (unknown primary included)."""
        return self.region not in ("thoracic", "other")

    @property
    def is_poorly_differentiated(self) -> bool:
        """Whether the tumour is a neuroendocrine carcinoma by its morphology."""
        return self.differentiation is Differentiation.POOR

    @property
    def since(self) -> Moment | None:
        """When the first tumour was first recorded."""
        found = [primary.since for primary in self.primaries if primary.since]
        return min(found) if found else None

    @lazy
    def evidence(self) -> tuple[Evidence, ...]:
        """One entry per Condition that states the tumour."""
        conditions = [primary.condition for primary in self.primaries]
        return tuple([Evidence(reference(one), describe_condition(one)) for one in conditions])


def describe_condition(condition: Resource) -> str:
    """The condition's name with its code and the day it was recorded."""
    name = words(condition.get("code")).split("; ")[0] or "Condition"
    stated = code(condition.get("code"))
    return f"{name}{f' ({stated})' if stated else ''}, {dates.shown(dates.first_recorded(condition))}"


_ABATEMENT = frozenset({"abatementDateTime", "abatementPeriod"})


def is_in_force(condition: Resource, *, now: datetime) -> bool:
    """Whether a Condition holds now: not refuted, not resolved, not abated in the past."""
    if verification(condition) in ("refuted", "entered-in-error"):
        return False
    if code(condition.get("clinicalStatus")) in ("inactive", "remission", "resolved"):
        return False
    if _ABATEMENT.isdisjoint(condition):
        return True
    abated = dates.start(condition, "abatement")
    return abated is None or abated.instant > now


def verification(condition: Resource) -> str:
    """The verificationStatus code; absent counts as confirmed (R4 allows absence)."""
    return code(condition.get("verificationStatus")) or "confirmed"


def read_tumour(record: Record, *, now: datetime) -> Tumour:
    """Read every Condition and answer F-1 to F-3."""
    conditions = record.about("Condition", *NAMING_LISTS)
    found = [
        primary
        for condition in conditions
        if (primary := _read_primary(condition, record, now=now)) is not None
    ]
    found = _without_overruled(found, conditions, record)
    included = [primary for primary in found if not primary.is_excluded]
    if not included:
        return Tumour(Certainty.NONE, _why_none(record, found))
    ordered = _index_first(included) if len(included) > 1 else included
    return Tumour(
        certainty=_certainty(ordered),
        why="a neuroendocrine tumour is on record",
        primaries=tuple(ordered),
        sites=_sites(ordered),
        differentiation=_differentiation(ordered, record),
        other_malignancy=_has_other_malignancy(record, now=now),
    )


def _read_primary(condition: Resource, record: Record, *, now: datetime) -> Primary | None:
    if not is_in_force(condition, now=now) or record.rows(condition, "net-excluded-icd10cm"):
        return None
    if rows := _tumour_rows(condition, record):
        return _coded_primary(condition, rows)
    if any(row.get("role") == "neuroendocrine" for row in record.rows(condition, *SECONDARY_LISTS)):
        return Primary(
            condition, _stated_certainty(condition), dates.first_recorded(condition), is_metastasis=True
        )
    return _worded_primary(condition, record)


def _tumour_rows(condition: Resource, record: Record) -> list[Concept]:
    """The rows that name a primary: not a secretion, and not a neoplasm of any kind."""
    named = [row for row in record.rows(condition, *PRIMARY_LISTS) if row.get("role") != "nonspecific"]
    return named + [row for row in record.rows(condition, HORMONE_LIST) if row.get("role") == "tumour"]


def _coded_primary(condition: Resource, rows: list[Concept]) -> Primary:
    site, region = _site(condition, rows)
    kinds = {row.get("differentiation") for row in rows} - {""}
    small_cell_elsewhere = region in ("thoracic", "unknown") and any(
        row.get("role") == "small-cell" for row in rows
    )
    return Primary(
        condition,
        _stated_certainty(condition),
        dates.first_recorded(condition),
        site=site.replace("-", " "),
        region=region,
        differentiation=_combined(kinds - {"excluded"}),
        is_benign=any(row.get("behaviour") == "benign" for row in rows),
        is_excluded="excluded" in kinds or small_cell_elsewhere,
    )


_TRUSTED_LISTS = ("net-history-icd10cm", "net-functional-syndromes", *SECONDARY_LISTS)


def _worded_primary(condition: Resource, record: Record) -> Primary | None:
    """A Condition with text alone that names the tumour counts as suspected (section 8)."""
    if not record.is_named(condition, "neuroendocrine-tumour") or record.rows(condition, *_TRUSTED_LISTS):
        return None
    site, region = _site_in_words(words(condition.get("code")))
    since = dates.first_recorded(condition)
    return Primary(condition, Certainty.SUSPECTED, since, site=site.replace("-", " "), region=region)


def _stated_certainty(condition: Resource) -> Certainty:
    unsure = verification(condition) in ("unconfirmed", "provisional", "differential")
    return Certainty.SUSPECTED if unsure else Certainty.CONFIRMED


_SITES: tuple[tuple[str, str, str], ...] = (
    ("pancrea", "pancreas", "pancreas"),
    ("ileum", "ileum", "midgut"),
    ("ileal", "ileum", "midgut"),
    ("jejun", "jejunum", "midgut"),
    ("duoden", "duodenum", "foregut"),
    ("small intestin", "small-intestine", "midgut-or-duodenum"),
    ("small bowel", "small-intestine", "midgut-or-duodenum"),
    ("append", "appendix", "midgut"),
    ("caecum", "caecum", "midgut"),
    ("cecum", "caecum", "midgut"),
    ("ascending colon", "ascending-colon", "midgut"),
    ("rectum", "rectum", "hindgut"),
    ("rectal", "rectum", "hindgut"),
    ("sigmoid", "sigmoid-colon", "hindgut"),
    ("stomach", "stomach", "foregut"),
    ("gastric", "stomach", "foregut"),
    ("bronch", "lung", "thoracic"),
    ("lung", "lung", "thoracic"),
    ("thymus", "thymus", "thoracic"),
    ("thymic", "thymus", "thoracic"),
    ("kidney", "kidney", "other"),
    ("insulinoma", "pancreas", "pancreas"),
    ("glucagonoma", "pancreas", "pancreas"),
    ("vipoma", "pancreas", "pancreas"),
    ("gastrinoma", "duodenum-or-pancreas", "foregut"),
    ("somatostatinoma", "duodenum-or-pancreas", "foregut"),
)
"""Word stem -> site and region, for a bodySite or a diagnosis in words; embryology as in F-2."""


def _site(condition: Resource, rows: Iterable[Concept]) -> tuple[str, str]:
    for row in rows:
        if row.get("site") not in ("", "unknown"):
            return row.get("site"), row.get("region")
    body_site = words(condition.get("bodySite"))
    site, region = _site_in_words(body_site)
    return (site, region) if site != "unknown" else _site_in_words(words(condition.get("code")))


def _site_in_words(text: str) -> tuple[str, str]:
    lowered = text.lower()
    return next(((site, region) for stem, site, region in _SITES if stem in lowered), ("unknown", "unknown"))


_DIFFERENTIATIONS = {
    "well": Differentiation.WELL,
    "poor": Differentiation.POOR,
    "minen": Differentiation.MIXED,
    "ambiguous": Differentiation.AMBIGUOUS,
}


def _combined(kinds: set[str]) -> Differentiation:
    """One kind is the answer, none is unknown; contradicting kinds are ambiguous."""
    meant = {_DIFFERENTIATIONS[kind] for kind in kinds if kind in _DIFFERENTIATIONS}
    return (
        meant.pop() if len(meant) == 1 else (Differentiation.AMBIGUOUS if meant else Differentiation.UNKNOWN)
    )


def _differentiation(primaries: Iterable[Primary], record: Record) -> Differentiation:
    """F-3: pathology morphology first, then the codes of the conditions, then words."""
    morphology = _morphology(record)
    if morphology is not Differentiation.UNKNOWN:
        return morphology
    stated = {primary.differentiation for primary in primaries} - {Differentiation.UNKNOWN}
    if len(stated) > 1:
        return Differentiation.AMBIGUOUS
    return stated.pop() if stated else _differentiation_in_words(record)


def _morphology(record: Record) -> Differentiation:
    kinds: set[str] = set()
    for observation in record.about("Observation", "grade-differentiation"):
        if is_done(observation):
            rows = record.terminology.concepts(
                observation.get("valueCodeableConcept"), "net-icdo3-morphology"
            )
            kinds |= {row.get("differentiation") for row in rows}
    return _combined(kinds - {"", "excluded"})


def _differentiation_in_words(record: Record) -> Differentiation:
    stated = [
        word_list
        for word_list in ("well-differentiated", "poorly-differentiated")
        if record.saying("Condition", word_list) or _is_reported(record, word_list)
    ]
    if len(stated) > 1:
        return Differentiation.AMBIGUOUS
    return {"well-differentiated": Differentiation.WELL, "poorly-differentiated": Differentiation.POOR}.get(
        "".join(stated), Differentiation.UNKNOWN
    )


def _is_reported(record: Record, word_list: str) -> bool:
    """Whether the conclusion of a delivered report says so."""
    return any(
        is_done(report) and record.finds(report, word_list) for report in record.of("DiagnosticReport")
    )


def _without_overruled(
    primaries: list[Primary], conditions: Iterable[Resource], record: Record
) -> list[Primary]:
    """A-21: the same code both confirmed and refuted: the later entry wins, else it is suspected."""
    refuted: dict[str, list[Moment | None]] = {}
    for condition in conditions:
        if verification(condition) == "refuted" and _tumour_rows(condition, record):
            refuted.setdefault(code(condition.get("code")), []).append(dates.last_asserted(condition))
    if not refuted:
        return primaries
    kept: list[Primary] = []
    for primary in primaries:
        times = refuted.get(code(primary.condition.get("code")), [])
        asserted = dates.last_asserted(primary.condition)
        if any(time and asserted and time.instant > asserted.instant for time in times):
            continue
        unordered = any(
            time is None or asserted is None or time.instant == asserted.instant for time in times
        )
        kept.append(primary._replace(certainty=Certainty.SUSPECTED) if unordered else primary)
    return kept


def _index_first(primaries: list[Primary]) -> list[Primary]:
    """Confirmed before suspected, a known site before an unknown one, then the latest asserted."""

    def rank(primary: Primary) -> tuple[bool, bool, float, str]:
        asserted = dates.last_asserted(primary.condition)
        return (
            primary.certainty is not Certainty.CONFIRMED,
            primary.site == "unknown",
            -(asserted.instant.timestamp() if asserted else 0.0),
            primary.site,
        )

    return sorted(primaries, key=rank)


def _certainty(primaries: list[Primary]) -> Certainty:
    return primaries[0].certainty


_BROAD_SITES = frozenset(
    {"small intestine", "large intestine", "colon", "intestine", "foregut", "midgut", "hindgut", "other"}
    | {"duodenum or pancreas"}
)


def _sites(primaries: Iterable[Primary]) -> tuple[str, ...]:
    """Different sites of malignant or confirmed tumours; a broad term may mean the exact one."""
    sites = {primary.site for primary in primaries} - {"unknown"}
    exact = sites - _BROAD_SITES
    return tuple(sorted(exact or sites))


def _why_none(record: Record, found: list[Primary]) -> str:
    if found:
        return "the tumour on record is of a kind that the algorithm does not cover"
    lists = (*PRIMARY_LISTS, "net-history-icd10cm", "net-excluded-icd10cm")
    if record.about("Condition", *lists):
        return "the neuroendocrine tumour on record is refuted, resolved, history or out of scope"
    return "no neuroendocrine tumour is on record"


def _has_other_malignancy(record: Record, *, now: datetime) -> bool:
    """Another active cancer, which could explain metastases or a drug."""
    return any(
        is_in_force(condition, now=now)
        and not record.rows(condition, *PRIMARY_LISTS, *SECONDARY_LISTS, HORMONE_LIST)
        and not record.is_named(condition, "neuroendocrine-tumour")
        and (
            record.has_row(condition, "other-malignancy", roles=("malignancy",))
            or record.is_named(condition, "other-malignancy")
        )
        for condition in record.about("Condition", "other-malignancy")
    )
