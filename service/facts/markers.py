"""What were chromogranin A and 5-HIAA, and were they raised? (F-6, F-10)

Chromogranin A is a granule protein of all neuroendocrine cells: it never proves function. A result is
compared with the range printed on it; only 5-HIAA in 24-hour urine without one has an assumed limit,
which is then named as assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.facts.decision import TreatmentKind, treatment_orders
from service.facts.drugs import treatment
from service.facts.item import Item, item, newest_first
from service.facts.orders import find_order
from service.facts.patient import Patient, fact
from service.facts.progression import since_progression
from service.facts.spread import spread
from service.facts.tumour import tumour
from service.facts.words import evidence, on_day
from service.fhir import dates, quantities
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.quantities import MILLIGRAM_5HIAA_IN_MICROMOLE, Interval
from service.fhir.r4 import Observation, Resource


class Limit(NamedTuple):
    """The upper limit in the unit of the result, and whether it is not the one printed with it."""

    value: float | None
    is_assumed: bool = False


@dataclass(frozen=True, slots=True)
class Marker:
    """One delivered result of 5-HIAA or chromogranin A, judged.

    ``is_high`` is None where it cannot be told. ``interference`` names the drugs and the food that may have
    changed it, ``lowered_by`` the drugs that may have lowered it.
    """

    observation: Observation
    moment: Moment | None
    interval: Interval | None
    upper: Limit
    is_high: bool | None
    says: str
    interference: tuple[str, ...] = ()
    lowered_by: tuple[str, ...] = ()

    @property
    def limit(self) -> float | None:
        """The upper limit in the unit of the result."""
        return self.upper.value

    @property
    def limit_is_assumed(self) -> bool:
        """Whether the limit is not the one printed with the result."""
        return self.upper.is_assumed

    @property
    def is_above_own_limit(self) -> bool:
        """Raised by the range or the flag of its own laboratory, not by an assumed limit."""
        return self.is_high is True and not self.limit_is_assumed

    @property
    def evidence(self) -> Evidence:
        """The Observation with what it says."""
        return evidence(self.observation, self.says)


class _Kind(NamedTuple):
    """How a marker is recognised; its name is also that of a phrase."""

    name: str
    code_list: str
    word_list: str


_CHROMOGRANIN_A = _Kind("chromogranin-a", "chromogranin-a", "chromogranin-a-words")
_HIAA = _Kind("hiaa", "5-hiaa", "five-hiaa")


@fact
def chromogranin_a(patient: Patient) -> Item:
    """N-14: a chromogranin A that holds a result."""
    days = patient.defaults.marker_fresh_days
    return _item(_CHROMOGRANIN_A, chromogranin_a_results(patient), patient, days=days)


@fact
def hiaa(patient: Patient) -> Item:
    """N-15: a 5-HIAA that holds a result."""
    return _item(_HIAA, hiaa_results(patient), patient, days=_hiaa_days(patient))


@fact
def chromogranin_a_results(patient: Patient) -> tuple[Marker, ...]:
    """Every delivered chromogranin A, newest first. There is no limit to assume."""
    kind = _CHROMOGRANIN_A
    return _newest_then_highest([_judged(one, _own(one), kind, patient) for one in _delivered(kind, patient)])


@fact
def hiaa_results(patient: Patient) -> tuple[Marker, ...]:
    """Every delivered 5-HIAA, newest first."""
    results = _delivered(_HIAA, patient)
    return _newest_then_highest([_judged(one, _hiaa_limit(one, patient), _HIAA, patient) for one in results])


@fact
def current_chromogranin_a(patient: Patient) -> Marker | None:
    """The newest chromogranin A that can be judged and is not too old."""
    return next((one for one in chromogranin_a_results(patient) if is_current(one, patient)), None)


@fact
def current_hiaa(patient: Patient) -> Marker | None:
    """The newest 5-HIAA that can be judged and is not too old."""
    return next((one for one in hiaa_results(patient) if is_current(one, patient)), None)


def is_current(marker: Marker, patient: Patient) -> bool:
    """Whether a result can be judged and is not too old; undated ones count."""
    moment, most = marker.moment, patient.defaults.marker_fresh_days
    is_recent = moment is None or moment.days_before(patient.now) <= most
    return is_recent and marker.is_high is not None


def _hiaa_days(patient: Patient) -> float:
    """Before anaesthesia the function of a midgut tumour with liver metastases has to be known anew."""
    kinds, defaults = {one.kind for one in treatment_orders(patient)}, patient.defaults
    has_metastases = spread(patient).has_reported_liver_metastases
    is_at_risk = tumour(patient).region.startswith("midgut") and has_metastases
    if is_at_risk and not kinds.isdisjoint((TreatmentKind.SURGERY, TreatmentKind.LOCOREGIONAL)):
        return defaults.marker_before_treatment_days
    return defaults.marker_fresh_days


def _item(kind: _Kind, results: Sequence[Marker], patient: Patient, *, days: float) -> Item:
    return item(
        ((one.moment, one.observation) for one in results if _holds_result(one)),
        patient,
        under_way=[one for one in _all(kind, patient) if one.is_under_way],
        order=find_order(patient, lambda one: _is_of(kind, one)),
        limits=since_progression(days, patient),
    )


def _holds_result(marker: Marker) -> bool:
    """Whether it holds a value or an interpretation."""
    coded, observation = marker.observation.value_codeable_concept, marker.observation
    has_value = marker.interval is not None or bool(coded and coded.words)
    return has_value or bool(quantities.interpretation(observation))


def _all(kind: _Kind, patient: Patient) -> list[Observation]:
    found = patient.record.about(Observation, kind.code_list, kind.word_list)
    return [one for one in found if _is_of(kind, one)]


def _delivered(kind: _Kind, patient: Patient) -> list[Observation]:
    return [
        one for _moment, one in newest_first([one for one in _all(kind, patient) if one.is_done], patient)
    ]


def _is_of(kind: _Kind, resource: Resource) -> bool:
    """Whether a result or order is this marker, by code, else by name."""
    if rows := resource.about.rows(kind.code_list):
        return {row.get("role") for row in rows} != {"ignore"}
    return resource.about.is_named(kind.word_list)


def _newest_then_highest(markers: list[Marker]) -> tuple[Marker, ...]:
    """The higher of two results of one moment first, so that ids do not matter."""
    return tuple(sorted(markers, key=_place))


def _place(marker: Marker) -> tuple[float, float, float]:
    low, high = (marker.interval.low, marker.interval.high) if marker.interval else (0.0, 0.0)
    return -dates.order(marker.moment), -low, -high


def _judged(observation: Observation, upper: Limit, kind: _Kind, patient: Patient) -> Marker:
    moment, interval = observation.happened(), quantities.value_of(observation)
    is_high = _is_high(observation, interval, upper.value)
    return Marker(
        observation=observation,
        moment=moment,
        interval=interval,
        upper=upper,
        is_high=is_high,
        says=patient.phrases(
            "marker.result",
            name=patient.phrases(f"marker.{kind.name}"),
            value=_value_in_words(interval, patient),
            limit=_limit_in_words(upper, is_high, patient),
            when=on_day(moment, patient),
        ),
        interference=_interference(observation, patient) if kind is _HIAA else (),
        lowered_by=_drugs(patient, "lowers") if kind is _HIAA else (),
    )


def _value_in_words(interval: Interval | None, patient: Patient) -> str:
    if interval is None:
        return patient.phrases("marker.no-number")
    return f"{interval.shown()} {interval.unit}".rstrip()


def _limit_in_words(upper: Limit, is_high: bool | None, patient: Patient) -> str:
    if upper.value is None:
        return patient.phrases("marker.no-range" if is_high is None else "marker.judged-by-flag")
    key = "marker.assumed-limit" if upper.is_assumed else "marker.own-limit"
    return patient.phrases(key, limit=f"{upper.value:g}")


def _interference(observation: Observation, patient: Patient) -> tuple[str, ...]:
    has_diet = observation.about.finds("dietary-interference")
    return (*_drugs(patient, "alters"), *([patient.phrases("marker.diet")] if has_diet else []))


def _drugs(patient: Patient, role: str) -> tuple[str, ...]:
    found = treatment(patient).of("5hiaa-interference", roles=(role,))
    return tuple(sorted({drug.name for drug in found}))


def _own(observation: Observation) -> Limit:
    """The limit printed with the result."""
    interval = quantities.value_of(observation)
    if interval is None:
        return Limit(None)
    own = quantities.upper_reference_limit(observation, unit=interval.unit)
    return Limit(own if own is not None else _converted(observation, interval.unit))


def _hiaa_limit(observation: Observation, patient: Patient) -> Limit:
    """The printed limit; an assumed one where nothing printed judges a 24-hour urine."""
    own, interval = _own(observation), quantities.value_of(observation)
    is_judged = own.value is not None or bool(quantities.interpretation(observation))
    if interval is None or is_judged or not _is_daily_urine(observation):
        return own
    defaults = patient.defaults
    assumed = {"mg/24h": defaults.hiaa_limit_mg_per_24h, "umol/24h": defaults.hiaa_limit_umol_per_24h}
    return Limit(assumed.get(interval.unit), interval.unit in assumed)


def _converted(observation: Observation, unit: str) -> float | None:
    """A range printed in the other unit of mass and amount per day, by 5-HIAA's molar mass."""
    if unit == "umol/24h" and (limit := quantities.upper_reference_limit(observation, unit="mg/24h")):
        return round(limit * MILLIGRAM_5HIAA_IN_MICROMOLE, 2)
    if unit == "mg/24h" and (limit := quantities.upper_reference_limit(observation, unit="umol/24h")):
        return round(limit / MILLIGRAM_5HIAA_IN_MICROMOLE, 2)
    return None


def _is_daily_urine(observation: Observation) -> bool:
    about = observation.about
    is_coded, roles = about.has_row("5-hiaa"), ("urine-24h-mass", "urine-24h-molar")
    return not is_coded or about.has_row("5-hiaa", roles=roles)


def _is_high(observation: Observation, interval: Interval | None, limit: float | None) -> bool | None:
    compared = interval.is_above(limit) if interval is not None and limit is not None else None
    if compared is not None:
        return compared
    # A value such as ``<20`` against a limit of 10 tells nothing; the laboratory's flag may.
    stated = quantities.interpretation(observation)
    return {"high": True, "normal": False, "low": False}.get(stated)
