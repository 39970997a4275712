"""Does the tumour function, and how sure is that? (F-6)

Chromogranin A is a granule protein of all neuroendocrine cells: it never proves function. 5-HIAA
is compared with the range printed on the same result; only without one with an assumed limit,
which is then named as assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

from service.facts.defaults import Defaults
from service.facts.treatment import Treatment
from service.facts.tumour import Tumour, describe_condition, is_in_force, verification
from service.facts.workup import is_chromogranin_a, is_hiaa
from service.fhir import dates, quantities
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.quantities import MILLIGRAM_5HIAA_IN_MICROMOLE, Interval
from service.fhir.reading import Resource, reference, string
from service.fhir.record import Record

_DELIVERED = ("final", "amended", "corrected")


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


@dataclass(frozen=True, slots=True)
class Marker:
    """One result of 5-HIAA or chromogranin A; ``is_high`` is None where it cannot be told."""

    observation: Resource
    name: str
    interval: Interval | None
    is_high: bool | None
    limit: float | None
    limit_is_assumed: bool
    moment: Moment | None
    interference: tuple[str, ...] = ()
    lowered_by: tuple[str, ...] = ()

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


@dataclass(frozen=True, slots=True)
class FunctioningStatus:
    """The answer to F-6."""

    level: Function
    why: str
    evidence: tuple[Evidence, ...] = ()
    syndrome_without_tumour: bool = False
    has_insulinoma: bool = False
    other_syndromes: tuple[str, ...] = ()
    has_flushing: bool = False
    has_diarrhoea: bool = False
    is_in_crisis: bool = False
    syndrome_on_problem_list: bool = False
    hiaa: tuple[Marker, ...] = ()
    chromogranin_a: tuple[Marker, ...] = ()
    current_hiaa: Marker | None = None
    current_chromogranin_a: Marker | None = None
    syndrome_was_dismissed: bool = False
    other_syndrome_evidence: tuple[Evidence, ...] = ()

    @property
    def is_likely(self) -> bool:
        """Confirmed or probable: what the peri-operative rules ask for."""
        return self.level >= Function.PROBABLE

    @property
    def is_confirmed(self) -> bool:
        """Confirmed carcinoid syndrome."""
        return self.level is Function.CONFIRMED


def read_function(
    record: Record, tumour: Tumour, treatment: Treatment, *, now: datetime, defaults: Defaults
) -> FunctioningStatus:
    """Read syndromes, symptoms and markers, and weigh them as F-6 says."""
    syndromes = [one for one in _syndrome_conditions(record) if _is_carcinoid_syndrome(one, record, now=now)]
    confirmed = [one for one in syndromes if verification(one) == "confirmed"]
    flushing = _symptom(record, "flushing", now=now)
    diarrhoea = _symptom(record, "diarrhoea", now=now)
    hiaa = tuple(_hiaa(record, treatment, now=now, defaults=defaults))
    chromogranin_a = tuple(_chromogranin_a(record, now=now))
    current_hiaa = _current(hiaa, now=now, defaults=defaults)
    current_chromogranin_a = _current(chromogranin_a, now=now, defaults=defaults)
    others = dict(_other_syndromes(record, now=now))
    level, why = _level(
        tumour,
        confirmed=confirmed,
        unsure=syndromes,
        # Symptoms may belong to another functioning tumour; they are then no sign of carcinoid syndrome.
        has_flushing=flushing is not None and not others,
        has_diarrhoea=diarrhoea is not None and not others,
        hiaa=current_hiaa,
        weak_signs=(*hiaa, *current_chromogranin_a),
    )
    used = [
        Evidence(reference(one), describe_condition(one)) for one in (*syndromes, flushing, diarrhoea) if one
    ]
    return FunctioningStatus(
        level=level,
        why=why,
        evidence=(*used, *(marker.evidence for marker in hiaa[:1])),
        syndrome_without_tumour=bool(syndromes) and not tumour.is_present,
        has_insulinoma="insulinoma" in others,
        other_syndromes=tuple(others),
        has_flushing=flushing is not None,
        has_diarrhoea=diarrhoea is not None,
        is_in_crisis=any(
            any(
                row.get("syndrome") == "carcinoid-crisis"
                for row in record.rows(one, "net-functional-syndromes")
            )
            for one in syndromes
        ),
        syndrome_on_problem_list=bool(syndromes),
        hiaa=hiaa,
        chromogranin_a=chromogranin_a,
        current_hiaa=next(iter(current_hiaa), None),
        current_chromogranin_a=next(iter(current_chromogranin_a), None),
        syndrome_was_dismissed=any(
            _names_carcinoid_syndrome(one, record) and verification(one) != "entered-in-error"
            for one in _syndrome_conditions(record)
            if one not in syndromes
        ),
        other_syndrome_evidence=tuple(
            Evidence(reference(one), describe_condition(one)) for one in others.values()
        ),
    )


_CARCINOID = ("carcinoid", "carcinoid-heart-disease", "carcinoid-crisis")


def has_carcinoid_syndrome(record: Record, *, now: datetime) -> bool:
    """Whether carcinoid syndrome, heart disease or a past crisis is on record."""
    return any(_is_carcinoid_syndrome(one, record, now=now) for one in _syndrome_conditions(record))


def _syndrome_conditions(record: Record) -> tuple[Resource, ...]:
    return record.about("Condition", "net-functional-syndromes", "carcinoid-syndrome")


def _is_carcinoid_syndrome(condition: Resource, record: Record, *, now: datetime) -> bool:
    rows = record.rows(condition, "net-functional-syndromes")
    if not _names_carcinoid_syndrome(condition, record):
        return False
    # A past crisis still marks a patient at risk; only a refuted entry does not count.
    is_crisis = any(row.get("syndrome") == "carcinoid-crisis" for row in rows)
    if is_crisis:
        return verification(condition) not in ("refuted", "entered-in-error")
    return is_in_force(condition, now=now)


def _names_carcinoid_syndrome(condition: Resource, record: Record) -> bool:
    rows = record.rows(condition, "net-functional-syndromes")
    is_coded = any(row.get("syndrome") in _CARCINOID for row in rows)
    return is_coded or (not rows and record.is_named(condition, "carcinoid-syndrome"))


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


def _level(
    tumour: Tumour,
    *,
    confirmed: list[Resource],
    unsure: list[Resource],
    has_flushing: bool,
    has_diarrhoea: bool,
    hiaa: tuple[Marker, ...],
    weak_signs: tuple[Marker, ...],
) -> tuple[Function, str]:
    """``hiaa`` holds what counts now; a raised one of ``weak_signs`` alone makes function possible."""
    newest = hiaa[0] if hiaa else None
    is_high = newest is not None and newest.is_high is True
    has_symptom = has_flushing or has_diarrhoea
    if confirmed:
        return Function.CONFIRMED, "carcinoid syndrome is on record"
    if tumour.is_present and has_symptom and newest is not None and newest.is_above_own_limit:
        return Function.CONFIRMED, "5-HIAA is raised and a typical symptom is on record"
    if unsure:
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
    if has_symptom or any(marker.is_high for marker in weak_signs):
        return Function.POSSIBLE, "a single symptom, an older raised 5-HIAA or a raised chromogranin A"
    if newest is not None and newest.is_high is False:
        return Function.NO_EVIDENCE, "5-HIAA is within range and no symptom is on record"
    return Function.UNKNOWN, "nothing measured says whether the tumour functions"


def _current(markers: tuple[Marker, ...], *, now: datetime, defaults: Defaults) -> tuple[Marker, ...]:
    """Valid results within the limit of age, newest first; undated ones count."""
    return tuple(
        marker
        for marker in markers
        if marker.is_high is not None
        and (marker.moment is None or 0 <= marker.moment.days_before(now) <= defaults.marker_ignored_days)
    )


def _hiaa(record: Record, treatment: Treatment, *, now: datetime, defaults: Defaults) -> list[Marker]:
    altering = tuple(sorted({drug.name for drug in treatment.of("5hiaa-interference", roles=("alters",))}))
    lowering = tuple(sorted({drug.name for drug in treatment.of("5hiaa-interference", roles=("lowers",))}))
    markers = [
        replace(_marker(one, "5-HIAA", record, altering, defaults=defaults), lowered_by=lowering)
        for one in record.about("Observation", "5-hiaa", "five-hiaa")
        if string(one.get("status")) in _DELIVERED and is_hiaa(one, record) and not _is_future(one, now)
    ]
    return sorted(markers, key=_newest_first)


def _chromogranin_a(record: Record, *, now: datetime) -> list[Marker]:
    markers = [
        _marker(one, "Chromogranin A", record, (), defaults=None)
        for one in record.about("Observation", "chromogranin-a")
        if string(one.get("status")) in _DELIVERED
        and is_chromogranin_a(one, record)
        and not _is_future(one, now)
    ]
    return sorted(markers, key=_newest_first)


def _newest_first(marker: Marker) -> tuple[float, float, float]:
    """By time; the higher of two results of one moment first, so that ids do not matter."""
    moment, interval = marker.moment, marker.interval
    low, high = (-interval.low, -interval.high) if interval else (0.0, 0.0)
    return (-moment.instant.timestamp() if moment else 0.0, low, high)


def _is_future(observation: Resource, now: datetime) -> bool:
    moment = dates.happened(observation)
    return moment is not None and moment.days_before(now) < 0


def _marker(
    observation: Resource, name: str, record: Record, drugs: tuple[str, ...], *, defaults: Defaults | None
) -> Marker:
    """Read a result; ``defaults`` gives the assumed limit, for 5-HIAA only."""
    interval = quantities.value_of(observation)
    limit, is_assumed = _limit(observation, interval, record, defaults)
    return Marker(
        observation=observation,
        name=name,
        interval=interval,
        is_high=_is_high(observation, interval, limit),
        limit=limit,
        limit_is_assumed=is_assumed,
        moment=dates.happened(observation),
        interference=(*drugs, *_dietary(observation, record)),
    )


def _dietary(observation: Resource, record: Record) -> tuple[str, ...]:
    return ("diet",) if record.finds(observation, "dietary-interference") else ()


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
