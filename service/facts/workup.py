"""Which parts of the work-up are done, how old they are, and which are on their way. (F-10, F-11)"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from service.facts.context import Context
from service.facts.defaults import Defaults
from service.facts.orders import Order, find_order
from service.facts.tumour import Tumour
from service.fhir import dates, quantities
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, codings, elements, label, reference, string, words
from service.fhir.record import Record

_DONE = {
    "DiagnosticReport": ("final", "amended", "corrected", "appended"),
    "Observation": ("final", "amended", "corrected"),
    "ImagingStudy": ("available",),
    "Procedure": ("completed",),
    "MedicationAdministration": ("completed",),
}
_UNDER_WAY = {
    "DiagnosticReport": ("registered", "partial", "preliminary"),
    "Observation": ("registered", "preliminary"),
    "ImagingStudy": ("registered",),
    "Procedure": ("preparation", "in-progress"),
    "MedicationAdministration": ("in-progress",),
}


class Availability(Enum):
    """Where one part of the work-up stands."""

    CURRENT = "current"
    STALE = "stale"
    ORDERED = "ordered"
    DECLINED = "declined"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Item:
    """One part of the work-up: where it stands, when it was last done, and what shows it."""

    availability: Availability
    moment: Moment | None = None
    order: Order | None = None
    evidence: tuple[Evidence, ...] = ()
    was_ever_done: bool = False

    @property
    def is_absent(self) -> bool:
        """Neither done within the limits nor on its way."""
        return self.availability is Availability.ABSENT

    @property
    def is_stale(self) -> bool:
        """Done, and old enough to ask whether to repeat it."""
        return self.availability is Availability.STALE

    @property
    def is_done(self) -> bool:
        """Done, current or stale."""
        return self.availability in (Availability.CURRENT, Availability.STALE)

    @property
    def because(self) -> str:
        """Why nothing needs to be asked for."""
        if self.order is not None:
            return self.order.says
        return f"done {dates.shown(self.moment)}"


class SstrResult(Enum):
    """What somatostatin-receptor imaging showed."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    NOT_CODED = "done, result not coded"
    NONE = "not done"


@dataclass(frozen=True, slots=True)
class Workup:
    """The work-up items of N-12 to N-16 and N-21."""

    sstr_imaging: Item
    sstr_result: SstrResult
    cross_sectional: Item
    lacks_contrast: bool
    chromogranin_a: Item
    hiaa: Item
    tnm: Item
    tumour_board: Item
    ki67_order: Order | None
    echocardiography: Item
    size_mm: float | None
    is_low_yield_by_name: bool
    has_tissue: bool
    fdg_done: bool
    newest_finding: Moment | None


