from __future__ import annotations

from typing import Any

import pytest

from fhir_fixtures.vocabulary import TODAY, build_request, now_on
from service.engine import gather, patient_of
from service.facts.grade import Grade, Grading, Proliferation, proliferation
from tests.asking import as_read, knowledge, patient


def grown(record: str) -> Proliferation:
    return proliferation(patient(f"ileal NET 60 days ago; {record}"))


def graded(observation: dict[str, Any]) -> Proliferation:
    """One Observation as a laboratory might send it, beyond what the phrases say."""
    resource = {
        "resourceType": "Observation",
        "id": "one",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29593-1"}]},
        "subject": {"reference": "Patient/patient-1"},
        "effectiveDateTime": "2026-11-01",
        **observation,
    }
    document = build_request("ileal NET 60 days ago")
    document["prefetch"]["observations"] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": resource}],
    }
    request = as_read(document)
    record = gather(request, knowledge=knowledge())
    return proliferation(patient_of(request, record, knowledge(), now=now_on(TODAY)))


@pytest.mark.parametrize(
    ("value", "grade"),
    [
        ("0 %", Grade.G1),
        ("0.5 %", Grade.G1),
        ("1 %", Grade.G1),
        ("2 %", Grade.G1),
        ("2.5 %", Grade.G1),
        ("2.99 %", Grade.G1),
        ("3 %", Grade.G2),
        ("8 %", Grade.G2),
        ("20 %", Grade.G2),
        ("20.1 %", Grade.G3),
        ("20.5 %", Grade.G3),
        ("21 %", Grade.G3),
        ("55 %", Grade.G3),
        ("90 %", Grade.G3),
        ("100 %", Grade.G3),
        ("<1 %", Grade.G1),
        ("<2 %", Grade.G1),
        ("<3 %", Grade.G1),
        ("<=2 %", Grade.G1),
        (">20 %", Grade.G3),
        ("range 3-5 %", Grade.G2),
        ("range 3-20 %", Grade.G2),
        ("ratio 45/500", Grade.G2),
        ("ratio 10/500", Grade.G1),
        ("fraction 0.025", Grade.G1),
        ("fraction 0.25", Grade.G3),
        ("fraction 1", Grade.G3),
        ("without unit 12", Grade.G2),
        ("without unit 0", Grade.G1),
        ('text "2,5 %"', Grade.G1),
        ('text "approximately 10 %"', Grade.G2),
        ('text "~10%"', Grade.G2),
        ('text "ca. 10 %"', Grade.G2),
        ('text "10 to 15 %"', Grade.G2),
        ('text "3-5 %"', Grade.G2),
        ('text "<1%"', Grade.G1),
        ("12 % (text only)", Grade.G2),
        ("12 % (component)", Grade.G2),
        ("12 % (amended)", Grade.G2),
        ("12 % (corrected)", Grade.G2),
    ],
)
def test_a_value_that_lies_in_one_grade_gives_it(value: str, grade: Grade) -> None:
    found = grown(f"Ki-67 {value}")

    assert (found.grading, found.grade) == (Grading.GRADED, grade)


@pytest.mark.parametrize(
    ("value", "remark", "alert"),
    [
        ("<5 %", "G1 to G2", None),
        ("<=5 %", "G1 to G2", None),
        ("<10 %", "G1 to G2", None),
        (">=20 %", "G2 to G3", None),
        (">3 %", "at least G2", None),
        (">5 %", "at least G2", None),
        (">10 %", "at least G2", None),
        ("range 2-3 %", "range crosses G1/G2", Grade.G2),
        ("range 15-25 %", "range crosses G2/G3", Grade.G3),
        ("range 20-21 %", "range crosses G2/G3", Grade.G3),
        ('text "2-3 %"', "range crosses G1/G2", Grade.G2),
    ],
)
def test_a_value_that_spans_grades_gives_none(value: str, remark: str, alert: Grade | None) -> None:
    found = grown(f"Ki-67 {value}")

    assert (found.grading, found.grade, found.alert_grade) == (Grading.NOT_GRADABLE, None, alert)
    assert found.counts[0].remark == remark


@pytest.mark.parametrize(
    "value", ["without unit 0.35", "without unit 1", 'text "low"', 'text "high"', "fraction 12"]
)
def test_a_value_whose_meaning_is_open_is_on_record_and_does_not_grade(value: str) -> None:
    found = grown(f"Ki-67 {value}")

    assert (found.grading, found.grade, found.alert_grade) == (Grading.NOT_GRADABLE, None, None)
    assert found.highest_ki67_percent is None


@pytest.mark.parametrize("value", ["no value", "-1 %", "101 %"])
def test_an_absent_or_impossible_value_is_no_result(value: str) -> None:
    assert grown(f"Ki-67 {value}").grading is Grading.NO_RESULT


@pytest.mark.parametrize("status", ["preliminary", "registered"])
def test_a_result_on_its_way_does_not_grade(status: str) -> None:
    found = grown(f"Ki-67 55 % ({status})")

    assert (found.grading, found.grade, found.alert_grade) == (Grading.ON_ITS_WAY, None, None)
    assert found.highest_ki67_percent is None


@pytest.mark.parametrize("status", ["entered in error", "cancelled", "status unknown"])
def test_a_result_that_does_not_stand_is_not_on_record(status: str) -> None:
    assert grown(f"Ki-67 55 % ({status})").grading is Grading.NONE


@pytest.mark.parametrize("other", ["Ki-67 presence", "breast Ki-67 30 %"])
def test_another_test_of_the_same_antigen_is_not_the_index(other: str) -> None:
    assert grown(other).grading is Grading.NONE


