"""How fast does the tumour grow: Ki-67 in every form, mitoses, and the grade they give. (F-4)

Cut-offs of WHO 2019 and 2022: G1 below 3 %, G2 from 3 to 20 % inclusive, G3 above 20 %; mitoses per
2 mm2: G1 below 2, G2 from 2 to 20, G3 above 20; the higher of the two decides (Rindi et al., Mod
Pathol 2018, 10.1038/s41379-018-0110-y; SNMMI copy of the WHO 2019 table). G3 is not NEC: that needs
morphology.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import NamedTuple

from service.facts import ki67_text
from service.facts.ki67_text import Ki67Text
from service.facts.orders import Order, find_order
from service.facts.owner import Owner, owner_of_report, owner_of_specimen
from service.facts.patient import Patient, fact
from service.facts.reports import Report, reports
from service.facts.words import evidence, on_day
from service.fhir import dates, quantities
from service.fhir.about import About
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.quantities import Interval
from service.fhir.r4 import Measured, Observation, Resource


class Grade(IntEnum):
    """Proliferation grade; ordered, so that ``max`` is the one that decides."""

    G1 = 1
    G2 = 2
    G3 = 3


class Grading(Enum):
    """What the record holds to grade the tumour by."""

    GRADED = "graded"
    NOT_GRADABLE = "not-gradable"
    NO_RESULT = "no-result"
    ON_ITS_WAY = "on-its-way"
    NONE = "not-on-record"


class Method(NamedTuple):
    """What is counted, and between which values it is G2."""

    name: str
    from_g2: float
    to_g2: float


KI67 = Method("ki67", from_g2=3, to_g2=20)
MITOSES = Method("mitoses", from_g2=2, to_g2=20)


@dataclass(frozen=True, slots=True)
class Count:
    """One Ki-67 or mitotic count. ``alert_grade`` is the upper end of a range that crosses a cut.

    ``shown`` is the value in words (``Ki-67 12 %``), ``says`` adds specimen, date and remark.
    """

    resource: Resource
    owner: Owner
    method: Method
    interval: Interval | None
    grade: Grade | None
    alert_grade: Grade | None
    remark: str
    moment: Moment | None
    specimen: str
    shown: str
    says: str
    has_value: bool
    has_unit: bool
    is_coded: bool

    @property
    def is_ki67(self) -> bool:
        """Whether it is a Ki-67 index."""
        return self.method is KI67

    @property
    def evidence(self) -> Evidence:
        """The result or report with what it says."""
        return evidence(self.resource, self.says)


@dataclass(frozen=True, slots=True)
class Proliferation:
    """The answer to F-4. ``counts`` are newest first.

    ``unattributed`` are the counts of which it is not known whose tumour they are: beside another cancer.
    """

    grading: Grading
    counts: tuple[Count, ...] = ()
    is_on_its_way: bool = False
    unattributed: tuple[Count, ...] = ()

    @property
    def is_only_in_words(self) -> bool:
        """Whether no coded result grades the tumour, only the words of a report."""
        return not any(count.is_coded for count in self.counts if count.grade)

    @property
    def grade(self) -> Grade | None:
        """The highest grade of the episode, by Ki-67 or mitoses; None where nothing grades."""
        return max((count.grade for count in self.counts if count.grade), default=None)

    @property
    def alert_grade(self) -> Grade | None:
        """The highest grade that any value could mean by the upper end of its range."""
        grades = [grade for count in self.counts if (grade := count.grade or count.alert_grade)]
        return max(grades, default=None)

    @property
    def ki67(self) -> tuple[Count, ...]:
        """The Ki-67 counts, newest first."""
        return tuple([count for count in self.counts if count.is_ki67])

    @property
    def newest_ki67(self) -> Moment | None:
        """When Ki-67 was last counted; None where one without a date may be the last."""
        moments = [count.moment for count in self.ki67]
        return None if None in moments else next(iter(moments), None)

    @property
    def newest_count(self) -> Moment | None:
        """When a delivered Ki-67 or mitotic count with a value was last made, as far as it is dated."""
        delivered = [one for one in self.counts if one.resource.is_done and one.has_value]
        return max((one.moment for one in delivered if one.moment), default=None)

    @property
    def highest_ki67_percent(self) -> float | None:
        """The upper end of the highest readable Ki-67, in percent."""
        stated = [one.interval.high for one in self._delivered_ki67 if one.interval and one.has_unit]
        return max((high for high in stated if high < math.inf), default=None)

    @property
    def is_open_ended(self) -> bool:
        """Whether a Ki-67 is on record that states no upper end, such as ``>5 %``."""
        return any(one.interval and one.interval.high == math.inf for one in self._delivered_ki67)

    @property
    def _delivered_ki67(self) -> tuple[Count, ...]:
        return self.ki67 if self.grading in (Grading.GRADED, Grading.NOT_GRADABLE) else ()

    @property
    def is_discordant(self) -> bool:
        """Whether graded specimens differ in grade."""
        return len({count.grade for count in self.counts if count.grade}) > 1

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Every count, newest first."""
        return tuple([count.evidence for count in self.counts])