def read_workup(
    record: Record, context: Context, tumour: Tumour, *, now: datetime, defaults: Defaults
) -> Workup:
    """Read every work-up item of the record."""

    def item(
        results: Iterable[Resource],
        matches: Callable[[Resource], bool],
        *,
        fresh_days: float,
        ignored_days: float,
        not_before: Moment | None = None,
    ) -> Item:
        return _item(
            [one for one in results if matches(one)],
            find_order(record, context, matches, now=now, defaults=defaults),
            now=now,
            fresh_days=fresh_days,
            ignored_days=ignored_days,
            not_before=not_before or led_to_diagnosis,
        )

    led_to_diagnosis = _before_diagnosis(tumour, defaults)
    studies = list(_studies(record))
    sstr_studies = [study for study in studies if is_sstr_imaging(study, record)]
    sections = [study for study in studies if is_cross_sectional(study, record)]
    return Workup(
        sstr_imaging=item(
            studies,
            lambda one: is_sstr_imaging(one, record),
            fresh_days=defaults.sstr_fresh_days,
            ignored_days=defaults.sstr_ignored_days,
        ),
        sstr_result=_sstr_result(sstr_studies, record),
        cross_sectional=item(
            studies,
            lambda one: is_cross_sectional(one, record),
            fresh_days=defaults.cross_sectional_fresh_days,
            ignored_days=defaults.cross_sectional_ignored_days,
            not_before=progression(record),
        ),
        lacks_contrast=bool(sections) and all(_is_without_contrast(study, record) for study in sections),
        chromogranin_a=item(
            _with_result(record, "chromogranin-a"),
            lambda one: is_chromogranin_a(one, record),
            fresh_days=defaults.marker_fresh_days,
            ignored_days=defaults.marker_ignored_days,
        ),
        hiaa=item(
            _with_result(record, "5-hiaa", "five-hiaa"),
            lambda one: is_hiaa(one, record),
            fresh_days=defaults.marker_fresh_days,
            ignored_days=defaults.marker_ignored_days,
        ),
        tnm=_tnm(record, tumour),
        tumour_board=_tumour_board(record, context, studies, now=now, defaults=defaults),
        ki67_order=find_order(record, context, lambda one: is_ki67(one, record), now=now, defaults=defaults),
        echocardiography=item(
            studies,
            lambda one: is_echocardiography(one, record),
            fresh_days=defaults.echocardiography_days,
            ignored_days=defaults.echocardiography_days,
        ),
        size_mm=tumour_size_mm(record),
        is_low_yield_by_name=_is_low_yield_by_name(record, tumour),
        has_tissue=_has_tissue(record),
        fdg_done=_has_fdg(studies, record),
        newest_finding=_newest_finding(record, studies),
    )


def _before_diagnosis(tumour: Tumour, defaults: Defaults) -> Moment | None:
    """The earliest day from which results belong to this tumour's diagnosis."""
    if tumour.since is None:
        return None
    days = dates.days(defaults.before_diagnosis_days)
    return Moment(tumour.since.instant - days, has_time=False)


def _item(
    results: list[Resource],
    order: Order | None,
    *,
    now: datetime,
    fresh_days: float,
    ignored_days: float,
    not_before: Moment | None,
) -> Item:
    if not results:
        return _not_done(results, order, was_ever_done=False)
    done = [(dates.happened(one), one) for one in results if _has_status(one, _DONE)]
    undated = [one for moment, one in done if moment is None]
    past = sorted(
        ((moment, one) for moment, one in done if moment is not None and moment.days_before(now) >= 0),
        key=lambda pair: pair[0],
    )
    current = [
        (moment, one)
        for moment, one in past
        if moment.days_before(now) <= ignored_days
        and (not_before is None or moment.instant >= not_before.instant)
    ]
    if current:
        moment, newest = current[-1]
        fresh = moment.days_before(now) <= fresh_days
        state = Availability.CURRENT if fresh else Availability.STALE
        if state is Availability.STALE and order is not None:
            state = Availability.DECLINED if order.is_refusal else Availability.ORDERED
        return Item(state, moment, order if not fresh else None, (_evidence(newest, moment),), True)
    if undated:
        return Item(Availability.CURRENT, None, None, (_evidence(undated[0], None),), True)
    return _not_done(results, order, was_ever_done=bool(past))


def _not_done(results: list[Resource], order: Order | None, *, was_ever_done: bool) -> Item:
    if order is not None:
        state = Availability.DECLINED if order.is_refusal else Availability.ORDERED
        return Item(state, None, order, (order.evidence,), was_ever_done)
    under_way = [one for one in results if _has_status(one, _UNDER_WAY)]
    if under_way:
        evidence = _evidence(under_way[0], dates.happened(under_way[0]))
        return Item(Availability.ORDERED, None, Order("on its way", evidence), (evidence,), was_ever_done)
    return Item(Availability.ABSENT, was_ever_done=was_ever_done)


def _has_status(resource: Resource, statuses: dict[str, tuple[str, ...]]) -> bool:
    return string(resource.get("status")) in statuses.get(string(resource.get("resourceType")), ())


