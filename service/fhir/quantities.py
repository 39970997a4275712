"""Measured values as intervals, with the units that matter here in canonical form.

A comparator, a range or words such as ``<5 %`` make a value an interval, and an interval that
crosses a limit must not be read as one side of it. UCUM: https://ucum.org/ucum
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

from service.fhir.reading import Resource, elements, mapping, string

MILLIGRAM_5HIAA_IN_MICROMOLE = 5.2307
"""1 mg of 5-HIAA (C10H9NO3, 191.18 g/mol) in micromoles."""


class Interval(NamedTuple):
    """Where a value lies; an exact value has ``low == high``. ``unit`` is canonical or as sent."""

    low: float
    high: float
    low_inclusive: bool = True
    high_inclusive: bool = True
    unit: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether one number was stated."""
        return self.low == self.high

    def scaled(self, factor: float, unit: str) -> Interval:
        """The same interval in another unit."""
        return Interval(
            _tidy(self.low * factor), _tidy(self.high * factor), self.low_inclusive, self.high_inclusive, unit
        )

    def is_above(self, limit: float) -> bool | None:
        """Whether the value exceeds the limit; None where the interval does not say."""
        if self.low > limit or (self.low == limit and not self.low_inclusive):
            return True
        if self.high <= limit:
            return False
        return None

    def shown(self) -> str:
        """The interval as a clinician writes it: ``12``, ``<5``, ``3-5``, ``>20``."""
        if self.is_exact:
            return f"{self.low:g}"
        if self.low in (-math.inf, 0) and self.high < math.inf:
            return f"{'≤' if self.high_inclusive else '<'}{self.high:g}"
        if self.high == math.inf:
            return f"{'≥' if self.low_inclusive else '>'}{self.low:g}"
        return f"{self.low:g}-{self.high:g}"


def _tidy(value: float) -> float:
    return value if math.isinf(value) else round(value, 6)


def exact(value: float, unit: str = "") -> Interval:
    """One stated number."""
    return Interval(value, value, unit=unit)


_UNITS = {
    "%": "%",
    "percent": "%",
    "per cent": "%",
    "pct": "%",
    "{ki67}%": "%",
    "1": "1",
    "{ratio}": "1",
    "{fraction}": "1",
    "mg/(24.h)": "mg/24h",
    "mg/24.h": "mg/24h",
    "mg/{24h}": "mg/24h",
    "mg/24h": "mg/24h",
    "mg/24hr": "mg/24h",
    "mg/24hrs": "mg/24h",
    "mg/24hours": "mg/24h",
    "mg/d": "mg/24h",
    "mg/day": "mg/24h",
    "umol/(24.h)": "umol/24h",
    "umol/24.h": "umol/24h",
    "umol/{24h}": "umol/24h",
    "umol/24h": "umol/24h",
    "umol/24hr": "umol/24h",
    "umol/24hrs": "umol/24h",
    "umol/24hours": "umol/24h",
    "umol/d": "umol/24h",
    "umol/day": "umol/24h",
    "mg/g{creat}": "mg/g creatinine",
    "mg/gcreat": "mg/g creatinine",
    "mg/gcr": "mg/g creatinine",
    "mg/gcreatinine": "mg/g creatinine",
    "mmol/mol{creat}": "mmol/mol creatinine",
    "mmol/molcreat": "mmol/mol creatinine",
    "mmol/molcreatinine": "mmol/mol creatinine",
    "umol/mmol{creat}": "mmol/mol creatinine",
    "umol/mmolcreatinine": "mmol/mol creatinine",
    "ng/ml": "ug/L",
    "ug/l": "ug/L",
    "mcg/l": "ug/L",
    "nmol/l": "nmol/L",
    "pmol/l": "pmol/L",
    "u/l": "U/L",
    "iu/l": "U/L",
}
"""Spellings seen in laboratory data, in lower case without white space -> canonical unit."""
_CANONICAL = frozenset(_UNITS.values())


@lru_cache(maxsize=1024)
def canonical_unit(text: str) -> str:
    """Canonical spelling of a unit: UCUM and the usual laboratory spellings mean the same."""
    squeezed = re.sub(r"\s+", "", text).replace("µ", "u").replace("μ", "u").lower()
    return _UNITS.get(squeezed) or _UNITS.get(text.strip().lower(), text.strip())


def from_quantity(quantity: object) -> Interval | None:
    """Read a FHIR Quantity with its comparator; None where it holds no finite number."""
    if not isinstance(quantity, dict):
        return None
    value = _finite(quantity.get("value"))
    if value is None:
        return None
    unit = _unit(string(quantity.get("code")), string(quantity.get("unit")))
    return _compared(value, string(quantity.get("comparator")), unit)


