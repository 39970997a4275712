from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir import quantities
from service.fhir.quantities import Interval
from service.fhir.r4 import CodeableConcept, Coding, Observation, Quantity, Ratio, ReferenceRange

INFINITE = math.inf


@pytest.mark.parametrize(
    ("quantity", "interval"),
    [
        ({"value": 12, "unit": "%"}, Interval(12, 12, unit="%")),
        ({"value": 12, "unit": "percent", "code": "%"}, Interval(12, 12, unit="%")),
        ({"value": "12", "unit": "%"}, Interval(12, 12, unit="%")),
        ({"value": "2.5", "unit": "%"}, Interval(2.5, 2.5, unit="%")),
        (
            {"value": 5, "comparator": "<", "unit": "%"},
            Interval(-INFINITE, 5, high_inclusive=False, unit="%"),
        ),
        ({"value": 5, "comparator": "<=", "unit": "%"}, Interval(-INFINITE, 5, unit="%")),
        (
            {"value": 20, "comparator": ">", "unit": "%"},
            Interval(20, INFINITE, low_inclusive=False, unit="%"),
        ),
        ({"value": 20, "comparator": ">=", "unit": "%"}, Interval(20, INFINITE, unit="%")),
        ({"value": 35, "code": "mg/(24.h)", "unit": "mg"}, Interval(35, 35, unit="mg/24h")),
        ({"value": 35, "code": "unknown", "unit": "mg/24 h"}, Interval(35, 35, unit="mg/24h")),
    ],
)
def test_a_quantity_is_an_interval(quantity: dict[str, Any], interval: Interval) -> None:
    assert quantities.from_quantity(msgspec.convert(quantity, Quantity)) == interval


@pytest.mark.parametrize(
    "quantity", [None, Quantity(), Quantity(unit="%"), Quantity(value=math.nan), Quantity(value=math.inf)]
)
def test_what_holds_no_finite_number_reads_as_none(quantity: Quantity | None) -> None:
    assert quantities.from_quantity(quantity) is None


@pytest.mark.parametrize("value", [True, "twelve", "1e5", "1" * 400, [12]])
def test_what_is_no_number_is_a_defect(value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"value": value}, Quantity)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("%", "%"),
        ("Percent", "%"),
        ("mg/(24.h)", "mg/24h"),
        ("mg/24 hrs", "mg/24h"),
        ("MG/24H", "mg/24h"),
        ("µmol/24h", "umol/24h"),
        ("μmol/d", "umol/24h"),
        ("mg/g{creat}", "mg/g creatinine"),
        ("mg/g creatinine", "mg/g creatinine"),
        ("ng/mL", "ug/L"),
        ("nmol/L", "nmol/L"),
        ("furlong", "furlong"),
        ("", ""),
    ],
)
def test_spellings_of_a_unit_mean_the_same(text: str, canonical: str) -> None:
    assert quantities.canonical_unit(text) == canonical


@pytest.mark.parametrize(
    ("text", "shown", "unit"),
    [
        ("2,5 %", "2.5", "%"),
        ("approximately 10 %", "10", "%"),
        ("~10%", "10", "%"),
        ("ca. 10 %", "10", "%"),
        ("about 10%", "10", "%"),
        ("10 to 15 %", "10-15", "%"),
        ("3-5 %", "3-5", "%"),
        ("3 – 5 %", "3-5", "%"),
        ("3 % - 5 %", "3-5", "%"),
        ("<5%", "<5", "%"),
        ("≤ 5 %", "≤5", "%"),
        (">20 %", ">20", "%"),
        ("≥ 20 %", "≥20", "%"),
        ("12", "12", ""),
        ("<10 mg/24 h", "<10", "mg/24h"),
    ],
)
def test_words_are_read_as_the_number_they_hold(text: str, shown: str, unit: str) -> None:
    found = quantities.from_text(text)

    assert found is not None
    assert (found.shown(), found.unit) == (shown, unit)


@pytest.mark.parametrize("text", ["", "low", "high", "grade 2 of 3 (Nottingham)", "see report", "1/2", "--5"])
def test_other_words_are_no_number(text: str) -> None:
    found = quantities.from_text(text)

    assert found is None or found.unit not in ("", "%")


@given(st.text(max_size=80))
def test_no_words_make_reading_fail(text: str) -> None:
    found = quantities.from_text(text)

    assert found is None or not math.isnan(found.low)


@pytest.mark.parametrize(
    ("quantity", "limit", "is_above"),
    [
        ({"value": 10}, 10, False),
        ({"value": 10.1}, 10, True),
        ({"value": 9.9}, 10, False),
        ({"value": 50, "comparator": ">"}, 10, True),
        ({"value": 10, "comparator": ">"}, 10, True),
        ({"value": 10, "comparator": ">="}, 10, None),
        ({"value": 2, "comparator": "<"}, 10, False),
        ({"value": 10, "comparator": "<"}, 10, False),
        ({"value": 20, "comparator": "<"}, 10, None),
    ],
)
def test_an_interval_is_above_a_limit_only_where_all_of_it_is(
    quantity: dict[str, Any], limit: float, is_above: bool | None
) -> None:
    found = quantities.from_quantity(msgspec.convert(quantity, Quantity))

    assert found is not None
    assert found.is_above(limit) is is_above