def _evidence(resource: Resource, moment: Moment | None) -> Evidence:
    name = (
        label(resource.get("code"))
        or label(resource.get("procedureCode"))
        or string(resource.get("description"))
        or string(resource.get("resourceType"))
    )
    value = quantities.value_of(resource)
    stated = f" {value.shown()} {value.unit}".rstrip() if value is not None else ""
    return Evidence(reference(resource), f"{name}{stated} {dates.shown(moment)}")


_IMAGING_LISTS = (
    *("sstr-imaging", "ct-mri", "echocardiography"),
    *("cross-sectional-imaging", "imaging-abdomen", "fdg-pet", "nt-probnp"),
)


def _studies(record: Record) -> Iterator[Resource]:
    """Everything that can show that imaging was done."""
    yield from record.of("ImagingStudy")
    for kind in ("DiagnosticReport", "Procedure", "MedicationAdministration", "Observation"):
        yield from record.about(kind, *_IMAGING_LISTS)


def _with_result(record: Record, *lists: str) -> Iterator[Resource]:
    """Observations that hold a value or an interpretation, or are still under way."""
    for observation in record.about("Observation", *lists):
        if (
            _has_status(observation, _UNDER_WAY)
            or quantities.value_of(observation) is not None
            or quantities.interpretation(observation)
            or words(observation.get("valueCodeableConcept"))
        ):
            yield observation


def is_sstr_imaging(resource: Resource, record: Record) -> bool:
    """Whether a study, order or booking is somatostatin-receptor imaging (a plain or FDG PET is not)."""
    roles = {row.get("role") for row in record.rows(resource, "sstr-imaging")}
    if roles & {"fdg", "not-sstr"}:
        return False
    if roles & {"sstr", "tracer"} or record.is_named(resource, "sstr-imaging"):
        return True
    is_generic = bool(roles & {"generic-pet", "generic-scintigraphy"})
    return is_generic and record.finds(resource, "sstr-imaging")


def _has_fdg(studies: Iterable[Resource], record: Record) -> bool:
    return any(
        record.has_row(study, "sstr-imaging", roles=("fdg",)) or record.is_named(study, "fdg-pet")
        for study in studies
        if _has_status(study, _DONE)
    )


def is_cross_sectional(resource: Resource, record: Record) -> bool:
    """Whether a study, order or booking is CT or MRI of the abdomen (a PET/CT or chest CT is not)."""
    if record.rows(resource, "sstr-imaging"):
        return False
    regions = {row.get("region") for row in record.rows(resource, "ct-mri")}
    if regions & {"abdomen", "whole-body"} or record.is_named(resource, "cross-sectional-imaging"):
        return True
    if "unspecified" not in regions and not _modalities(resource) & {"CT", "MR"}:
        return False
    return record.is_named(resource, "imaging-abdomen") or record.terminology.says(
        "imaging-abdomen", _body_sites(resource)
    )


def _modalities(resource: Resource) -> set[str]:
    """The modalities of an ImagingStudy; a PET/CT is no cross-sectional study of its own."""
    codes = {string(one.get("code")) for one in elements(resource.get("modality"))}
    codes |= {
        string(mapping.get("code"))
        for one in elements(resource.get("series"))
        for mapping in elements(one.get("modality"))
    }
    return set() if "PT" in codes else codes


def _body_sites(resource: Resource) -> str:
    sites = [
        string(site.get("display"))
        for one in elements(resource.get("series"))
        for site in elements(one.get("bodySite"))
    ]
    return "; ".join(site for site in sites if site)


def _is_without_contrast(resource: Resource, record: Record) -> bool:
    rows = record.rows(resource, "ct-mri")
    return bool(rows) and all(row.get("contrast") == "without" for row in rows)


def is_chromogranin_a(resource: Resource, record: Record) -> bool:
    """Whether a result or order is chromogranin A in serum or plasma."""
    return _is_marker(resource, record, "chromogranin-a", "chromogranin-a")


