"""Is there a neuroendocrine tumour, where, of which kind, and how sure is that? (F-1, F-2, F-3)

Look-alikes and histories are not tumours: Merkel cell, small cell of the lung, paraganglioma and
goblet cell tumours are out of scope (X-3); a personal or family history gives no card.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from service.facts.patient import Patient, fact
from service.facts.words import stated
from service.fhir import dates, r4
from service.fhir.about import ListedCode
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.record import Record

PRIMARY_LISTS = ("net-malignant-icd10cm", "net-benign-icd10cm", "net-snomed-primary", "net-icdo3-morphology")
SECONDARY_LISTS = ("net-secondary-icd10cm", "net-snomed-metastasis")
HORMONE_LIST = "net-functional-syndromes"
"""Its rows with the role ``tumour`` (insulinoma, gastrinoma ...) name a tumour as well as a syndrome."""
SYNDROME_WORDS = ("carcinoid-syndrome", "carcinoid-heart-disease", "carcinoid-crisis")
NAMING_LISTS = (*PRIMARY_LISTS, *SECONDARY_LISTS, HORMONE_LIST, "neuroendocrine-tumour", *SYNDROME_WORDS)
"""A Condition that is, or belongs to, a neuroendocrine tumour hits one of these lists."""

UNKNOWN_SITE = "unknown"


class Certainty(Enum):
    """How sure the record is that this patient has a neuroendocrine tumour now."""

    CONFIRMED = "confirmed"
    SUSPECTED = "suspected"
    NONE = "none"


class Differentiation(Enum):
    """Morphology; ``ambiguous`` where the record contradicts itself or uses a historical term.

    Each is shown by the phrase ``names.differentiation.`` and its value.
    """

    WELL = "well"
    POOR = "poor"
    MIXED = "minen"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Primary:
    """One Condition that states a neuroendocrine tumour."""

    condition: r4.Condition
    certainty: Certainty
    site: str = UNKNOWN_SITE
    region: str = "unknown"
    differentiation: Differentiation = Differentiation.UNKNOWN
    is_benign: bool = False
    is_excluded: bool = False
    is_metastasis: bool = False

    @property
    def since(self) -> Moment | None:
        """The earliest that it can be dated."""
        return self.condition.since


@dataclass(frozen=True, slots=True)
class Tumour:
    """The answer to F-1 to F-3. ``primaries`` are active ones only, the index tumour first.

    ``why_none`` is the key of a silence, where there is none.
    """

    certainty: Certainty
    why_none: str = ""
    primaries: tuple[Primary, ...] = ()
    sites: tuple[str, ...] = ()
    differentiation: Differentiation = Differentiation.UNKNOWN
    other_malignancy: bool = False
    evidence: tuple[Evidence, ...] = ()

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
        return self.index.site if self.primaries else UNKNOWN_SITE

    @property
    def has_known_site(self) -> bool:
        """Whether it is known where the index tumour began."""
        return self.site != UNKNOWN_SITE

    @property
    def region(self) -> str:
        """foregut, midgut, hindgut, pancreas, thoracic, other, or unknown."""
        return self.index.region if self.primaries else "unknown"

    @property
    def has_several_primaries(self) -> bool:
        """Whether two different primary sites are on record."""
        return len(self.sites) > 1

    @property
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


def names_a_tumour(record: Record) -> bool:
    """Whether a Condition could be, or belong to, a neuroendocrine tumour; nearly no patient has one."""
    return bool(record.about(r4.Condition, *NAMING_LISTS))


@fact
def tumour(patient: Patient) -> Tumour:
    """Read every Condition and answer F-1 to F-3."""
    found = _without_overruled(_primaries(patient), patient.record)
    included = [primary for primary in found if not primary.is_excluded]
    if not included:
        return Tumour(Certainty.NONE, _why_none(patient.record, found))
    ordered = sorted(included, key=_index_first)
    return Tumour(
        certainty=ordered[0].certainty,
        primaries=tuple(ordered),
        sites=_sites(ordered),
        differentiation=_differentiation(ordered, patient),
        other_malignancy=_has_other_malignancy(patient),
        evidence=tuple([stated(primary.condition, patient) for primary in ordered]),
    )


def differentiation_in_words(patient: Patient) -> str:
    """The differentiation of the tumour as a card shows it."""
    return patient.phrases(f"names.differentiation.{tumour(patient).differentiation.value}")


def _primaries(patient: Patient) -> list[Primary]:
    conditions = patient.record.about(r4.Condition, *NAMING_LISTS)
    in_force = (one for one in conditions if one.is_in_force(patient.now))
    return [primary for one in in_force if (primary := _primary(one, patient)) is not None]


def _primary(condition: r4.Condition, patient: Patient) -> Primary | None:
    about = condition.about
    if about.has_row("net-excluded-icd10cm"):
        return None
    if rows := _tumour_rows(condition):
        return _coded_primary(condition, rows, patient)
    if any(row.get("role") == "neuroendocrine" for row in about.rows(*SECONDARY_LISTS)):
        return Primary(condition, _stated_certainty(condition), is_metastasis=True)
    return _worded_primary(condition, patient)


def _tumour_rows(condition: r4.Condition) -> list[ListedCode]:
    """The rows that name a primary: not a secretion, and not a neoplasm of any kind."""
    named = [row for row in condition.about.rows(*PRIMARY_LISTS) if row.get("role") != "nonspecific"]
    return named + [row for row in condition.about.rows(HORMONE_LIST) if row.get("role") == "tumour"]


def _coded_primary(condition: r4.Condition, rows: list[ListedCode], patient: Patient) -> Primary:
    site, region = _site(condition, rows, patient)
    kinds = {row.get("differentiation") for row in rows} - {""}
    small_cell_elsewhere = region in ("thoracic", "unknown") and any(
        row.get("role") == "small-cell" for row in rows
    )
    return Primary(
        condition,
        _stated_certainty(condition),
        site=site.replace("-", " "),
        region=region,
        differentiation=_combined(kinds - {"excluded"}),
        is_benign=any(row.get("behaviour") == "benign" for row in rows),
        is_excluded="excluded" in kinds or small_cell_elsewhere,
    )


_TRUSTED_LISTS = ("net-history-icd10cm", HORMONE_LIST, *SECONDARY_LISTS)


def _worded_primary(condition: r4.Condition, patient: Patient) -> Primary | None:
    """A Condition with text alone that names the tumour counts as suspected (section 8)."""
    about = condition.about
    if not about.is_named("neuroendocrine-tumour") or about.rows(*_TRUSTED_LISTS):
        return None
    site, region = patient.terminology.site_in(condition.name)
    return Primary(condition, Certainty.SUSPECTED, site=site.replace("-", " "), region=region)


def _stated_certainty(condition: r4.Condition) -> Certainty:
    unsure = condition.verification in ("unconfirmed", "provisional", "differential")
    return Certainty.SUSPECTED if unsure else Certainty.CONFIRMED


def _site(condition: r4.Condition, rows: Iterable[ListedCode], patient: Patient) -> tuple[str, str]:
    """Site and region by the codes, else by the words of the body site, else of the diagnosis."""
    for row in rows:
        if row.get("site") not in ("", UNKNOWN_SITE):
            return row.get("site"), row.get("region")
    site, region = patient.terminology.site_in(r4.words(condition.body_site))
    return (site, region) if site != UNKNOWN_SITE else patient.terminology.site_in(condition.name)


_DIFFERENTIATIONS = {one.value: one for one in Differentiation if one is not Differentiation.UNKNOWN}


def _combined(kinds: set[str]) -> Differentiation:
    """One kind is the answer, none is unknown; contradicting kinds are ambiguous."""
    meant = {_DIFFERENTIATIONS[kind] for kind in kinds if kind in _DIFFERENTIATIONS}
    if len(meant) > 1:
        return Differentiation.AMBIGUOUS
    return meant.pop() if meant else Differentiation.UNKNOWN


def _differentiation(primaries: Iterable[Primary], patient: Patient) -> Differentiation:
    """F-3: pathology morphology first, then the codes of the conditions, then words."""
    morphology = _morphology(patient)
    if morphology is not Differentiation.UNKNOWN:
        return morphology
    coded = _combined({primary.differentiation.value for primary in primaries})
    return _differentiation_in_words(patient.record) if coded is Differentiation.UNKNOWN else coded


def _morphology(patient: Patient) -> Differentiation:
    kinds: set[str] = set()
    for observation in patient.record.about(r4.Observation, "grade-differentiation"):
        if observation.is_done:
            value = patient.terminology.about_concept(observation.value_codeable_concept)
            kinds |= {row.get("differentiation") for row in value.rows("net-icdo3-morphology")}
    return _combined(kinds)


_WORDED = {"well-differentiated": "well", "poorly-differentiated": "poor"}


def _differentiation_in_words(record: Record) -> Differentiation:
    return _combined({kind for word_list, kind in _WORDED.items() if _is_written(word_list, record)})


def _is_written(word_list: str, record: Record) -> bool:
    """Whether a Condition, or the conclusion of a delivered report, says so."""
    reports = (one for one in record.of(r4.DiagnosticReport) if one.is_done)
    return bool(record.saying(r4.Condition, word_list)) or any(one.about.finds(word_list) for one in reports)


def _without_overruled(primaries: list[Primary], record: Record) -> list[Primary]:
    """A-21: the same code both confirmed and refuted: the later entry wins, else it is suspected."""
    refuted: dict[str, list[Moment | None]] = {}
    for condition in record.about(r4.Condition, *NAMING_LISTS):
        if condition.verification == "refuted" and _tumour_rows(condition):
            refuted.setdefault(_code(condition), []).append(condition.asserted)
    if not refuted:
        return primaries
    weighed = [_weighed(primary, refuted.get(_code(primary.condition), [])) for primary in primaries]
    return [primary for primary in weighed if primary is not None]


def _weighed(primary: Primary, refuted: list[Moment | None]) -> Primary | None:
    """A primary beside the times at which the same code was refuted; None where a later one was."""
    asserted = primary.condition.asserted
    if any(time and asserted and time.instant > asserted.instant for time in refuted):
        return None
    unordered = any(time is None or asserted is None or time.instant == asserted.instant for time in refuted)
    return replace(primary, certainty=Certainty.SUSPECTED) if unordered else primary


def _code(condition: r4.Condition) -> str:
    return condition.code.code if condition.code else ""


def _index_first(primary: Primary) -> tuple[bool, bool, float, str, bool]:
    """Confirmed before suspected, a known site before an unknown one, then the latest asserted.

    Of two names for one tumour that of the tumour comes before that of its hormone.
    """
    return (
        primary.certainty is not Certainty.CONFIRMED,
        primary.site == UNKNOWN_SITE,
        -dates.order(primary.condition.asserted),
        primary.site,
        not primary.condition.about.hits(*PRIMARY_LISTS),
    )


_BROAD_SITES = frozenset(
    {"small intestine", "large intestine", "colon", "intestine", "foregut", "midgut", "hindgut", "other"}
    | {"duodenum or pancreas"}
)


def _sites(primaries: Iterable[Primary]) -> tuple[str, ...]:
    """Different sites of malignant or confirmed tumours; a broad term may mean the exact one."""
    sites = {primary.site for primary in primaries} - {UNKNOWN_SITE}
    exact = sites - _BROAD_SITES
    return tuple(sorted(exact or sites))


def _why_none(record: Record, found: list[Primary]) -> str:
    if found:
        return "tumour-not-covered"
    lists = (*PRIMARY_LISTS, "net-history-icd10cm", "net-excluded-icd10cm")
    return "tumour-dismissed" if record.about(r4.Condition, *lists) else "no-tumour"


def _has_other_malignancy(patient: Patient) -> bool:
    """Another active cancer, which could explain metastases or a drug."""
    cancers = patient.record.about(r4.Condition, "other-malignancy", "other-malignancy-words")
    return any(one.is_in_force(patient.now) and _is_another_cancer(one) for one in cancers)


def _is_another_cancer(condition: r4.Condition) -> bool:
    about = condition.about
    if about.rows(*PRIMARY_LISTS, *SECONDARY_LISTS, HORMONE_LIST) or about.is_named("neuroendocrine-tumour"):
        return False
    return about.has_row("other-malignancy", roles=("malignancy",)) or about.is_named(
        "other-malignancy-words"
    )