@fact
def proliferation(patient: Patient) -> Proliferation:
    """Every Ki-67 and mitotic count of the record, and what they come to."""
    everything = sorted(_counts(patient), key=_newest_then_highest)
    found = [count for count in everything if count.owner is Owner.THE_TUMOUR]
    unsure = tuple([count for count in everything if count.owner is Owner.NOT_STATED and count.has_value])
    is_on_its_way = _is_announced(patient) or any(count.resource.is_under_way for count in found)
    delivered = tuple([count for count in found if count.resource.is_done])
    with_value = tuple([count for count in delivered if count.has_value])
    if with_value:
        is_graded = any(count.grade for count in with_value)
        grading = Grading.GRADED if is_graded else Grading.NOT_GRADABLE
        return Proliferation(grading, with_value, is_on_its_way, unsure)
    if is_on_its_way:
        return Proliferation(Grading.ON_ITS_WAY, _ungraded(found), is_on_its_way, unsure)
    return Proliferation(Grading.NO_RESULT if delivered else Grading.NONE, delivered, unattributed=unsure)


def _ungraded(counts: Iterable[Count]) -> tuple[Count, ...]:
    """A preliminary value is shown and does not grade."""
    return tuple([replace(count, grade=None, alert_grade=None) for count in counts])


@fact
def ki67_order(patient: Patient) -> Order | None:
    """N-17: the order, booking or refusal of a Ki-67 index."""
    return find_order(patient, _is_ki67)


def _is_ki67(resource: Resource) -> bool:
    about = resource.about
    return about.has_row("ki67-observation", roles=("grade",)) or about.is_named("ki67")


def _newest_then_highest(count: Count) -> tuple[float, float, float, str]:
    """The higher of two counts of one moment first, so that ids do not matter."""
    low, high = (count.interval.low, count.interval.high) if count.interval else (0.0, 0.0)
    return -dates.order(count.moment), -low, -high, count.specimen


_LISTS = ("ki67-observation", "ki67", "mitotic-count")


def _counts(patient: Patient) -> Iterator[Count]:
    """The counts of each Observation (its own value, and those of its components) and of each report."""
    yield from _reported(patient)
    for observation in patient.record.about(Observation, *_LISTS):
        stands = observation.is_done or observation.is_under_way
        if not stands or dates.is_in_future(observation.happened(), patient.now):
            continue
        for part, method in _counted(observation, patient):
            for read in _read(part, method, patient):
                yield _count(observation, read, patient)


@fact
def ki67_reports(patient: Patient) -> tuple[tuple[Report, Ki67Text], ...]:
    """What each report of pathology says of Ki-67, newest first."""
    grammar = patient.terminology.ki67_grammar
    return tuple([(one, ki67_text.read(one.text, grammar)) for one in reports(patient) if one.is_pathology])


def unread_report(patient: Patient) -> Report | None:
    """The newest pathology report in which a Ki-67 may stand that could not be read."""
    unread = (
        report
        for report, said in ki67_reports(patient)
        if not said.values and not said.state and (said.names_it or not report.is_whole)
    )
    return next(unread, None)


def not_counted(patient: Patient) -> tuple[Evidence, ...]:
    """What reports say of a Ki-67 that was not performed."""
    said = [(report.resource, text) for report, text in ki67_reports(patient) if text.state == "not-done"]
    return tuple([evidence(one, patient.phrases("grade.quoted", words=text.words)) for one, text in said])


def _is_announced(patient: Patient) -> bool:
    """Whether a recent report says that a Ki-67 is to follow."""
    days = patient.defaults.completed_order_window_days
    announced = (report.moment for report, said in ki67_reports(patient) if said.state == "pending")
    return any(moment is not None and moment.days_before(patient.now) <= days for moment in announced)


def _reported(patient: Patient) -> Iterator[Count]:
    """The counts in the words of pathology reports, each value of a report once."""
    for report, said in ki67_reports(patient):
        for found in {one.interval: one for one in reversed(said.values)}.values():
            remark = patient.phrases("grade.quoted", words=found.words)
            read = _graded(KI67, found.interval, patient, remarks=[remark])
            shown = _shown(read, patient)
            day = report.moment.day if report.moment else patient.phrases("evidence.no-day")
            says = patient.phrases("grade.count-in-report", value=shown, day=day)
            yield Count(
                resource=report.resource,
                owner=owner_of_report(report, patient),
                method=KI67,
                interval=found.interval,
                grade=read.grade,
                alert_grade=read.alert_grade,
                remark=read.remark,
                moment=report.moment,
                specimen="",
                shown=shown,
                says=patient.phrases("grade.with-remark", count=says, remark=read.remark),
                has_value=True,
                has_unit=True,
                is_coded=False,
            )