def test_a_result_of_the_future_is_a_data_error() -> None:
    assert grown("Ki-67 12 % in 2 days").grading is Grading.NONE


def test_an_undated_result_counts() -> None:
    found = grown("Ki-67 12 % (undated)")

    assert found.grade is Grade.G2
    assert found.counts[0].says == "Ki-67 12 % (date unknown)"


def test_a_value_in_the_gap_of_who_2010_says_so() -> None:
    assert "WHO 2010" in grown("Ki-67 2.5 %").counts[0].remark
    assert grown("Ki-67 2 %").counts[0].remark == ""


@pytest.mark.parametrize(("ratio", "is_few"), [("45/499", True), ("45/500", False), ("45/501", False)])
def test_few_counted_cells_are_named(ratio: str, is_few: bool) -> None:
    assert ("fewer than 500 cells counted" in grown(f"Ki-67 ratio {ratio}").counts[0].remark) is is_few


def test_an_assumed_percent_sign_is_named() -> None:
    assert grown("Ki-67 without unit 12").counts[0].remark == "no unit given, read as %"


def test_a_value_that_is_no_finite_number_is_no_result() -> None:
    assert graded({"valueQuantity": {"unit": "%"}}).grading is Grading.NO_RESULT
    assert graded({"valueQuantity": {"value": True, "unit": "%"}}).grading is not Grading.GRADED


def test_a_value_in_a_foreign_unit_does_not_grade() -> None:
    found = graded({"valueQuantity": {"value": 12, "unit": "mg/dL", "code": "mg/dL"}})

    assert (found.grading, found.grade) == (Grading.NOT_GRADABLE, None)


def test_a_range_with_one_end_is_as_open_as_it_says() -> None:
    assert graded({"valueRange": {"low": {"value": 25, "unit": "%"}}}).grade is Grade.G3
    assert graded({"valueRange": {"low": {"value": 5, "unit": "%"}}}).grade is None


def test_a_ratio_without_a_whole_is_no_result() -> None:
    zero = {"numerator": {"value": 5}, "denominator": {"value": 0}}

    assert graded({"valueRatio": zero}).grading is Grading.NO_RESULT


@pytest.mark.parametrize(
    ("count", "grade"),
    [
        ("0", Grade.G1),
        ("1", Grade.G1),
        ("1.9", Grade.G1),
        ("2", Grade.G2),
        ("20", Grade.G2),
        ("21", Grade.G3),
        ("<2", Grade.G1),
    ],
)
def test_mitoses_per_2_mm2_grade(count: str, grade: Grade) -> None:
    found = grown(f"mitoses {count} per 2 mm2")

    assert (found.grade, found.ki67) == (grade, ())


def test_mitoses_per_high_power_field_do_not_grade() -> None:
    found = grown("mitoses 4 per 10 HPF")

    assert (found.grading, found.grade) == (Grading.NOT_GRADABLE, None)


@pytest.mark.parametrize(
    ("record", "grade"),
    [
        ("Ki-67 2 %; mitoses 4 per 2 mm2", Grade.G2),
        ("Ki-67 12 %; mitoses 1 per 2 mm2", Grade.G2),
        ("Ki-67 25 %; mitoses 4 per 2 mm2", Grade.G3),
        ("Ki-67 4 %; mitoses 21 per 2 mm2", Grade.G3),
    ],
)
def test_the_higher_of_ki67_and_mitoses_decides(record: str, grade: Grade) -> None:
    assert grown(record).grade is grade


def test_the_highest_of_several_specimens_decides_and_all_are_kept() -> None:
    found = grown("Ki-67 2 % specimen primary 50 days ago; Ki-67 12 % specimen liver 80 days ago")

    assert found.grade is Grade.G2
    assert found.is_discordant
    assert [count.says for count in found.counts] == [
        "Ki-67 2 % (primary tumour; Resection specimen of the primary tumour) on 2026-10-05",
        "Ki-67 12 % (metastasis: liver metastasis; Core biopsy of a liver metastasis) on 2026-09-05",
    ]


def test_specimens_of_one_grade_are_not_discordant() -> None:
    assert not grown("Ki-67 5 % specimen primary; Ki-67 12 % specimen liver").is_discordant


@pytest.mark.parametrize(
    ("record", "percent"),
    [
        ("Ki-67 9.9 %", 9.9),
        ("Ki-67 range 5-12 %", 12.0),
        ("Ki-67 <5 %", 5.0),
        ("Ki-67 2 %; Ki-67 12 %", 12.0),
        ("Ki-67 fraction 0.08", 8.0),
        ("Ki-67 >5 %", None),
        ("mitoses 4 per 2 mm2", None),
    ],
)
def test_the_upper_end_is_compared_with_limits(record: str, percent: float | None) -> None:
    assert grown(record).highest_ki67_percent == percent


def test_a_graded_value_outweighs_one_that_does_not_grade() -> None:
    found = grown("Ki-67 <5 % 50 days ago; Ki-67 4 % 40 days ago")

    assert (found.grading, found.grade) == (Grading.GRADED, Grade.G2)


def test_the_order_of_the_results_does_not_matter() -> None:
    one, other = "Ki-67 2 % 50 days ago", "Ki-67 25 % 40 days ago"

    first, second = grown(f"{one}; {other}"), grown(f"{other}; {one}")

    assert [count.shown for count in first.counts] == [count.shown for count in second.counts]
    assert first.grade is second.grade