def is_hiaa(resource: Resource, record: Record) -> bool:
    """Whether a result or order is 5-HIAA in urine, serum or plasma."""
    return _is_marker(resource, record, "5-hiaa", "five-hiaa")


def is_ki67(resource: Resource, record: Record) -> bool:
    """Whether an order asks for the Ki-67 index."""
    return record.has_row(resource, "ki67-observation", roles=("grade",)) or record.is_named(resource, "ki67")


def is_echocardiography(resource: Resource, record: Record) -> bool:
    """Whether a study, result or order is an echocardiogram or NT-proBNP."""
    return bool(record.rows(resource, "echocardiography")) or record.is_named(
        resource, "echocardiography", "nt-probnp"
    )


def _is_low_yield_by_name(record: Record, tumour: Tumour) -> bool:
    """Whether the tumour is named as one in which imaging and markers find little (gastric type 1)."""
    conditions = (primary.condition for primary in tumour.primaries)
    return any(
        record.is_named(one, "low-yield-primary") or record.finds(one, "low-yield-primary")
        for one in conditions
    )


_MILLIMETRES = {"mm": 1.0, "cm": 10.0}


def tumour_size_mm(record: Record) -> float | None:
    """The newest measured size of the primary in millimetres; the upper end where a range is given."""
    sizes: list[tuple[float, float]] = []
    for one in record.about("Observation", "tumour-size"):
        value = quantities.value_of(one)
        if value is None or not _has_status(one, _DONE):
            continue
        factor, moment = _MILLIMETRES.get(value.unit), dates.happened(one)
        if factor is not None and value.high < float("inf"):
            sizes.append((moment.instant.timestamp() if moment else 0.0, value.high * factor))
    return max(sizes)[1] if sizes else None


def _is_marker(resource: Resource, record: Record, code_list: str, word_list: str) -> bool:
    rows = record.rows(resource, code_list)
    if rows:
        return any(row.get("role") != "ignore" for row in rows)
    is_result = resource.get("resourceType") == "Observation"
    return record.is_named(resource, word_list) and not (is_result and _is_loinc_coded(resource))


def _is_loinc_coded(resource: Resource) -> bool:
    """A LOINC code outside the list says that the test is another one, whatever its text."""
    return any(coding.system == "http://loinc.org" for coding in codings(resource.get("code")))


def _sstr_result(studies: list[Resource], record: Record) -> SstrResult:
    """The newest coded or worded result; the newest report decides."""
    results: list[tuple[float, SstrResult]] = []
    for study in studies:
        if not _has_status(study, _DONE):
            continue
        moment = dates.happened(study)
        results.append((moment.instant.timestamp() if moment else 0.0, _result_of(study, record)))
    told = [pair for pair in results if pair[1] is not SstrResult.NOT_CODED]
    if told:
        return max(told, key=lambda pair: (pair[0], pair[1].value))[1]
    return SstrResult.NOT_CODED if results else SstrResult.NONE


def _result_of(study: Resource, record: Record) -> SstrResult:
    coded_result = [*elements(study.get("conclusionCode")), *elements(study.get("valueCodeableConcept"))]
    for result in (SstrResult.POSITIVE, SstrResult.NEGATIVE):
        if any(record.terminology.has(one, "sstr-result", role=result.value) for one in coded_result):
            return result
    for result in (SstrResult.NEGATIVE, SstrResult.POSITIVE):
        if record.finds(study, f"sstr-{result.value}"):
            return result
    return SstrResult.NOT_CODED


def _tnm(record: Record, tumour: Tumour) -> Item:
    """TNM is recorded in an Observation with a value, or in the stage of the tumour's Condition."""
    for observation in record.about("Observation", "tnm-staging"):
        stated = words(observation.get("valueCodeableConcept")) or string(observation.get("valueString"))
        stated = stated or next((c.code for c in codings(observation.get("valueCodeableConcept"))), "")
        if stated and _has_status(observation, _DONE):
            moment = dates.happened(observation)
            evidence = Evidence(reference(observation), f"{label(observation.get('code'))}: {stated}")
            return Item(Availability.CURRENT, moment, None, (evidence,), True)
    for primary in tumour.primaries:
        for stage in elements(primary.condition.get("stage")):
            if stated := words(stage.get("summary")) or words(stage.get("type")):
                evidence = Evidence(reference(primary.condition), f"stage: {stated}")
                return Item(Availability.CURRENT, primary.since, None, (evidence,), True)
    return Item(Availability.ABSENT)