def _counted(observation: Observation, patient: Patient) -> Iterator[tuple[Measured, Method]]:
    """The Observation and its components, as far as each counts something."""
    components = observation.component or ()
    of_whole = patient.terminology.about_concept(observation.code) if components else observation.about
    abouts = [of_whole, *[patient.terminology.about_concept(one.code) for one in components]]
    for part, about in zip((observation, *components), abouts, strict=True):
        if method := _method(about):
            yield part, method


def _method(about: About) -> Method | None:
    """By code, where that is listed (another test of the same antigen is too); else by name."""
    if about.has_row("ki67-observation"):
        return KI67 if about.has_row("ki67-observation", roles=("grade",)) else None
    if about.is_named("ki67"):
        return KI67
    return MITOSES if about.is_named("mitotic-count") else None


class _Reading(NamedTuple):
    """What one count says, before it is known of what and when."""

    method: Method
    interval: Interval | None = None
    grade: Grade | None = None
    alert_grade: Grade | None = None
    remark: str = ""
    has_value: bool = True
    has_unit: bool = True


def _read(part: Measured, method: Method, patient: Patient) -> Iterable[_Reading]:
    if method is not KI67:
        return (_read_mitoses(part, patient),)
    return _read_ki67_words(part, patient) or (_read_ki67(part, patient),)


def _read_ki67_words(part: Measured, patient: Patient) -> list[_Reading]:
    """The values of a result in words: "8 % (hot spot)"; the words are shown where they say more."""
    text = _words(part)
    found = ki67_text.read(text, patient.terminology.ki67_grammar, is_named=True).values
    plain = quantities.from_text(text)
    says_more = plain is None or plain.unit != "%"
    remarks = [patient.phrases("grade.quoted", words=text[:_LONGEST_WORDS])] if says_more else []
    return [_graded(KI67, one.interval, patient, remarks=remarks) for one in found]


_LONGEST_WORDS = 200  # characters of a value in words that are shown


def _count(observation: Observation, read: _Reading, patient: Patient) -> Count:
    specimen, moment = _specimen(observation, patient), observation.happened()
    shown = _shown(read, patient)
    return Count(
        resource=observation,
        owner=owner_of_specimen(_sampled(observation), patient),
        method=read.method,
        interval=read.interval,
        grade=read.grade,
        alert_grade=read.alert_grade,
        remark=read.remark,
        moment=moment,
        specimen=specimen,
        shown=shown,
        says=_says(shown, read.remark, patient, specimen=specimen, when=on_day(moment, patient)),
        has_value=read.has_value,
        has_unit=read.has_unit,
        is_coded=not isinstance(observation.value_string, str) and observation.value_codeable_concept is None,
    )


def _shown(read: _Reading, patient: Patient) -> str:
    if read.interval is None:
        return patient.phrases(f"grade.{read.method.name}-unreadable")
    return patient.phrases(f"grade.{read.method.name}", value=read.interval.shown())


def _says(shown: str, remark: str, patient: Patient, *, specimen: str, when: str) -> str:
    """Value, specimen, date and remark in one line."""
    key = "grade.count-of-specimen" if specimen else "grade.count"
    said = patient.phrases(key, value=shown, specimen=specimen, when=when)
    return patient.phrases("grade.with-remark", count=said, remark=remark) if remark else said


def _read_ki67(part: Measured, patient: Patient) -> _Reading:
    ratio, cells = quantities.from_ratio(part.value_ratio)
    interval = ratio or quantities.value_of(part)
    if interval is None:
        has_words = bool(_words(part))
        return _Reading(KI67, None, remark=_ki67_without_number(patient, has_words), has_value=has_words)
    if interval.unit not in ("%", "", "1"):
        return _Reading(KI67, remark=patient.phrases("grade.foreign-unit"))
    if interval.unit == "1" and interval.high <= 1:
        interval = interval.scaled(100, "%")
    if interval.unit != "1" and not _is_possible_percentage(interval):
        return _Reading(KI67, remark=patient.phrases("grade.no-value"), has_value=False)
    if _could_be_a_fraction(interval):
        return _Reading(KI67, interval, remark=patient.phrases("grade.fraction-or-percent"), has_unit=False)
    few_cells = ratio is not None and cells < patient.defaults.minimum_cells_counted
    return _graded(KI67, interval, patient, remarks=_ki67_remarks(interval, patient, few_cells=few_cells))


