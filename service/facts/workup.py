"""Which parts of the work-up are done, how old they are, and which are on their way. (F-10, F-11)"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from service.facts.context import Context
from service.facts.defaults import Defaults
from service.facts.lazy import lazy
from service.facts.orders import Order, find_order
from service.facts.progression import last_recurrence
from service.facts.status import is_done, is_under_way
from service.facts.tumour import Tumour
from service.fhir import dates, quantities
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, codings, elements, label, reference, string, words
from service.fhir.record import Record


class Availability(Enum):
    """Where one part of the work-up stands."""

    CURRENT = "current"
    STALE = "stale"
    ORDERED = "ordered"
    DECLINED = "declined"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Item:
    """One part of the work-up: where it stands, when it was last done, and what shows it.

    ``result`` is put into words only where a card shows it.
    """

    availability: Availability
    moment: Moment | None = None
    order: Order | None = None
    stated: tuple[Evidence, ...] = ()
    was_ever_done: bool = False
    result: Resource | None = None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What shows it."""
        return self.stated if self.result is None else (_evidence(self.result, self.moment),)

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


Dated = tuple[Moment | None, Resource]
"""A result, report, study or note, and when it happened."""
_Matches = Callable[[Resource, Record], bool]
_CHROMOGRANIN_A, _HIAA = ("chromogranin-a",), ("5-hiaa", "five-hiaa")


@dataclass(frozen=True)
class Workup:
    """The work-up items of N-12 to N-16 and N-21, each read when a rule first asks for it."""

    record: Record
    context: Context
    tumour: Tumour
    now: datetime
    defaults: Defaults

    @lazy
    def sstr_imaging(self) -> Item:
        """N-16: somatostatin-receptor imaging."""
        return self._study(
            is_sstr_imaging,
            fresh_days=self.defaults.sstr_fresh_days,
            ignored_days=self.defaults.sstr_ignored_days,
        )

    @lazy
    def sstr_result(self) -> SstrResult:
        """What it showed."""
        done = [one for _moment, one in self._done_studies if is_sstr_imaging(one, self.record)]
        return _sstr_result(done, self.record)

    @lazy
    def cross_sectional(self) -> Item:
        """N-13: CT or MRI of the abdomen."""
        return self._study(
            is_cross_sectional,
            fresh_days=self.defaults.cross_sectional_fresh_days,
            ignored_days=self.defaults.cross_sectional_ignored_days,
            not_before=last_recurrence(self.tumour) if self._studies else None,
        )

    @lazy
    def lacks_contrast(self) -> bool:
        """Whether every CT or MRI was done without contrast."""
        sections = [one for one in self._studies if is_cross_sectional(one, self.record)]
        return bool(sections) and all(_is_without_contrast(one, self.record) for one in sections)

    @lazy
    def chromogranin_a(self) -> Item:
        """N-14: a chromogranin A that holds a result."""
        return self._marker(is_chromogranin_a, self.chromogranin_a_results, *_CHROMOGRANIN_A)

    @lazy
    def chromogranin_a_results(self) -> tuple[Dated, ...]:
        """Every delivered chromogranin A, newest first."""
        return _marker_results(self.record, is_chromogranin_a, *_CHROMOGRANIN_A, now=self.now)

    @lazy
    def hiaa(self) -> Item:
        """N-15: a 5-HIAA that holds a result."""
        return self._marker(is_hiaa, self.hiaa_results, *_HIAA)

    @lazy
    def hiaa_results(self) -> tuple[Dated, ...]:
        """Every delivered 5-HIAA, newest first."""
        return _marker_results(self.record, is_hiaa, *_HIAA, now=self.now)

    @lazy
    def tnm(self) -> Item:
        """N-21: the TNM categories."""
        return _tnm(self.record, self.tumour)

    @lazy
    def tumour_board(self) -> Item:
        """N-12: a discussion by the tumour board."""
        return _tumour_board(self)

    @lazy
    def ki67_order(self) -> Order | None:
        """N-17: an order of Ki-67."""
        return self.order(is_ki67)

    @lazy
    def echocardiography(self) -> Item:
        """X-2: an echocardiogram or NT-proBNP."""
        days = self.defaults.echocardiography_days
        return self._study(is_echocardiography, fresh_days=days, ignored_days=days)

    @lazy
    def size_mm(self) -> float | None:
        """The newest measured size of the primary in millimetres."""
        return tumour_size_mm(self.record)

    @lazy
    def is_low_yield_by_name(self) -> bool:
        """Whether the tumour is named as one in which imaging and markers find little."""
        return _is_low_yield_by_name(self.record, self.tumour)

    @lazy
    def has_tissue(self) -> bool:
        """Whether tissue was obtained."""
        return _has_tissue(self.record)

    @lazy
    def fdg_done(self) -> bool:
        """Whether an FDG PET was done."""
        return _has_fdg(self._studies, self.record)

    @lazy
    def newest_finding(self) -> Moment | None:
        """When the newest finding was made that a tumour board has to know."""
        return _newest_finding(self.record, self._studies)

    @lazy
    def _studies(self) -> tuple[Resource, ...]:
        return tuple(_studies(self.record))

    @lazy
    def _done_studies(self) -> list[Dated]:
        # Of two at the same time the later in the record comes first.
        done = [one for one in reversed(self._studies) if is_done(one)]
        return _newest_first(done, now=self.now)

    @lazy
    def _led_to_diagnosis(self) -> Moment | None:
        return _before_diagnosis(self.tumour, self.defaults)

    def order(self, matches: _Matches) -> Order | None:
        """The order, booking or refusal of a test."""
        return find_order(
            self.record,
            self.context,
            lambda one: matches(one, self.record),
            now=self.now,
            defaults=self.defaults,
        )

    def _marker(self, matches: _Matches, results: Iterable[Dated], *lists: str) -> Item:
        return _item(
            (dated for dated in results if _holds_result(dated[1])),
            _under_way(self.record.about("Observation", *lists), matches, self.record),
            self.order(matches),
            now=self.now,
            fresh_days=self.defaults.marker_fresh_days,
            ignored_days=self.defaults.marker_ignored_days,
            not_before=self._led_to_diagnosis,
        )

    def _study(
        self, matches: _Matches, *, fresh_days: float, ignored_days: float, not_before: Moment | None = None
    ) -> Item:
        order = self.order(matches)
        if not self._studies:
            return _not_done((), order, was_ever_done=False)
        return _item(
            (dated for dated in self._done_studies if matches(dated[1], self.record)),
            _under_way(self._studies, matches, self.record),
            order,
            now=self.now,
            fresh_days=fresh_days,
            ignored_days=ignored_days,
            not_before=not_before or self._led_to_diagnosis,
        )


