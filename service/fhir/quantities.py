"""Measured values as intervals, with the units that matter here in canonical form.

A comparator, a range or words such as ``<5 %`` make a value an interval, and an interval that
crosses a limit must not be read as one side of it. UCUM: https://ucum.org/ucum
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from service.fhir.r4 import CodeableConcept, Measured, Quantity, Range, Ratio, concepts

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


def canonical_unit(text: str) -> str:
    """Canonical spelling of a unit: UCUM and the usual laboratory spellings mean the same."""
    if len(text) > _LONGEST_UNIT:
        return text[:_LONGEST_UNIT]
    squeezed = re.sub(r"\s+", "", text).replace("µ", "u").replace("μ", "u").lower()
    return _UNITS.get(squeezed) or _UNITS.get(text.strip().lower(), text.strip())


_LONGEST_UNIT = 40  # characters; no unit is longer, and what is shown of one must not be


def from_quantity(quantity: Quantity | None) -> Interval | None:
    """Read a FHIR Quantity with its comparator; None where it holds no finite number."""
    value = _finite(quantity.value) if quantity else None
    if quantity is None or value is None:
        return None
    unit = _unit(quantity.code or "", quantity.unit or "")
    return _compared(value, quantity.comparator or "", unit)


def _unit(code: str, words: str) -> str:
    """The canonical unit of the code, or of the words where the code has none."""
    unit = canonical_unit(code or words)
    return canonical_unit(words) if words and unit not in _CANONICAL else unit


_DECIMAL = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


def _finite(value: float | str | None) -> float | None:
    """A JSON number; also one that was sent as text, which is invalid FHIR and plain to read."""
    if isinstance(value, str):
        return float(value) if _DECIMAL.fullmatch(value.strip()) else None
    return value if value is not None and abs(value) < _LARGEST else None  # NaN is not below either


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


def from_range(value: Range | None) -> Interval | None:
    """Read a FHIR Range; an open end is infinite."""
    low, high = (from_quantity(value.low), from_quantity(value.high)) if value else (None, None)
    if low is None and high is None:
        return None
    unit = (low or high or exact(0)).unit
    return Interval(low.low if low else -math.inf, high.high if high else math.inf, unit=unit)


def from_ratio(value: Ratio | None) -> tuple[Interval | None, float]:
    """Read a FHIR Ratio as a percentage, with its denominator (the number counted)."""
    part, whole = (
        (from_quantity(value.numerator), from_quantity(value.denominator)) if value else (None, None)
    )
    if part is None or whole is None or not (part.is_exact and whole.is_exact) or whole.low <= 0:
        return None, 0.0
    return exact(_tidy(100 * part.low / whole.low), "%"), whole.low


_NUMBER = r"(\d{1,6}(?:[.,]\d{1,4})?)"
_BETWEEN = re.compile(rf"{_NUMBER}\s*%?\s*(?:-|–|to|bis)\s*{_NUMBER}\s*(.*)", re.IGNORECASE)
_SINGLE = re.compile(rf"(<=|>=|≤|≥|<|>|=)?\s*{_NUMBER}\s*(.*)")
_HEDGES = re.compile(
    r"^(?:approximately|approx\.?|about|circa|ca\.?|around|~|≈|est\.?|estimated)\s*", re.IGNORECASE
)
_INTERPRETATIONS = (
    ("high", frozenset({"h", "hh", "hu", "high", "elevated", "erhöht", "élevé"})),
    ("low", frozenset({"l", "ll", "lu", "low"})),
    ("normal", frozenset({"n", "normal"})),
)
"""Codes of https://hl7.org/fhir/R4/valueset-observation-interpretation.html, and words for the same."""
_FLAG = re.compile(r"[\s(\[*]+(HH?|LL?|N|high|elevated|erhöht|élevé|low|normal)[)\]*]?$")
"""What laboratories print behind a number to say how it lies to its range."""
_COMPARATORS = {"≤": "<=", "≥": ">=", "=": "", None: ""}


def from_text(text: str) -> Interval | None:
    """Read ``"2,5 %"``, ``"approximately 10 %"``, ``"10 to 15 %"``, ``"<5%"``; None for other words."""
    bare = _FLAG.sub("", _HEDGES.sub("", text.strip()[:60])).strip()
    if between := _BETWEEN.fullmatch(bare):
        low, high, unit = between.groups()
        return Interval(_number(low), _number(high), unit=canonical_unit(unit))
    if single := _SINGLE.fullmatch(bare):
        comparator, number, unit = single.groups()
        return _compared(_number(number), _COMPARATORS.get(comparator, comparator), canonical_unit(unit))
    return None


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def value_of(result: Measured) -> Interval | None:
    """The value of an Observation or of one of its components, in whichever ``value[x]`` it came."""
    if (quantity := from_quantity(result.value_quantity)) is not None:
        return quantity
    if (spread := from_range(result.value_range)) is not None:
        return spread
    if (whole := result.value_integer) is not None:
        return exact(float(whole)) if abs(whole) < 10**9 else None
    return from_text(result.value_string or "") or _from_concept(result.value_codeable_concept)


_PATOBANK = re.compile(r"(?:Æ|AE)KI(\d{3})")
"""Codes of the Danish register of pathology for a Ki-67 in percent (ÆKI000 to ÆKI100)."""


def _from_concept(concept: CodeableConcept | None) -> Interval | None:
    """A value that came as a concept: by its one name, else by a code that is a percentage."""
    if concept is None:
        return None
    percentages = [found for one in concept.codings if (found := _PATOBANK.fullmatch(one.code or ""))]
    if percentages and (value := int(percentages[0].group(1))) <= 100:
        return exact(float(value), "%")
    return from_text(concept.label)


def upper_reference_limit(observation: Measured, *, unit: str) -> float | None:
    """The top of the reference range printed with the result, in the unit of the result."""
    for spread in observation.reference_range or ():
        high = from_quantity(spread.high)
        if high is not None and (not unit or high.unit in (unit, "")):
            return high.high
        stated = from_text(spread.text or "")
        if (
            high is None
            and stated is not None
            and (not unit or stated.unit in (unit, ""))
            and math.isfinite(stated.high)
        ):
            return stated.high
    return None


def interpretation(observation: Measured) -> str:
    """``high``, ``low``, ``normal`` or an empty string: by the flag, else by what stands behind the value."""
    flags = concepts(observation.interpretation)
    stated = {coding.code for concept in flags for coding in concept.codings} | {one.text for one in flags}
    value = observation.value_codeable_concept
    written = (observation.value_string or "").strip()[-_LONGEST_UNIT:] or (value.words if value else "")
    behind = _FLAG.search(f" {written}")
    stated.add(behind.group(1) if behind else "")
    lowered = {one.strip().lower() for one in stated if one}
    return next((meaning for meaning, known in _INTERPRETATIONS if lowered & known), "")