def _words(part: Measured) -> str:
    coded = part.value_codeable_concept.words if part.value_codeable_concept else ""
    return (part.value_string or "").strip() or coded


def _ki67_without_number(patient: Patient, has_words: bool) -> str:
    return patient.phrases("grade.not-a-number" if has_words else "grade.no-value")


def _could_be_a_fraction(interval: Interval) -> bool:
    """Of unit 1 and above 1, or small and without a unit: nobody knows what was meant (section 8)."""
    return interval.unit == "1" or (interval.unit == "" and 0 < interval.high <= 1)


def _is_possible_percentage(interval: Interval) -> bool:
    lowest, highest = interval.low, interval.high
    return (lowest >= 0 or lowest == -math.inf) and (highest <= 100 or highest == math.inf)


def _ki67_remarks(interval: Interval, patient: Patient, *, few_cells: bool) -> list[str]:
    least = f"{patient.defaults.minimum_cells_counted:g}"
    assumed = [patient.phrases("grade.percent-assumed")] if interval.unit == "" else []
    return [*assumed, *([patient.phrases("grade.few-cells", least=least)] if few_cells else [])]


def _graded(method: Method, interval: Interval, patient: Patient, *, remarks: Sequence[str] = ()) -> _Reading:
    """Grade, or grade for alerts with a label, by the cut-offs of the method."""
    low, high = _grade_of(_lowest(interval), method), _grade_of(_highest(interval), method)
    label = _label(interval, low, high, patient) if low is not high else ""
    remark = "; ".join([text for text in (label, *remarks) if text]) or _gap_remark(method, interval, patient)
    alert = high if low is not high and math.isfinite(interval.low) and math.isfinite(interval.high) else None
    return _Reading(method, interval, low if low is high else None, alert, remark)


def _grade_of(value: float, method: Method) -> Grade:
    return Grade.G1 if value < method.from_g2 else Grade.G2 if value <= method.to_g2 else Grade.G3


def _lowest(interval: Interval) -> float:
    return interval.low if interval.low_inclusive else math.nextafter(interval.low, math.inf)


def _highest(interval: Interval) -> float:
    return interval.high if interval.high_inclusive else math.nextafter(interval.high, -math.inf)


def _label(interval: Interval, low: Grade, high: Grade, patient: Patient) -> str:
    """How the grades that a value may mean are put."""
    if interval.high == math.inf and low is Grade.G2 and not interval.low_inclusive:
        return patient.phrases("grade.at-least", low=low.name)
    is_open = math.isinf(interval.low) or math.isinf(interval.high)
    return patient.phrases("grade.from-to" if is_open else "grade.crosses", low=low.name, high=high.name)


def _gap_remark(method: Method, interval: Interval, patient: Patient) -> str:
    """A-1: the source document's WHO 2010 wording left 2 to 3 % undefined."""
    in_gap = method is KI67 and interval.is_exact and 2 < interval.low < KI67.from_g2
    return patient.phrases("grade.who-2010-gap") if in_gap else ""


_FIELD_AREA = re.compile(r"2\s*mm(?:2|²)|\(2\.mm2\)", re.IGNORECASE)


def _read_mitoses(part: Measured, patient: Patient) -> _Reading:
    interval = quantities.value_of(part)
    if interval is None:
        return _Reading(MITOSES, remark=patient.phrases("grade.no-value"), has_value=False)
    if not _is_per_two_square_millimetres(part, interval):
        return _Reading(MITOSES, remark=patient.phrases("grade.other-area"))
    return _graded(MITOSES, interval, patient)


def _is_per_two_square_millimetres(part: Measured, interval: Interval) -> bool:
    quantity, notes = part.value_quantity, part.note if isinstance(part, Observation) else None
    stated = [interval.unit, *([quantity.unit, quantity.code] if quantity else [])]
    stated += [*[one.text for one in notes or ()], part.code.words if part.code else ""]
    return bool(_FIELD_AREA.search(" ".join([text for text in stated if text])))


_METASTASIS_STEMS = ("metasta", "liver", "hepatic", "peritone", "bone")


def _sampled(observation: Observation) -> str:
    """The body site and the specimen in words."""
    site = observation.body_site.words if observation.body_site else ""
    display = observation.specimen.display if observation.specimen else ""
    return "; ".join([text for text in (site, display) if text])


def _specimen(observation: Observation, patient: Patient) -> str:
    """Where the specimen came from, as far as the record says."""
    stated = _sampled(observation)
    is_metastasis = any(stem in stated.lower() for stem in _METASTASIS_STEMS)
    return patient.phrases("grade.specimen-of-metastasis", place=stated) if is_metastasis else stated