@lru_cache(maxsize=1024)
def _unit(code: str, words: str) -> str:
    """The canonical unit of the code, or of the words where the code has none."""
    unit = canonical_unit(code or words)
    return canonical_unit(words) if words and unit not in _CANONICAL else unit


_DECIMAL = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


def _finite(value: object) -> float | None:
    """A JSON number; also one that was sent as text, which is invalid FHIR and plain to read."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        return float(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < _LARGEST else None  # NaN is not below either


_LARGEST = 1e15
"""Far beyond any measured value, and safe to convert."""


def _compared(value: float, comparator: str, unit: str) -> Interval | None:
    match comparator:
        case "":
            return Interval(value, value, unit=unit)
        case "<":
            return Interval(-math.inf, value, high_inclusive=False, unit=unit)
        case "<=":
            return Interval(-math.inf, value, unit=unit)
        case ">":
            return Interval(value, math.inf, low_inclusive=False, unit=unit)
        case ">=":
            return Interval(value, math.inf, unit=unit)
    return None


def from_range(value: object) -> Interval | None:
    """Read a FHIR Range; an open end is infinite."""
    fields = mapping(value)
    low, high = from_quantity(fields.get("low")), from_quantity(fields.get("high"))
    if low is None and high is None:
        return None
    unit = (low or high or exact(0)).unit
    return Interval(low.low if low else -math.inf, high.high if high else math.inf, unit=unit)


def from_ratio(value: object) -> tuple[Interval | None, float]:
    """Read a FHIR Ratio as a percentage, with its denominator (the number counted)."""
    fields = mapping(value)
    part, whole = from_quantity(fields.get("numerator")), from_quantity(fields.get("denominator"))
    if part is None or whole is None or not (part.is_exact and whole.is_exact) or whole.low <= 0:
        return None, 0.0
    return exact(_tidy(100 * part.low / whole.low), "%"), whole.low


_NUMBER = r"(\d{1,6}(?:[.,]\d{1,4})?)"
_BETWEEN = re.compile(rf"{_NUMBER}\s*%?\s*(?:-|–|to|bis)\s*{_NUMBER}\s*(.*)", re.IGNORECASE)
_SINGLE = re.compile(rf"(<=|>=|≤|≥|<|>|=)?\s*{_NUMBER}\s*(.*)")
_HEDGES = re.compile(
    r"^(?:approximately|approx\.?|about|circa|ca\.?|around|~|≈|est\.?|estimated)\s*", re.IGNORECASE
)
_COMPARATORS = {"≤": "<=", "≥": ">=", "=": "", None: ""}


def from_text(text: str) -> Interval | None:
    """Read ``"2,5 %"``, ``"approximately 10 %"``, ``"10 to 15 %"``, ``"<5%"``; None for other words."""
    bare = _HEDGES.sub("", text.strip()[:60])
    if between := _BETWEEN.fullmatch(bare):
        low, high, unit = between.groups()
        return Interval(_number(low), _number(high), unit=canonical_unit(unit))
    if single := _SINGLE.fullmatch(bare):
        comparator, number, unit = single.groups()
        return _compared(_number(number), _COMPARATORS.get(comparator, comparator), canonical_unit(unit))
    return None


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def value_of(observation: Resource) -> Interval | None:
    """The value of an Observation or of one of its components, in whichever ``value[x]`` it came."""
    if (quantity := from_quantity(observation.get("valueQuantity"))) is not None:
        return quantity
    if (spread := from_range(observation.get("valueRange"))) is not None:
        return spread
    if (whole := observation.get("valueInteger")) is not None and not isinstance(whole, bool):
        return exact(float(whole)) if isinstance(whole, int) and abs(whole) < 10**9 else None
    return from_text(string(observation.get("valueString")))


def upper_reference_limit(observation: Resource, *, unit: str) -> float | None:
    """The top of the reference range printed with the result, in the unit of the result."""
    for spread in elements(observation.get("referenceRange")):
        high = from_quantity(spread.get("high"))
        if high is not None and high.unit in (unit, ""):
            return high.high
        stated = from_text(string(spread.get("text")))
        if high is None and stated is not None and stated.unit in (unit, "") and math.isfinite(stated.high):
            return stated.high
    return None


def interpretation(observation: Resource) -> str:
    """``high``, ``low``, ``normal`` or an empty string, from ``Observation.interpretation``."""
    codes = {
        string(coding.get("code")).upper()
        for concept in elements(observation.get("interpretation"))
        for coding in elements(concept.get("coding"))
    }
    for meaning, known in (("high", {"H", "HH", "HU"}), ("low", {"L", "LL", "LU"}), ("normal", {"N"})):
        if codes & known:
            return meaning
    return ""