def read_workup(
    record: Record, context: Context, tumour: Tumour, *, now: datetime, defaults: Defaults
) -> Workup:
    """The work-up of the record; nothing is read before it is asked for."""
    return Workup(record, context, tumour, now, defaults)


def _before_diagnosis(tumour: Tumour, defaults: Defaults) -> Moment | None:
    """The earliest day from which results belong to this tumour's diagnosis."""
    since = tumour.since
    if since is None:
        return None
    return Moment(since.instant - dates.days(defaults.before_diagnosis_days), has_time=False)


def _marker_results(record: Record, matches: _Matches, *lists: str, now: datetime) -> tuple[Dated, ...]:
    done = [one for one in record.about("Observation", *lists) if is_done(one) and matches(one, record)]
    dated = _newest_first(done, now=now)
    if len({_moment(one).instant for one in dated}) < len(dated):
        # Values are read only where they have to decide.
        dated.sort(key=_newest_and_highest_first)
    return tuple(dated)


def _newest_and_highest_first(dated: Dated) -> tuple[float, float, float]:
    """The higher of two results of one moment first, so that ids do not matter."""
    moment, interval = dated[0] or _NEVER, quantities.value_of(dated[1])
    low, high = (-interval.low, -interval.high) if interval else (0.0, 0.0)
    return (-moment.instant.timestamp(), low, high)


def _newest_first(results: Iterable[Resource], *, now: datetime) -> list[Dated]:
    """With their moments, undated ones last; a date in the future is an error in the data."""
    dated = [(dates.happened(one), one) for one in results]
    past = [pair for pair in dated if not dates.is_in_future(pair[0], now)]
    past.sort(key=_moment, reverse=True)
    return past


_NEVER = Moment(datetime.min.replace(tzinfo=UTC), has_time=False)


def _moment(dated: Dated) -> Moment:
    return dated[0] or _NEVER


def _under_way(results: Iterable[Resource], matches: _Matches, record: Record) -> Iterator[Resource]:
    return (one for one in results if is_under_way(one) and matches(one, record))


def _item(
    done: Iterable[Dated],
    under_way: Iterable[Resource],
    order: Order | None,
    *,
    now: datetime,
    fresh_days: float,
    ignored_days: float,
    not_before: Moment | None,
) -> Item:
    """The newest of ``done`` decides, so that the older ones need not be looked at."""
    was_ever_done = False
    for moment, one in done:
        if moment is None:
            return Item(Availability.CURRENT, was_ever_done=True, result=one)
        if _is_recent(moment, now, ignored_days, not_before):
            return _done_item(moment, one, order, is_fresh=moment.days_before(now) <= fresh_days)
        was_ever_done = True
    return _not_done(under_way, order, was_ever_done=was_ever_done)


def _is_recent(moment: Moment, now: datetime, ignored_days: float, not_before: Moment | None) -> bool:
    if moment.days_before(now) > ignored_days:
        return False
    return not_before is None or moment.instant >= not_before.instant


