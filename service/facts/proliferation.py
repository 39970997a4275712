"""How fast does the tumour grow: Ki-67 in every form, mitoses, and the grade they give. (F-4)

Cut-offs of WHO 2019 and 2022: G1 below 3 %, G2 from 3 to 20 % inclusive, G3 above 20 %; mitoses per
2 mm2: G1 below 2, G2 from 2 to 20, G3 above 20; the higher of the two decides (Rindi et al., Mod
Pathol 2018, 10.1038/s41379-018-0110-y; SNMMI copy of the WHO 2019 table). G3 is not NEC: that needs
morphology.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum
from typing import Any, NamedTuple

from service.facts.defaults import Defaults
from service.facts.lazy import lazy
from service.facts.status import is_done, is_under_way
from service.fhir import dates, quantities
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.quantities import Interval
from service.fhir.reading import Resource, elements, mapping, notes, reference, string, words
from service.fhir.record import Record
from service.fhir.terminology import Concept, Terminology

_KI67_G2_FROM, _KI67_G2_TO = 3.0, 20.0
_MITOSES_G2_FROM, _MITOSES_G2_TO = 2.0, 20.0


class Grade(IntEnum):
    """Proliferation grade; ordered, so that ``max`` is the one that decides."""

    G1 = 1
    G2 = 2
    G3 = 3


class Grading(Enum):
    """What the record holds to grade the tumour by."""

    GRADED = "graded"
    NOT_GRADABLE = "on record, not gradable"
    NO_RESULT = "performed, no result"
    ON_ITS_WAY = "on its way"
    NONE = "not on record"


class Count(NamedTuple):
    """One Ki-67 or mitotic count. ``alert_grade`` is the upper end of a range that crosses a cut."""

    observation: Resource
    what: str
    interval: Interval | None
    grade: Grade | None
    alert_grade: Grade | None
    remark: str
    moment: Moment | None
    specimen: str

    @property
    def shown(self) -> str:
        """The value as text, ``Ki-67 12 %`` or ``Ki-67 "low"``."""
        unit = " %" if self.what == "Ki-67" else " mitoses per 2 mm2"
        prefix = "Ki-67 " if self.what == "Ki-67" else ""
        return (
            f"{prefix}{self.interval.shown()}{unit}"
            if self.interval
            else f"{self.what} without a readable value"
        )

    @property
    def says(self) -> str:
        """Value, specimen, date and remark in one line."""
        place = f" ({self.specimen})" if self.specimen else ""
        remark = f"; {self.remark}" if self.remark else ""
        return f"{self.shown}{place} {dates.shown(self.moment)}{remark}"

    @property
    def evidence(self) -> Evidence:
        """The Observation with what it says."""
        return Evidence(reference(self.observation), self.says)


@dataclass(frozen=True)
class Proliferation:
    """The answer to F-4."""

    grading: Grading
    counts: tuple[Count, ...] = ()
    is_on_its_way: bool = False

    @lazy
    def grade(self) -> Grade | None:
        """The highest grade of the episode, by Ki-67 or mitoses; None where nothing grades."""
        grades = [count.grade for count in self.counts if count.grade]
        return max(grades) if grades and self.grading is Grading.GRADED else None

    @lazy
    def alert_grade(self) -> Grade | None:
        """The highest grade that any value could mean by the upper end of its range."""
        grades = [grade for count in self.counts if (grade := count.grade or count.alert_grade)]
        return max(grades) if grades else None

    @lazy
    def ki67(self) -> tuple[Count, ...]:
        """The Ki-67 counts, newest first."""
        return tuple(count for count in self.counts if count.what == "Ki-67")

    @property
    def newest_ki67(self) -> Moment | None:
        """When Ki-67 was last counted; None where one without a date may be the last."""
        moments = [count.moment for count in self.ki67]
        return None if None in moments else next(iter(moments), None)

    @property
    def deciding(self) -> Count | None:
        """The count with the highest grade; the newest of them."""
        ranked = [count for count in self.counts if count.grade or count.alert_grade]
        return max(ranked, key=_loudness) if ranked else next(iter(self.counts), None)

    @property
    def highest_ki67_percent(self) -> float | None:
        """The upper end of the highest graded Ki-67, in percent."""
        if self.grading not in (Grading.GRADED, Grading.NOT_GRADABLE):
            return None
        tops = [
            count.interval.high
            for count in self.ki67
            if count.interval and count.interval.high < math.inf and count.remark != _UNITLESS
        ]
        return max(tops) if tops else None

    @property
    def is_open_ended(self) -> bool:
        """Whether a Ki-67 is on record that states no upper end, such as ``>5 %``."""
        is_on_record = self.grading in (Grading.GRADED, Grading.NOT_GRADABLE)
        return is_on_record and any(one.interval and one.interval.high == math.inf for one in self.ki67)

    @property
    def is_discordant(self) -> bool:
        """Whether graded specimens differ in grade."""
        return len({count.grade for count in self.counts if count.grade}) > 1

    @lazy
    def evidence(self) -> tuple[Evidence, ...]:
        """Every count, newest first."""
        return tuple(count.evidence for count in self.counts)


def _loudness(count: Count) -> tuple[int, float]:
    return (count.grade or count.alert_grade or 0, count.moment.instant.timestamp() if count.moment else 0.0)


def read_proliferation(record: Record, *, now: datetime, defaults: Defaults) -> Proliferation:
    """Read every Ki-67 and mitotic count of the record."""
    found = [
        count
        for observation in record.about("Observation", "ki67-observation", "ki67", "mitotic-count")
        for count in _counts_in(observation, record, defaults=defaults)
        if not dates.is_in_future(count.moment, now)
    ]
    is_on_its_way = any(is_under_way(count.observation) for count in found)
    delivered = [count for count in found if is_done(count.observation)]
    with_value = sorted((count for count in delivered if count.remark != _NO_VALUE), key=_newest_first)
    if any(count.grade for count in with_value):
        return Proliferation(Grading.GRADED, tuple(with_value), is_on_its_way)
    if with_value:
        return Proliferation(Grading.NOT_GRADABLE, tuple(with_value), is_on_its_way)
    if is_on_its_way:
        # A preliminary value is shown and does not grade.
        ungraded = [count._replace(grade=None, alert_grade=None) for count in found]
        return Proliferation(Grading.ON_ITS_WAY, tuple(sorted(ungraded, key=_newest_first)), is_on_its_way)
    if delivered:
        return Proliferation(Grading.NO_RESULT, tuple(sorted(delivered, key=_newest_first)))
    return Proliferation(Grading.NONE)


def _newest_first(count: Count) -> tuple[float, float, float, str]:
    """By time; the higher of two counts of one moment first, so that ids do not matter."""
    interval = count.interval
    low, high = (-interval.low, -interval.high) if interval else (0.0, 0.0)
    return (-count.moment.instant.timestamp() if count.moment else 0.0, low, high, count.specimen)


_NO_VALUE = "no value"


def _counts_in(observation: Resource, record: Record, *, defaults: Defaults) -> Iterable[Count]:
    """The counts of an Observation: its own value, or those of its components."""
    if not (is_done(observation) or is_under_way(observation)):
        return
    for part, what in _counted(observation, record):
        if what == _KI67:
            yield _ki67(observation, part, defaults=defaults)
        elif what:
            yield _mitoses(observation, part)


_KI67, _MITOSES = "Ki-67", "mitoses"


def _counted(observation: Resource, record: Record) -> Iterable[tuple[Resource, str]]:
    """The Observation and its components, each with what it counts (empty where it counts nothing)."""
    components = elements(observation.get("component"))
    if components:
        parts = (observation, *components)
        return [(part, _what_is_counted(part.get("code"), record.terminology)) for part in parts]
    # Without components the record knows already what the Observation's code and name are.
    if rows := record.rows(observation, "ki67-observation"):
        return ((observation, _what_rows_count(rows)),)
    if record.is_named(observation, "ki67"):
        return ((observation, _KI67),)
    return ((observation, _MITOSES if record.is_named(observation, "mitotic-count") else ""),)


def _what_is_counted(concept: object, terminology: Terminology) -> str:
    if rows := terminology.concepts(concept, "ki67-observation"):
        return _what_rows_count(rows)
    text = words(concept)
    if terminology.says("ki67", text):
        return _KI67
    return _MITOSES if terminology.says("mitotic-count", text) else ""


def _what_rows_count(rows: Iterable[Concept]) -> str:
    return _KI67 if any(row.get("role") == "grade" for row in rows) else ""


def _ki67(observation: Resource, part: Resource, *, defaults: Defaults) -> Count:
    ratio, cells = _ratio(part)
    interval, remark = _percentage(part, ratio)
    if interval is None or remark == _UNITLESS:
        return _count(observation, _KI67, interval, grade=None, alert=None, remark=remark)
    grade, alert, label = _graded(interval, _KI67_G2_FROM, _KI67_G2_TO)
    few = _cells_remark(cells, defaults) if ratio is not None else ""
    remark = "; ".join(text for text in (label, remark, few) if text) or _gap_remark(interval)
    return _count(observation, _KI67, interval, grade=grade, alert=alert, remark=remark)


def _ratio(part: Resource) -> tuple[Interval | None, float]:
    """The percentage and the number of cells, where the result states both numbers."""
    return quantities.from_ratio(part["valueRatio"]) if "valueRatio" in part else (None, 0.0)


def _count(
    observation: Resource,
    what: str,
    interval: Interval | None,
    *,
    grade: Grade | None,
    alert: Grade | None,
    remark: str,
) -> Count:
    moment, specimen = dates.happened(observation), _specimen(observation)
    return Count(observation, what, interval, grade, alert, remark, moment, specimen)


_UNITLESS = "the value has no unit and could be a fraction or a percentage"
_ASSUMED_PERCENT = "no unit given, read as %"


def _percentage(part: Resource, ratio: Interval | None) -> tuple[Interval | None, str]:
    """The value in percent, and a remark; the remark alone where the value cannot be used."""
    interval = ratio or quantities.value_of(part)
    if interval is None:
        return None, "not a number" if _has_words(part) else _NO_VALUE
    if interval.unit == "1":
        # A plain number of unit 1 is a fraction; above 1 it cannot be told what was meant (section 8).
        return (interval.scaled(100, "%"), "") if interval.high <= 1 else (interval, _UNITLESS)
    if interval.unit not in ("%", ""):
        return None, "the unit is not one of Ki-67"
    if (interval.low != -math.inf and interval.low < 0) or (
        interval.high != math.inf and interval.high > 100
    ):
        return None, _NO_VALUE
    if interval.unit == "" and 0 < interval.high <= 1:
        return interval, _UNITLESS
    return interval, _ASSUMED_PERCENT if interval.unit == "" else ""


def _has_words(part: Resource) -> bool:
    return bool(string(part.get("valueString")).strip() or words(part.get("valueCodeableConcept")))


def _graded(interval: Interval, from_g2: float, to_g2: float) -> tuple[Grade | None, Grade | None, str]:
    """Grade, grade for alerts, and a label, for a count with the cut-offs of one method."""
    low, high = _lowest_grade(interval, from_g2, to_g2), _highest_grade(interval, from_g2, to_g2)
    if low is high:
        return low, None, ""
    if interval.high == math.inf:
        return (
            None,
            None,
            f"at least {low.name}"
            if low is Grade.G2 and not interval.low_inclusive
            else f"{low.name} to {high.name}",
        )
    if interval.low == -math.inf:
        return None, None, f"{low.name} to {high.name}"
    return None, high, f"range crosses {low.name}/{high.name}"


def _grade_of(value: float, from_g2: float, to_g2: float) -> Grade:
    return Grade.G1 if value < from_g2 else Grade.G2 if value <= to_g2 else Grade.G3


def _lowest_grade(interval: Interval, from_g2: float, to_g2: float) -> Grade:
    value = math.nextafter(interval.low, math.inf) if not interval.low_inclusive else interval.low
    return _grade_of(value, from_g2, to_g2)


def _highest_grade(interval: Interval, from_g2: float, to_g2: float) -> Grade:
    value = math.nextafter(interval.high, -math.inf) if not interval.high_inclusive else interval.high
    return _grade_of(value, from_g2, to_g2)


def _cells_remark(cells: float, defaults: Defaults) -> str:
    if cells >= defaults.minimum_cells_counted:
        return ""
    return f"fewer than {defaults.minimum_cells_counted:g} cells counted"


def _gap_remark(interval: Interval) -> str:
    """A-1: the source document's WHO 2010 wording left 2 to 3 % undefined."""
    in_gap = interval.is_exact and 2 < interval.low < _KI67_G2_FROM
    return "WHO 2010 left 2 to 3 % undefined; G1 by WHO 2019" if in_gap else ""


