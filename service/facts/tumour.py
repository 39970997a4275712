"""Is there a neuroendocrine tumour, where, of which kind, and how sure is that? (F-1, F-2, F-3)

Look-alikes and histories are not tumours: Merkel cell, small cell of the lung, paraganglioma and
goblet cell tumours are out of scope (X-3); a personal or family history gives no card.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from service.facts.patient import Patient, fact
from service.facts.reports import Report, reports
from service.facts.words import stated
from service.fhir import dates, r4
from service.fhir.about import About, ListedCode
from service.fhir.code_systems import ICDO3
from service.fhir.context import Assertion
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.record import Record
from service.fhir.terminology import HISTOLOGIES, TUMOUR_WORDS

PRIMARY_LISTS = ("net-malignant-icd10cm", "net-benign-icd10cm", "net-snomed-primary", HISTOLOGIES)
SITES = "topography"
"""Codes that name an organ; one with the role ``in`` may be where a neuroendocrine tumour began."""
SECONDARY_LISTS = ("net-secondary-icd10cm", "net-snomed-metastasis")
HORMONE_LIST = "net-functional-syndromes"
"""Its rows with the role ``tumour`` (insulinoma, gastrinoma ...) name a tumour as well as a syndrome."""
SYNDROME_WORDS = ("carcinoid-syndrome", "carcinoid-heart-disease", "carcinoid-crisis")
NAMING_LISTS = (*PRIMARY_LISTS, *SECONDARY_LISTS, HORMONE_LIST, TUMOUR_WORDS, *SYNDROME_WORDS)
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
    """A Condition that states a neuroendocrine tumour, or a histology that belongs to no Condition.

    ``results`` are the histologies that say so of a Condition which names the organ alone; ``report`` is the
    report of pathology that says so where no result does.
    """

    condition: r4.Condition | r4.Observation
    certainty: Certainty
    site: str = UNKNOWN_SITE
    region: str = "unknown"
    differentiation: Differentiation = Differentiation.UNKNOWN
    is_benign: bool = False
    is_excluded: bool = False
    is_metastasis: bool = False
    is_worded: bool = False
    results: tuple[r4.Observation, ...] = ()
    report: Evidence | None = None

    @property
    def since(self) -> Moment | None:
        """The earliest that it can be dated."""
        return self.condition.since


@dataclass(frozen=True, slots=True)
class Tumour:
    """The answer to F-1 to F-3. ``primaries`` are active ones only, the index tumour first.

    ``other_cancers`` are those to which a metastasis may belong: also of the last years; ``other_malignancy``
    is whether one of them is active. ``why_none`` is the key of a silence, where there is none.
    """

    certainty: Certainty
    why_none: str = ""
    primaries: tuple[Primary, ...] = ()
    sites: tuple[str, ...] = ()
    differentiation: Differentiation = Differentiation.UNKNOWN
    other_cancers: tuple[r4.Condition, ...] = ()
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
    def conditions(self) -> tuple[r4.Condition, ...]:
        """The Conditions among the primaries."""
        return tuple([one.condition for one in self.primaries if isinstance(one.condition, r4.Condition)])

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
    """Whether anything could be, or belong to, a neuroendocrine tumour; nearly no patient has one."""
    if record.about(r4.Condition, *NAMING_LISTS):
        return True
    if any(_is_histology(one) for one in _results(record)):
        return True
    return names_only_a_site(record) and bool(record.saying(r4.DiagnosticReport, TUMOUR_WORDS))


def _results(record: Record) -> Iterable[r4.Observation]:
    return record.about(r4.Observation, HISTOLOGIES, TUMOUR_WORDS)


def may_hide_a_tumour(record: Record) -> bool:
    """Whether the problem list was read so incompletely that a tumour may stand in the rest.

    What a Condition names can be read where its status cannot: such a one hides nothing else.
    """
    section = record.sections["conditions"]
    return section.may_hide or any(one.about.hits(*NAMING_LISTS) for one in section.refused)


def names_only_a_site(record: Record) -> bool:
    """Whether a Condition names an organ in which one may begin, so that the histology decides."""
    return any(one.about.has_row(SITES, roles=("in",)) for one in record.of(r4.Condition))


@fact
def tumour(patient: Patient) -> Tumour:
    """Read every Condition and histology and answer F-1 to F-3."""
    found = _without_overruled(_primaries(patient), patient.record)
    included = [primary for primary in found if not primary.is_excluded]
    if not included:
        return Tumour(Certainty.NONE, _why_none(patient.record, found))
    ordered = sorted(included, key=_index_first)
    others = _other_cancers(patient, ordered)
    return Tumour(
        certainty=ordered[0].certainty,
        primaries=tuple(ordered),
        sites=_sites(ordered),
        differentiation=_differentiation(ordered, patient),
        other_cancers=others,
        other_malignancy=any(one.is_in_force(patient.now) for one in others),
        evidence=tuple(dict.fromkeys(_evidence(ordered, patient))),
    )


def site_in_words(patient: Patient) -> str:
    """The site of the index tumour as readers call it."""
    return patient.phrases.name("names.site", tumour(patient).site)


def differentiation_in_words(patient: Patient) -> str:
    """The differentiation of the tumour as a card shows it."""
    return patient.phrases(f"names.differentiation.{tumour(patient).differentiation.value}")


def _evidence(primaries: Iterable[Primary], patient: Patient) -> Iterator[Evidence]:
    for primary in primaries:
        yield _stated_primary(primary, patient)
        yield from (stated(one, patient) for one in primary.results)
        if primary.report:
            yield primary.report


def _stated_primary(primary: Primary, patient: Patient) -> Evidence:
    """What states the tumour, and whether no code names it."""
    found = stated(primary.condition, patient)
    if not primary.is_worded:
        return found
    return Evidence(found.reference, patient.phrases("evidence.named-in-words", condition=found.says))


def _primaries(patient: Patient) -> list[Primary]:
    conditions = patient.record.about(r4.Condition, *NAMING_LISTS)
    in_force = (one for one in conditions if one.is_in_force(patient.now))
    named = [primary for one in in_force if (primary := _primary(one, patient)) is not None]
    told = [*named, *_named_by_results(named, patient)]
    return told or list(_named_by_report(patient))


def _named_by_report(patient: Patient) -> Iterator[Primary]:
    """The cancer of one organ of which only pathology says, in words, what it is.

    The newest report that speaks of a neuroendocrine tumour decides.
    """
    alone = _of_one_organ(patient, *_CANCERS)
    if alone is None or not alone.about.has_row(SITES, roles=("in",)):
        return
    pathology = (one for one in reports(patient) if one.is_pathology)
    for report in pathology:
        if said := _said_in(report, alone, patient):
            if said in (Assertion.ASSERTED, Assertion.UNCERTAIN):
                yield _of_report(report, said, alone, patient)
            return


def _of_report(report: Report, said: Assertion, alone: r4.Condition, patient: Patient) -> Primary:
    site, region = _site(alone, (), patient)
    certainty = Certainty.SUSPECTED if said is Assertion.UNCERTAIN else _stated_certainty(alone)
    says = patient.phrases("evidence.named-in-report", when=report.when)
    return Primary(
        alone,
        certainty,
        site=site.replace("-", " "),
        region=region,
        is_worded=True,
        report=Evidence(report.resource.reference, says),
    )


def _said_in(report: Report, alone: r4.Condition, patient: Patient) -> Assertion | None:
    """What a report says of a neuroendocrine tumour; None where it is silent or of another cancer or organ.

    A piece of the liver may be a metastasis, so that only organs in which such a tumour begins are compared.
    """
    text, terminology = f"{report.resource.name}\n{report.text}", patient.terminology
    mentions = terminology.word_lists.mentions(text, TUMOUR_WORDS, is_report=True)
    said = max([one.assertion for one in mentions], default=None)
    if said is None or said is Assertion.NEGATED:
        return said
    if terminology.says("other-organ", text) or terminology.says("other-malignancy-words", text):
        return None
    site, region = terminology.site_in(text)
    is_elsewhere = site != UNKNOWN_SITE and region != _site(alone, (), patient)[1]
    return None if is_elsewhere else said


@fact
def _histologies(patient: Patient) -> tuple[r4.Observation, ...]:
    """The delivered results that state the histology of a neuroendocrine tumour."""
    return tuple([one for one in _results(patient.record) if one.is_done and _is_histology(one)])


def _is_histology(result: r4.Observation) -> bool:
    """Whether a code names such a tumour, or the result of a morphology does in words."""
    about = result.about
    is_worded = about.says_of(TUMOUR_WORDS) is Assertion.ASSERTED
    return bool(about.rows(HISTOLOGIES)) or (
        is_worded and about.has_row("grade-differentiation", roles=("morphology",))
    )


def _named_by_results(named: Sequence[Primary], patient: Patient) -> Iterator[Primary]:
    """The tumours of which a result alone says what they are."""
    results: dict[str, list[r4.Observation]] = {}
    owners: dict[str, r4.Condition | r4.Observation] = {}
    for one in _histologies(patient):
        owner = _owner(one, named, patient)
        if owner is not None:
            owners[owner.reference] = owner
            results.setdefault(owner.reference, []).append(one)
    for reference, owner in owners.items():
        rows = [row for one in results[reference] for row in one.about.rows(HISTOLOGIES)]
        if not rows and not _names_an_organ_of_ours(owner):
            continue
        primary = _coded_primary(owner, rows, patient)
        told = tuple([one for one in results[reference] if one is not owner])
        yield replace(primary, results=told, is_worded=not rows)


def _names_an_organ_of_ours(owner: r4.Condition | r4.Observation) -> bool:
    """Whether a histology in words suffices: it needs a Condition beside it that names an organ of ours."""
    is_other = any(row.get("organ") for row in owner.about.rows("other-malignancy"))
    return isinstance(owner, r4.Condition) and not is_other


def _owner(
    histology: r4.Observation, named: Sequence[Primary], patient: Patient
) -> r4.Condition | r4.Observation | None:
    """What a histology is of: the Condition linked with it, else the only one that names just an organ.

    None where that Condition is named as a tumour without it.
    """
    known = {primary.condition.reference for primary in named}
    linked = [one for one in patient.record.of(r4.Condition) if one.rests_on(histology)]
    if linked:
        stands = [one for one in linked if one.is_in_force(patient.now) and one.reference not in known]
        return stands[0] if len(stands) == len(linked) else None
    return None if named else _site_alone(patient) or histology


@fact
def _site_alone(patient: Patient) -> r4.Condition | None:
    """The Condition in force that names an organ and no histology, where all such name one organ.

    Only where none is malignant do the others count: many a patient has a polyp.
    """
    return _of_one_organ(patient, *_CANCERS) or _of_one_organ(patient, SITES)


_CANCERS = ("other-malignancy", "other-malignancy-words")


def _of_one_organ(patient: Patient, *lists: str) -> r4.Condition | None:
    by_site: dict[str, r4.Condition] = {}
    for one in patient.record.about(r4.Condition, *lists):
        if one.is_in_force(patient.now) and not one.about.hits(*NAMING_LISTS):
            by_site[_site(one, (), patient)[0]] = one
    by_site.pop(UNKNOWN_SITE, None)
    return next(iter(by_site.values())) if len(by_site) == 1 else None


def _primary(condition: r4.Condition, patient: Patient) -> Primary | None:
    about, rows = condition.about, _tumour_rows(condition)
    if about.has_row("net-excluded-icd10cm") and not about.rows(HISTOLOGIES):
        return None
    if _is_metastasis(condition, rows):
        return Primary(condition, _stated_certainty(condition), is_metastasis=True)
    return _coded_primary(condition, rows, patient) if rows else _worded_primary(condition, patient)


def _is_metastasis(condition: r4.Condition | r4.Observation, rows: Iterable[ListedCode]) -> bool:
    """A code of a metastasis which says of what it is one, or beside which nothing but a histology does."""
    roles = {row.get("role") for row in condition.about.rows(*SECONDARY_LISTS)} - {"excluded"}
    lists = {row.list_name for row in rows}
    return bool(roles) if lists == {HISTOLOGIES} else not lists and "neuroendocrine" in roles


def _tumour_rows(condition: r4.Condition) -> list[ListedCode]:
    """The rows that name a primary: not a secretion, and not a neoplasm of any kind."""
    named = [row for row in condition.about.rows(*PRIMARY_LISTS) if row.get("role") != "nonspecific"]
    return named + [row for row in condition.about.rows(HORMONE_LIST) if row.get("role") == "tumour"]


def _coded_primary(
    condition: r4.Condition | r4.Observation, rows: list[ListedCode], patient: Patient
) -> Primary:
    site, region = _site(condition, rows, patient)
    is_histology = {row.list_name for row in rows} <= {HISTOLOGIES}
    elsewhere = is_histology and condition.about.has_row(SITES, roles=("out",))
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
        is_excluded="excluded" in kinds or small_cell_elsewhere or elsewhere,
        is_metastasis=_is_metastasis(condition, rows),
    )


_TRUSTED_LISTS = ("net-history-icd10cm", *SECONDARY_LISTS)


def _worded_primary(condition: r4.Condition, patient: Patient) -> Primary | None:
    """A Condition that names the tumour in words alone: confirmed, or suspected where its words doubt."""
    about = condition.about
    said = about.says_of(TUMOUR_WORDS)
    if said not in (Assertion.ASSERTED, Assertion.UNCERTAIN) or _is_coded_otherwise(about):
        return None
    if any(row.get("organ") for row in about.rows("other-malignancy")) or _is_no_diagnosis(condition):
        return None
    site, region = _site(condition, (), patient)
    if about.has_row(SITES, roles=("out",)) or (site == UNKNOWN_SITE and _is_elsewhere(condition, patient)):
        return None
    certainty = Certainty.SUSPECTED if said is Assertion.UNCERTAIN else _stated_certainty(condition)
    return Primary(condition, certainty, site=site.replace("-", " "), region=region, is_worded=True)


def _is_elsewhere(condition: r4.Condition, patient: Patient) -> bool:
    """Whether each sentence that names the tumour names an organ of which the rules say nothing."""
    lists = (TUMOUR_WORDS, "organ-elsewhere")
    told: dict[str, set[str]] = {name: set() for name in lists}
    for one in patient.terminology.word_lists.mentions(condition.name, *lists):
        if one.assertion in (Assertion.ASSERTED, Assertion.UNCERTAIN):
            told[one.word_list].add(one.sentence)
    tumours, organs = (told[name] for name in lists)
    return tumours <= organs


def _is_coded_otherwise(about: About) -> bool:
    """Whether a code says what it is; "other hypoglycaemia" says less than the word insulinoma."""
    roles = {row.get("role") for row in about.rows(HORMONE_LIST, *_TRUSTED_LISTS)}
    return bool(roles - {"nonspecific", "secretion"})


def _is_no_diagnosis(condition: r4.Condition) -> bool:
    """Whether a code of ICD-10 calls it a symptom or a reason for contact (chapters R and Z)."""
    codings = condition.code.codings if condition.code else ()
    return any("icd-10" in (one.system or "") and (one.code or "")[:1] in ("R", "Z") for one in codings)


def _stated_certainty(condition: r4.Condition | r4.Observation) -> Certainty:
    unsure = ("unconfirmed", "provisional", "differential")
    is_unsure = isinstance(condition, r4.Condition) and condition.verification in unsure
    return Certainty.SUSPECTED if is_unsure else Certainty.CONFIRMED


def _site(
    condition: r4.Condition | r4.Observation, rows: Iterable[ListedCode], patient: Patient
) -> tuple[str, str]:
    """Site and region by the codes, else by the words of the body site, else of the diagnosis.

    A histology says less of the organ than what names the organ; where nothing does, another Condition may.
    """
    terminology, body_sites = patient.terminology, r4.concepts(condition.body_site)
    histologies = [row for row in rows if row.list_name == HISTOLOGIES]
    organs = [*condition.about.rows(SITES), *terminology.rows(body_sites, system=ICDO3)]
    diagnoses = [row for row in rows if row.list_name != HISTOLOGIES]
    for row in (*diagnoses, *[one for one in organs if one.get("role") == "in"], *histologies):
        if row.get("site") not in ("", UNKNOWN_SITE):
            return row.get("site"), row.get("region")
    named = [terminology.site_in(text) for text in (r4.words(body_sites), condition.name)]
    found = next((one for one in named if one[0] != UNKNOWN_SITE), named[-1])
    if found[0] != UNKNOWN_SITE or not histologies or diagnoses:
        return found
    alone = _site_alone(patient)
    return _site(alone, (), patient) if alone else found


_DIFFERENTIATIONS = {one.value: one for one in Differentiation if one is not Differentiation.UNKNOWN}


def _combined(kinds: set[str]) -> Differentiation:
    """One kind is the answer, none is unknown; contradicting kinds are ambiguous."""
    meant = {_DIFFERENTIATIONS[kind] for kind in kinds if kind in _DIFFERENTIATIONS}
    if len(meant) > 1:
        return Differentiation.AMBIGUOUS
    return meant.pop() if meant else Differentiation.UNKNOWN


def _differentiation(primaries: Iterable[Primary], patient: Patient) -> Differentiation:
    """F-3: pathology morphology first, then the codes of the conditions, then words.

    A code that says well is in doubt where the newest report of pathology says poorly, and gives way to words
    that name a mixed neoplasm (Y-3).
    """
    morphology = _morphology(patient)
    if morphology is not Differentiation.UNKNOWN:
        return morphology
    coded = _combined({primary.differentiation.value for primary in primaries})
    if coded in (Differentiation.WELL, Differentiation.UNKNOWN) and _is_written(_MIXED, patient.record):
        return Differentiation.MIXED
    if coded is Differentiation.WELL and is_called_poor(patient):
        return Differentiation.AMBIGUOUS
    return _differentiation_in_words(patient.record) if coded is Differentiation.UNKNOWN else coded


def _morphology(patient: Patient) -> Differentiation:
    rows = [row for one in _histologies(patient) for row in one.about.rows(HISTOLOGIES)]
    return _combined({row.get("differentiation") for row in rows})


def is_called_poor(patient: Patient) -> bool:
    """Whether the newest report of pathology that speaks of the differentiation calls it poor."""
    told = [one.resource.about for one in reports(patient) if one.is_pathology]
    found = [one.finds("poorly-differentiated") for one in told if one.finds(*_WORDED)]
    return bool(found) and found[0]


_WORDED = {"well-differentiated": "well", "poorly-differentiated": "poor"}
_MIXED = "mixed-neuroendocrine"


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


def _code(condition: r4.Condition | r4.Observation) -> str:
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
    if record.about(r4.Condition, *lists):
        return "tumour-dismissed"
    return "no-histology" if names_only_a_site(record) else "no-tumour"


def _other_cancers(patient: Patient, primaries: Iterable[Primary]) -> tuple[r4.Condition, ...]:
    """Other cancers, active or of the last years, which could explain metastases or a drug."""
    cancers = patient.record.about(r4.Condition, *_CANCERS)
    own = {primary.condition.reference for primary in primaries}
    if (alone := _site_alone(patient)) and any(_is_placed_by(alone, one, patient) for one in primaries):
        own.add(alone.reference)
    others = [one for one in cancers if one.reference not in own]
    return tuple([one for one in others if _is_another_cancer(one) and _may_explain(one, patient)])


def _is_placed_by(alone: r4.Condition, primary: Primary, patient: Patient) -> bool:
    """Whether a histology that stands by itself and a Condition that names an organ are one tumour."""
    lists = {row.list_name for row in primary.condition.about.rows(*PRIMARY_LISTS)}
    site = _site(alone, (), patient)[0].replace("-", " ")
    return lists == {HISTOLOGIES} and primary.site == site and not primary.condition.about.rows(SITES)


def _may_explain(condition: r4.Condition, patient: Patient) -> bool:
    """In force, or over for no longer than some years."""
    if condition.is_in_force(patient.now):
        return True
    over = condition.abated or condition.asserted
    is_recent = over is None or over.days_before(patient.now) <= patient.defaults.other_cancer_days
    return is_recent and not condition.is_refuted


def _is_another_cancer(condition: r4.Condition) -> bool:
    about = condition.about
    if about.rows(*PRIMARY_LISTS, *SECONDARY_LISTS, HORMONE_LIST) or about.is_named(TUMOUR_WORDS):
        return False
    if rows := about.rows("other-malignancy"):
        return any(row.get("role") == "malignancy" for row in rows)
    return about.is_named("other-malignancy-words")