def _done_item(moment: Moment, newest: Resource, order: Order | None, *, is_fresh: bool) -> Item:
    if is_fresh:
        return Item(Availability.CURRENT, moment, was_ever_done=True, result=newest)
    return Item(_state(order, Availability.STALE), moment, order, was_ever_done=True, result=newest)


def _state(order: Order | None, without_order: Availability) -> Availability:
    if order is None:
        return without_order
    return Availability.DECLINED if order.is_refusal else Availability.ORDERED


def _not_done(under_way: Iterable[Resource], order: Order | None, *, was_ever_done: bool) -> Item:
    if order is not None:
        state = _state(order, Availability.ABSENT)
        return Item(state, None, order, (order.evidence,), was_ever_done)
    for one in under_way:
        evidence = _evidence(one, dates.happened(one))
        return Item(Availability.ORDERED, None, Order("on its way", evidence), (evidence,), was_ever_done)
    return Item(Availability.ABSENT, was_ever_done=was_ever_done)


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


def _holds_result(observation: Resource) -> bool:
    """Whether an Observation holds a value or an interpretation."""
    return bool(
        quantities.value_of(observation) is not None
        or quantities.interpretation(observation)
        or words(observation.get("valueCodeableConcept"))
    )


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
        if is_done(study)
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
        if value is None or not is_done(one):
            continue
        factor, moment = _MILLIMETRES.get(value.unit), dates.happened(one)
        if factor is not None and value.high < float("inf"):
            sizes.append((moment.instant.timestamp() if moment else 0.0, value.high * factor))
    return max(sizes)[1] if sizes else None


def _is_marker(resource: Resource, record: Record, code_list: str, word_list: str) -> bool:
    rows = record.rows(resource, code_list)
    if rows:
        return {row.get("role") for row in rows} != {"ignore"}
    is_result = resource.get("resourceType") == "Observation"
    return record.is_named(resource, word_list) and not (is_result and _is_loinc_coded(resource))


def _is_loinc_coded(resource: Resource) -> bool:
    """A LOINC code outside the list says that the test is another one, whatever its text."""
    return any(coding.system == "http://loinc.org" for coding in codings(resource.get("code")))


def _sstr_result(studies: list[Resource], record: Record) -> SstrResult:
    """The newest coded or worded result; the newest report decides."""
    results: list[tuple[float, SstrResult]] = []
    for study in studies:
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
        if stated and is_done(observation):
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


def _tumour_board(workup: Workup) -> Item:
    """No standard code exists for a tumour board: it is recognised by words."""
    notes = [
        one
        for kind, statuses in _BOARD_STATUSES.items()
        for one in workup.record.about(kind, "tumour-board")
        if string(one.get("status")) in statuses
    ]
    order = workup.order(_names_board)
    for moment, newest in _newest_first(reversed(notes), now=workup.now):
        if moment is not None:
            return _board_item(moment, newest, order, workup)
    if notes:
        return Item(
            Availability.CURRENT, None, None, (Evidence(reference(notes[0]), "tumour-board note"),), True
        )
    return _not_done((), order, was_ever_done=False)


def _names_board(resource: Resource, record: Record) -> bool:
    return record.is_named(resource, "tumour-board")


def _board_item(moment: Moment, newest: Resource, order: Order | None, workup: Workup) -> Item:
    finding = workup.newest_finding
    covers = finding is None or moment.instant.date() >= finding.instant.date()
    evidence = (Evidence(reference(newest), f"tumour-board note {dates.shown(moment)}"),)
    if covers and moment.days_before(workup.now) <= workup.defaults.board_fresh_days:
        return Item(Availability.CURRENT, moment, None, evidence, True)
    return Item(Availability.ORDERED if order else Availability.STALE, moment, order, evidence, True)


def _newest_finding(record: Record, studies: Iterable[Resource]) -> Moment | None:
    """N-12, section 8: the newest of metastasis, Ki-67, CT or MRI, and SSTR report."""
    findings = [
        one
        for one in studies
        if is_done(one) and (is_sstr_imaging(one, record) or is_cross_sectional(one, record))
    ]
    findings += [
        one
        for one in record.about("Observation", "ki67-observation")
        if is_done(one) and record.has_row(one, "ki67-observation", roles=("grade",))
    ]
    moments = [moment for one in findings if (moment := dates.happened(one))]
    metastases = record.about("Condition", "net-secondary-icd10cm", "net-snomed-metastasis")
    moments += [moment for one in metastases if (moment := dates.first_recorded(one))]
    return max(moments) if moments else None


def _has_tissue(record: Record) -> bool:
    """Whether a biopsy, an operation specimen or a pathology report is on record."""
    lists = ("resection-procedures", "grade-differentiation", "tissue-obtained")
    return any(
        is_done(one)
        for kind in ("Procedure", "DiagnosticReport", "Observation")
        for one in record.about(kind, *lists)
    ) or bool(record.about("Condition", "net-icdo3-morphology"))