_BOARD_STATUSES: dict[str, tuple[str, ...]] = {
    "DocumentReference": ("current",),
    "Composition": ("final", "amended", "preliminary"),
    "CarePlan": ("active", "completed"),
    "Encounter": ("finished", "in-progress", "arrived"),
}


def _tumour_board(
    record: Record, context: Context, studies: list[Resource], *, now: datetime, defaults: Defaults
) -> Item:
    """No standard code exists for a tumour board: it is recognised by words."""
    notes = [
        one
        for kind, statuses in _BOARD_STATUSES.items()
        for one in record.about(kind, "tumour-board")
        if string(one.get("status")) in statuses
    ]
    dated = sorted(
        ((moment, one) for one in notes if (moment := dates.happened(one))), key=lambda pair: pair[0]
    )
    past = [(moment, one) for moment, one in dated if moment.days_before(now) >= 0]
    order = find_order(
        record,
        context,
        lambda one: record.is_named(one, "tumour-board"),
        now=now,
        defaults=defaults,
    )
    if past:
        moment, newest = past[-1]
        newest_finding = _newest_finding(record, studies)
        covers = newest_finding is None or moment.instant.date() >= newest_finding.instant.date()
        evidence = (Evidence(reference(newest), f"tumour-board note {dates.shown(moment)}"),)
        if covers and moment.days_before(now) <= defaults.board_fresh_days:
            return Item(Availability.CURRENT, moment, None, evidence, True)
        return Item(Availability.ORDERED if order else Availability.STALE, moment, order, evidence, True)
    if notes:
        return Item(
            Availability.CURRENT, None, None, (Evidence(reference(notes[0]), "tumour-board note"),), True
        )
    return _not_done([], order, was_ever_done=False)


def _newest_finding(record: Record, studies: list[Resource]) -> Moment | None:
    """N-12, section 8: the newest of metastasis, Ki-67, CT or MRI, and SSTR report."""
    findings = [
        one
        for one in studies
        if _has_status(one, _DONE) and (is_sstr_imaging(one, record) or is_cross_sectional(one, record))
    ]
    findings += [
        one
        for one in record.about("Observation", "ki67-observation")
        if _has_status(one, _DONE) and record.has_row(one, "ki67-observation", roles=("grade",))
    ]
    moments = [moment for one in findings if (moment := dates.happened(one))]
    metastases = record.about("Condition", "net-secondary-icd10cm", "net-snomed-metastasis")
    moments += [moment for one in metastases if (moment := dates.first_recorded(one))]
    return max(moments) if moments else None


def progression(record: Record) -> Moment | None:
    """When a recurrence or relapse was recorded; older cross-sectional imaging does not count."""
    moments = [
        moment
        for one in record.of("Condition")
        if words(one.get("clinicalStatus")) or one.get("clinicalStatus")
        if any(c.code in ("recurrence", "relapse") for c in codings(one.get("clinicalStatus")))
        and (moment := dates.parse(one.get("recordedDate")) or dates.first_recorded(one))
    ]
    return max(moments) if moments else None


def _has_tissue(record: Record) -> bool:
    """Whether a biopsy, an operation specimen or a pathology report is on record."""
    lists = ("resection-procedures", "grade-differentiation", "tissue-obtained")
    return any(
        _has_status(one, _DONE)
        for kind in ("Procedure", "DiagnosticReport", "Observation")
        for one in record.about(kind, *lists)
    ) or bool(record.about("Condition", "net-icdo3-morphology"))