_FIELD_AREA = re.compile(r"2\s*mm(?:2|²)", re.IGNORECASE)


def _mitoses(observation: Resource, part: Resource) -> Count:
    interval = quantities.value_of(part)
    if interval is None or not _is_per_two_square_millimetres(part, interval):
        remark = _NO_VALUE if interval is None else "not stated per 2 mm2"
        return _count(observation, _MITOSES, None, grade=None, alert=None, remark=remark)
    grade, alert, label = _graded(interval, _MITOSES_G2_FROM, _MITOSES_G2_TO)
    return _count(observation, _MITOSES, interval, grade=grade, alert=alert, remark=label)


def _is_per_two_square_millimetres(part: Resource, interval: Interval) -> bool:
    quantity: Any = mapping(part.get("valueQuantity"))
    stated = " ".join(
        (
            interval.unit,
            string(quantity.get("unit")),
            string(quantity.get("code")),
            notes(part),
            words(part.get("code")),
        )
    )
    return bool(_FIELD_AREA.search(stated)) or "(2.mm2)" in stated


_SPECIMEN = frozenset({"bodySite", "specimen"})
_METASTASIS_WORDS = ("metasta", "liver", "hepatic", "peritone", "bone")


def _specimen(observation: Resource) -> str:
    """Where the specimen came from, as far as the record says: ``primary``, ``metastasis`` or its words."""
    if _SPECIMEN.isdisjoint(observation):
        return ""
    stated = "; ".join(
        text
        for text in (
            words(observation.get("bodySite")),
            string(mapping(observation.get("specimen")).get("display")),
        )
        if text
    )
    if not stated:
        return ""
    return f"metastasis: {stated}" if any(word in stated.lower() for word in _METASTASIS_WORDS) else stated
