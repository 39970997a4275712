"""Does the tumour function, and how sure is that? (F-6)

Chromogranin A is a granule protein of all neuroendocrine cells: it never proves function. 5-HIAA
is compared with the range printed on the same result; only without one with an assumed limit,
which is then named as assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from service.facts.defaults import Defaults
from service.facts.lazy import lazy
from service.facts.treatment import Treatment
from service.facts.tumour import (
    HORMONE_LIST,
    SYNDROME_WORDS,
    Tumour,
    describe_condition,
    is_in_force,
    verification,
)
from service.facts.workup import Dated, Workup
from service.fhir import dates, quantities
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.quantities import MILLIGRAM_5HIAA_IN_MICROMOLE, Interval
from service.fhir.reading import Resource, reference
from service.fhir.record import Record


class Function(IntEnum):
    """How sure it is that the tumour causes carcinoid syndrome."""

    UNKNOWN = 0
    NO_EVIDENCE = 1
    POSSIBLE = 2
    PROBABLE = 3
    CONFIRMED = 4

    @property
    def words(self) -> str:
        """The level as the cards print it."""
        return self.name.lower().replace("_", " ")


_HIAA = "5-HIAA"


@dataclass(frozen=True)
class Marker:
    """One result of 5-HIAA or chromogranin A, judged when it is first asked.

    ``defaults`` give the assumed limit; None where there is none to assume.
    """

    observation: Resource
    name: str
    moment: Moment | None
    record: Record
    treatment: Treatment
    defaults: Defaults | None

    @lazy
    def interval(self) -> Interval | None:
        """The value; None where there is no number."""
        return quantities.value_of(self.observation)

    @lazy
    def is_high(self) -> bool | None:
        """Whether it is raised; None where that cannot be told."""
        return _is_high(self.observation, self.interval, self.limit)

    @property
    def limit(self) -> float | None:
        """The upper limit in the unit of the result."""
        return self._limit[0]

    @property
    def limit_is_assumed(self) -> bool:
        """Whether the limit is not the one printed with the result."""
        return self._limit[1]

    @lazy
    def interference(self) -> tuple[str, ...]:
        """The drugs and the food that may have changed the result."""
        diet = ("diet",) if self.record.finds(self.observation, "dietary-interference") else ()
        return (*self._drugs("alters"), *diet)

    @property
    def lowered_by(self) -> tuple[str, ...]:
        """The drugs that may have lowered the result."""
        return self._drugs("lowers")

    @lazy
    def _limit(self) -> tuple[float | None, bool]:
        return _limit(self.observation, self.interval, self.record, self.defaults)

    def _drugs(self, role: str) -> tuple[str, ...]:
        if self.name != _HIAA:
            return ()
        return tuple(sorted({drug.name for drug in self.treatment.of("5hiaa-interference", roles=(role,))}))

    @property
    def is_above_own_limit(self) -> bool:
        """Raised by the range or the flag of its own laboratory, not by an assumed limit."""
        return self.is_high is True and not self.limit_is_assumed

    @property
    def says(self) -> str:
        """Value, limit and date in one line."""
        value = f"{self.interval.shown()} {self.interval.unit}".rstrip() if self.interval else "no number"
        if self.limit is None:
            limit = "no reference range" if self.is_high is None else "judged by the laboratory's flag"
        else:
            limit = f"{'assumed' if self.limit_is_assumed else 'own'} upper limit {self.limit:g}"
        return f"{self.name} {value} ({limit}) {dates.shown(self.moment)}"

    @property
    def evidence(self) -> Evidence:
        """The Observation with what it says."""
        return Evidence(reference(self.observation), self.says)


@dataclass(frozen=True)
class FunctioningStatus:
    """The answer to F-6: syndromes, symptoms and markers, each read when it is first asked for."""

    record: Record
    tumour: Tumour
    treatment: Treatment
    workup: Workup
    now: datetime
    defaults: Defaults

    @property
    def level(self) -> Function:
        """How sure it is that the tumour functions."""
        return self._level[0]

    @property
    def why(self) -> str:
        """What the level rests on."""
        return self._level[1]

    @property
    def is_likely(self) -> bool:
        """Confirmed or probable: what the peri-operative rules ask for."""
        return self.level >= Function.PROBABLE

    @property
    def is_confirmed(self) -> bool:
        """Confirmed carcinoid syndrome."""
        return self.level is Function.CONFIRMED

    @lazy
    def evidence(self) -> tuple[Evidence, ...]:
        """The syndromes and symptoms, and the newest 5-HIAA."""
        conditions = (*self.syndromes, self.flushing, self.diarrhoea)
        return (
            *(_evidence(one) for one in conditions if one),
            *(marker.evidence for marker in self.hiaa[:1]),
        )

    @lazy
    def syndromes(self) -> tuple[Resource, ...]:
        """The Conditions that are carcinoid syndrome, heart disease, or a past crisis."""
        return tuple(
            one
            for one in _syndrome_conditions(self.record)
            if _is_carcinoid_syndrome(one, self.record, now=self.now)
        )

    @property
    def syndrome_on_problem_list(self) -> bool:
        """Whether carcinoid syndrome is on record, confirmed or not."""
        return bool(self.syndromes)

    @property
    def syndrome_without_tumour(self) -> bool:
        """Whether carcinoid syndrome is on record without a tumour."""
        return bool(self.syndromes) and not self.tumour.is_present

    @property
    def is_in_crisis(self) -> bool:
        """Whether one of the syndromes is a carcinoid crisis."""
        return any(_is_crisis(one, self.record) for one in self.syndromes)

    @property
    def syndrome_was_dismissed(self) -> bool:
        """Whether carcinoid syndrome is on record as refuted, resolved or over."""
        return any(
            _names_carcinoid_syndrome(one, self.record) and verification(one) != "entered-in-error"
            for one in _syndrome_conditions(self.record)
            if one not in self.syndromes
        )

    @lazy
    def flushing(self) -> Resource | None:
        """The Condition that is flushing."""
        return _symptom(self.record, "flushing", now=self.now)

    @lazy
    def diarrhoea(self) -> Resource | None:
        """The Condition that is diarrhoea."""
        return _symptom(self.record, "diarrhoea", now=self.now)

    @property
    def has_flushing(self) -> bool:
        """Whether flushing is on record."""
        return self.flushing is not None

    @property
    def has_diarrhoea(self) -> bool:
        """Whether diarrhoea is on record."""
        return self.diarrhoea is not None

    @property
    def other_syndromes(self) -> tuple[str, ...]:
        """The names of other syndromes of hormones."""
        return tuple(self._others)

    @property
    def has_insulinoma(self) -> bool:
        """Whether an insulinoma is on record."""
        return "insulinoma" in self._others

    @property
    def other_syndrome_evidence(self) -> tuple[Evidence, ...]:
        """The Conditions that name the other syndromes."""
        return tuple(_evidence(one) for one in self._others.values())

    @lazy
    def hiaa(self) -> tuple[Marker, ...]:
        """Every 5-HIAA, newest first."""
        return self._markers(_HIAA, self.workup.hiaa_results, self.defaults)

    @lazy
    def chromogranin_a(self) -> tuple[Marker, ...]:
        """Every chromogranin A, newest first."""
        return self._markers("Chromogranin A", self.workup.chromogranin_a_results, None)

    def _markers(self, name: str, results: Iterable[Dated], defaults: Defaults | None) -> tuple[Marker, ...]:
        record, treatment = self.record, self.treatment
        return tuple([Marker(one, name, moment, record, treatment, defaults) for moment, one in results])

    @lazy
    def current_hiaa(self) -> Marker | None:
        """The newest 5-HIAA that can be judged and is not too old."""
        return next(filter(self.is_current, self.hiaa), None)

    @lazy
    def current_chromogranin_a(self) -> Marker | None:
        """The newest chromogranin A that can be judged and is not too old."""
        return next(filter(self.is_current, self.chromogranin_a), None)

    @lazy
    def _level(self) -> tuple[Function, str]:
        return _level(self)

    @lazy
    def _others(self) -> dict[str, Resource]:
        return dict(_other_syndromes(self.record, now=self.now))

    def is_current(self, marker: Marker) -> bool:
        """Whether a result can be judged and is not too old; undated ones count."""
        moment, most = marker.moment, self.defaults.marker_ignored_days
        is_recent = moment is None or 0 <= moment.days_before(self.now) <= most
        return is_recent and marker.is_high is not None


def read_function(
    record: Record,
    tumour: Tumour,
    treatment: Treatment,
    workup: Workup,
    *,
    now: datetime,
    defaults: Defaults,
) -> FunctioningStatus:
    """Syndromes, symptoms and markers, weighed as F-6 says."""
    return FunctioningStatus(record, tumour, treatment, workup, now, defaults)


def _evidence(condition: Resource) -> Evidence:
    return Evidence(reference(condition), describe_condition(condition))


_CARCINOID = ("carcinoid", "carcinoid-heart-disease", "carcinoid-crisis")


def _syndrome_conditions(record: Record) -> tuple[Resource, ...]:
    return record.about("Condition", HORMONE_LIST, *SYNDROME_WORDS)


def _is_carcinoid_syndrome(condition: Resource, record: Record, *, now: datetime) -> bool:
    if not _names_carcinoid_syndrome(condition, record):
        return False
    # A past crisis still marks a patient at risk; only a refuted entry does not count.
    if _is_crisis(condition, record):
        return verification(condition) not in ("refuted", "entered-in-error")
    return is_in_force(condition, now=now) and not _is_dismissed_in_words(condition, record)


def _is_crisis(condition: Resource, record: Record) -> bool:
    if rows := record.rows(condition, HORMONE_LIST):
        return any(row.get("syndrome") == "carcinoid-crisis" for row in rows)
    return record.is_named(condition, "carcinoid-crisis")


def _is_dismissed_in_words(condition: Resource, record: Record) -> bool:
    """Whether text alone calls the syndrome past or excluded; a code stands, whatever the text says."""
    if record.rows(condition, HORMONE_LIST) or record.is_named(condition, "carcinoid-heart-disease"):
        return False
    return record.is_named(condition, "carcinoid-syndrome-dismissed")


def _is_confirmed(condition: Resource, record: Record) -> bool:
    """Whether a syndrome is confirmed by its status, and its words alone do not call it suspected."""
    is_coded = bool(record.rows(condition, HORMONE_LIST))
    is_suspected = not is_coded and record.is_named(condition, "carcinoid-syndrome-suspected")
    return verification(condition) == "confirmed" and not is_suspected


def _names_carcinoid_syndrome(condition: Resource, record: Record) -> bool:
    if rows := record.rows(condition, HORMONE_LIST):
        return any(row.get("syndrome") in _CARCINOID for row in rows)
    return record.is_named(condition, *SYNDROME_WORDS)


def _other_syndromes(record: Record, *, now: datetime) -> Iterator[tuple[str, Resource]]:
    """Each other syndrome with a Condition that names it."""
    lists = ("net-functional-syndromes", "net-icdo3-morphology")
    for condition in record.about("Condition", *lists, "insulinoma"):
        if not is_in_force(condition, now=now):
            continue
        for row in record.rows(condition, *lists):
            if (
                row.get("syndrome") not in (*_CARCINOID, "", "hereditary")
                and row.get("role") != "nonspecific"
            ):
                yield row.get("syndrome"), condition
        if record.is_named(condition, "insulinoma"):
            yield "insulinoma", condition


def _symptom(record: Record, symptom: str, *, now: datetime) -> Resource | None:
    """An active Condition that is this symptom; resolved ones and look-alikes do not count."""
    for condition in record.about("Condition", "symptoms", symptom):
        if not is_in_force(condition, now=now):
            continue
        roles = {row.get("role") for row in record.rows(condition, "symptoms")}
        if "negative" in roles or record.rows(condition, "net-functional-syndromes"):
            continue
        if symptom in roles or (not roles and record.is_named(condition, symptom)):
            return condition
    return None


def _level(status: FunctioningStatus) -> tuple[Function, str]:
    """The surest signs first, so that weaker ones are not read where they could change nothing."""
    if any(_is_confirmed(one, status.record) for one in status.syndromes):
        return Function.CONFIRMED, "carcinoid syndrome is on record"
    # Symptoms may belong to another functioning tumour; they are then no sign of carcinoid syndrome.
    has_flushing = status.has_flushing and not status.other_syndromes
    has_diarrhoea = status.has_diarrhoea and not status.other_syndromes
    tumour, newest, has_symptom = status.tumour, status.current_hiaa, has_flushing or has_diarrhoea
    is_high = newest is not None and newest.is_high is True
    if tumour.is_present and has_symptom and newest is not None and newest.is_above_own_limit:
        return Function.CONFIRMED, "5-HIAA is raised and a typical symptom is on record"
    if status.syndromes:
        return Function.PROBABLE, "carcinoid syndrome is on record, not confirmed"
    if not tumour.is_present:
        return Function.UNKNOWN, "no neuroendocrine tumour and no carcinoid syndrome are on record"
    if is_high and has_symptom:
        return Function.PROBABLE, "5-HIAA is above an assumed limit and a typical symptom is on record"
    if newest is not None and is_high and not newest.interference:
        return Function.PROBABLE, "5-HIAA is raised"
    if has_flushing and has_diarrhoea and newest is None:
        return Function.PROBABLE, "flushing and diarrhoea are on record, 5-HIAA was not measured"
    if is_high:
        return Function.POSSIBLE, "5-HIAA is raised, with a recorded interference"
    if has_symptom or _has_weak_sign(status):
        return Function.POSSIBLE, "a single symptom, an older raised 5-HIAA or a raised chromogranin A"
    if newest is not None and newest.is_high is False:
        return Function.NO_EVIDENCE, "5-HIAA is within range and no symptom is on record"
    return Function.UNKNOWN, "nothing measured says whether the tumour functions"


def _has_weak_sign(status: FunctioningStatus) -> bool:
    """A raised 5-HIAA of any age, or a raised chromogranin A that is not too old."""
    return any(one.is_high for one in status.hiaa) or any(
        one.is_high for one in status.chromogranin_a if status.is_current(one)
    )


def _limit(
    observation: Resource, interval: Interval | None, record: Record, defaults: Defaults | None
) -> tuple[float | None, bool]:
    """The upper limit in the unit of the result, and whether it is assumed."""
    if interval is None:
        return None, False
    own = quantities.upper_reference_limit(observation, unit=interval.unit)
    if own is None:
        own = _converted_limit(observation, interval.unit)
    has_own = own is not None or bool(quantities.interpretation(observation))
    if has_own or defaults is None or not _is_daily_urine(observation, record):
        return own, False
    assumed = {
        "mg/24h": defaults.hiaa_limit_mg_per_24h,
        "umol/24h": defaults.hiaa_limit_umol_per_24h,
    }.get(interval.unit)
    return assumed, assumed is not None


def _converted_limit(observation: Resource, unit: str) -> float | None:
    """A range printed in the other unit of mass and amount per day, by 5-HIAA's molar mass."""
    if unit == "umol/24h" and (limit := quantities.upper_reference_limit(observation, unit="mg/24h")):
        return round(limit * MILLIGRAM_5HIAA_IN_MICROMOLE, 2)
    if unit == "mg/24h" and (limit := quantities.upper_reference_limit(observation, unit="umol/24h")):
        return round(limit / MILLIGRAM_5HIAA_IN_MICROMOLE, 2)
    return None


def _is_daily_urine(observation: Resource, record: Record) -> bool:
    rows = record.rows(observation, "5-hiaa")
    return not rows or any(row.get("role") in ("urine-24h-mass", "urine-24h-molar") for row in rows)


def _is_high(observation: Resource, interval: Interval | None, limit: float | None) -> bool | None:
    compared = interval.is_above(limit) if interval is not None and limit is not None else None
    if compared is not None:
        return compared
    # A value such as ``<20`` against a limit of 10 tells nothing; the laboratory's flag may.
    stated = quantities.interpretation(observation)
    return {"high": True, "normal": False, "low": False}.get(stated)