def test_a_ratio_is_a_percentage_with_the_number_counted() -> None:
    ratio = {"numerator": {"value": 45}, "denominator": {"value": 500}}

    assert quantities.from_ratio(msgspec.convert(ratio, Ratio)) == (Interval(9, 9, unit="%"), 500)


@pytest.mark.parametrize("whole", [{}, {"value": 0}, {"value": -5}, {"value": 500, "comparator": ">"}])
def test_a_ratio_without_a_counted_number_is_none(whole: dict[str, Any]) -> None:
    ratio = msgspec.convert({"numerator": {"value": 45}, "denominator": whole}, Ratio)

    assert quantities.from_ratio(ratio)[0] is None


@pytest.mark.parametrize(
    ("observation", "shown"),
    [
        ({"valueQuantity": {"value": 12}}, "12"),
        ({"valueRange": {"low": {"value": 2}, "high": {"value": 3}}}, "2-3"),
        ({"valueRange": {"high": {"value": 3}}}, "≤3"),
        ({"valueRange": {"low": {"value": 3}}}, "≥3"),
        ({"valueInteger": 6}, "6"),
        ({"valueString": "2,5 %"}, "2.5"),
    ],
)
def test_a_value_comes_in_many_shapes(observation: dict[str, Any], shown: str) -> None:
    found = quantities.value_of(msgspec.convert(observation, Observation))

    assert found is not None
    assert found.shown() == shown


@pytest.mark.parametrize(
    "observation", [{}, {"valueBoolean": True}, {"valueInteger": 10**12}, {"valueString": "low"}]
)
def test_a_value_that_is_no_number_is_none(observation: dict[str, Any]) -> None:
    assert quantities.value_of(msgspec.convert(observation, Observation)) is None


@pytest.mark.parametrize(
    ("spread", "limit"),
    [
        ({"high": {"value": 10, "unit": "mg/24h"}}, 10),
        ({"high": {"value": 10}}, 10),
        ({"high": {"value": 52, "unit": "umol/24h"}}, None),
        ({"text": "<10 mg/24h"}, 10),
        ({"text": "2-10 mg/24h"}, 10),
        ({"text": "10"}, 10),
        ({"text": ">10 mg/24h"}, None),
        ({"text": "adults: see comment"}, None),
        ({"low": {"value": 2, "unit": "mg/24h"}}, None),
    ],
)
def test_the_upper_limit_is_that_of_the_result_in_its_unit(
    spread: dict[str, Any], limit: float | None
) -> None:
    found = quantities.upper_reference_limit(
        msgspec.convert({"referenceRange": [spread]}, Observation), unit="mg/24h"
    )

    assert found == limit


@pytest.mark.parametrize(
    ("flag", "meaning"),
    [("H", "high"), ("HH", "high"), ("L", "low"), ("N", "normal"), ("h", "high"), ("POS", "")],
)
def test_the_flag_of_the_laboratory(flag: str, meaning: str) -> None:
    observation = msgspec.convert({"interpretation": [{"coding": [{"code": flag}]}]}, Observation)

    assert quantities.interpretation(observation) == meaning


@pytest.mark.parametrize(
    ("text", "shown", "meaning"),
    [
        ("35.2 mg/24h (H)", "35.2", "high"),
        ("35.2 mg/24h HH", "35.2", "high"),
        ("12 mg/24h elevated", "12", "high"),
        ("3 mg/24h (N)", "3", "normal"),
        (">100", ">100", ""),
    ],
)
def test_the_flag_behind_a_value_is_no_part_of_its_unit(text: str, shown: str, meaning: str) -> None:
    result = Observation(value_string=text)
    value = quantities.value_of(result)

    assert value is not None
    assert (value.shown(), value.unit) == (shown, "" if shown == ">100" else "mg/24h")
    assert quantities.interpretation(result) == meaning


def test_a_value_without_a_unit_is_compared_with_the_printed_range() -> None:
    spread = ReferenceRange(high=Quantity(value=10, unit="mg/24h"))
    result = Observation(value_string=">100", reference_range=[spread])

    assert quantities.upper_reference_limit(result, unit="") == 10


@pytest.mark.parametrize(
    ("concept", "value"),
    [
        (CodeableConcept(text="25 %"), 25),
        (CodeableConcept(coding=[Coding(display="8 %")]), 8),
        (CodeableConcept(coding=[Coding(code="ÆKI015")]), 15),
        (CodeableConcept(coding=[Coding(code="AEKI100")]), 100),
        (CodeableConcept(coding=[Coding(code="ÆKI101")]), None),
        (CodeableConcept(coding=[Coding(code="FY5015", display="p16/Ki-67")]), None),
        (CodeableConcept(text="low"), None),
    ],
)
def test_a_value_may_be_a_concept(concept: CodeableConcept, value: float | None) -> None:
    found = quantities.value_of(Observation(value_codeable_concept=concept))

    assert (found.low if found else None) == value
