from __future__ import annotations

import pytest

from service.facts.imaging import (
    SstrResult,
    cross_sectional,
    echocardiography,
    fdg_done,
    last_sstr_result,
    sstr_imaging,
    sstr_result,
)
from service.facts.item import Item
from service.facts.markers import chromogranin_a, hiaa
from service.facts.patient import Patient
from tests.asking import patient

_ITEMS = {
    "cross_sectional": cross_sectional,
    "sstr_imaging": sstr_imaging,
    "chromogranin_a": chromogranin_a,
    "hiaa": hiaa,
    "echocardiography": echocardiography,
}


def of_ileal_tumour(record: str) -> Patient:
    return patient(f"ileal NET 500 days ago; {record}")


def item(name: str, record: str) -> Item:
    return _ITEMS[name](of_ileal_tumour(record))


@pytest.mark.parametrize(
    ("name", "result", "fresh"),
    [
        ("cross_sectional", "CT abdomen done", 180),
        ("cross_sectional", "MRI liver done (imaging study)", 180),
        ("sstr_imaging", "DOTATATE PET/CT positive done", 365),
        ("sstr_imaging", "octreotide scan done", 365),
        ("chromogranin_a", "chromogranin A 80 range to 93", 365),
        ("hiaa", "5-HIAA 5 mg/24h range to 10", 365),
        ("echocardiography", "echocardiogram done", 365),
    ],
)
def test_a_result_ages_at_its_limit(name: str, result: str, fresh: int) -> None:
    def at(days: int) -> str:
        found = item(name, f"{result} {days} days ago")
        return str(found.availability.value)

    assert at(0) == "current"
    assert at(fresh) == "current"
    assert at(fresh + 1) == "old"
    assert at(4000) == "old"


@pytest.mark.parametrize(("days", "availability"), [(90, "current"), (91, "old")])
@pytest.mark.parametrize("treatment", ["small-bowel resection planned", "TACE planned"])
def test_before_an_operation_ct_ages_sooner(days: int, availability: str, treatment: str) -> None:
    record = f"ileal NET 500 days ago; CT abdomen done {days} days ago; {treatment} (draft)"

    assert cross_sectional(patient(record, hook="order-sign")).availability.value == availability


def test_an_old_result_says_when_why_and_what() -> None:
    found = item("hiaa", "5-HIAA 5 mg/24h range to 10 366 days ago")

    assert found.moment is not None
    assert (found.older, found.result) == ("older than 365 days", "5 mg/24h")


def test_an_old_result_beside_one_without_a_date_is_current() -> None:
    found = sstr_imaging(of_ileal_tumour("octreotide scan done 400 days ago; DOTATATE PET/CT done (undated)"))

    assert found.is_current


@pytest.mark.parametrize("result", ["positive", "negative"])
def test_the_result_of_the_newest_receptor_imaging(result: str) -> None:
    record = f"octreotide scan done 500 days ago; DOTATATE PET/CT {result} done 400 days ago"

    assert last_sstr_result(of_ileal_tumour(record)).value == result


@pytest.mark.parametrize("name", ["cross_sectional", "sstr_imaging"])
def test_a_result_of_the_future_is_a_data_error(name: str) -> None:
    record = "CT abdomen done in 2 days; DOTATATE PET/CT positive done in 2 days"

    assert item(name, record).availability.value == "absent"


def test_an_undated_result_is_current() -> None:
    found = cross_sectional(of_ileal_tumour("CT abdomen done (undated)"))

    assert (found.availability.value, found.moment) == ("current", None)
    assert "date unknown" in found.because


def test_the_newest_result_decides() -> None:
    found = cross_sectional(of_ileal_tumour("CT abdomen done 170 days ago; MRI liver done 20 days ago"))

    assert [one.reference for one in found.evidence] == ["DiagnosticReport/mri-1"]
    assert found.availability.value == "current"


def test_an_old_result_that_is_being_repeated_is_ordered() -> None:
    found = cross_sectional(of_ileal_tumour("CT abdomen done 190 days ago; MRI liver ordered 5 days ago"))

    assert found.availability.value == "ordered"


@pytest.mark.parametrize(("days", "availability"), [(190, "current"), (191, "old")])
def test_results_before_the_diagnosis_count_for_180_days(days: int, availability: str) -> None:
    earlier = f"ileal NET 10 days ago; DOTATATE PET/CT positive done {min(days, 180)} days ago"
    found = sstr_imaging(patient(f"ileal NET 10 days ago; octreotide scan done {days} days ago"))

    assert sstr_imaging(patient(earlier)).availability.value == "current"
    assert found.availability.value == availability


@pytest.mark.parametrize(("days", "is_there"), [(15, True), (30, False)])
def test_imaging_before_a_recurrence_does_not_show_it(days: int, is_there: bool) -> None:
    found = cross_sectional(patient(f"ileal NET (recurrence) 20 days ago; CT abdomen done {days} days ago"))

    assert (found.availability.value == "current") is is_there


@pytest.mark.parametrize("status", ["preliminary", "registered", "partial"])
def test_a_report_on_its_way_counts_as_ordered(status: str) -> None:
    assert cross_sectional(of_ileal_tumour(f"CT abdomen done ({status})")).availability.value == "ordered"


@pytest.mark.parametrize("status", ["cancelled", "entered in error"])
def test_a_report_that_does_not_stand_is_absent(status: str) -> None:
    assert cross_sectional(of_ileal_tumour(f"CT abdomen done ({status})")).availability.value == "absent"


@pytest.mark.parametrize(
    ("study", "counts"),
    [
        ("DOTATATE PET/CT done", True),
        ("DOTATOC PET/CT done", True),
        ("copper DOTATATE PET/CT done", True),
        ("DOTATATE PET/CT done (text only)", True),
        ("DOTATATE PET/CT done (tracer code)", True),
        ("DOTATATE PET/CT done (imaging study)", True),
        ("octreotide scan done", True),
        ("FDG PET/CT done", False),
        ("FDG PET/CT done (text only)", False),
        ("PSMA PET/CT done", False),
        ("plain PET done", False),
        ("CT abdomen done", False),
    ],
)
def test_what_is_somatostatin_receptor_imaging(study: str, counts: bool) -> None:
    assert sstr_imaging(of_ileal_tumour(study)).is_done is counts


def test_fdg_pet_is_remembered_as_such() -> None:
    assert fdg_done(of_ileal_tumour("FDG PET/CT done"))
    assert not fdg_done(of_ileal_tumour("DOTATATE PET/CT done"))


@pytest.mark.parametrize(
    ("study", "counts"),
    [
        ("CT abdomen done", True),
        ("CT abdomen done (text only)", True),
        ("CT abdomen done (imaging study)", True),
        ("CT abdomen without contrast done", True),
        ("CT chest-abdomen-pelvis done", True),
        ("MRI liver done", True),
        ("CT chest done", False),
        ("CT chest done (text only)", False),
        ("DOTATATE PET/CT done", False),
        ("FDG PET/CT done (imaging study)", False),
        ("echocardiogram done", False),
    ],
)
def test_what_is_cross_sectional_imaging_of_the_abdomen(study: str, counts: bool) -> None:
    assert cross_sectional(of_ileal_tumour(study)).is_done is counts


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("DOTATATE PET/CT positive done", SstrResult.POSITIVE),
        ("DOTATATE PET/CT negative done", SstrResult.NEGATIVE),
        ('DOTATATE PET/CT conclusion "SSTR-positive lesions in the liver" done', SstrResult.POSITIVE),
        ('DOTATATE PET/CT conclusion "Uptake Krenning 3" done', SstrResult.POSITIVE),
        ('DOTATATE PET/CT conclusion "SSTR-negative" done', SstrResult.NEGATIVE),
        ('DOTATATE PET/CT conclusion "See report" done', SstrResult.NOT_CODED),
        ("DOTATATE PET/CT done", SstrResult.NOT_CODED),
        ("FDG PET/CT done", SstrResult.NONE),
        ("DOTATATE PET/CT positive done (entered in error)", SstrResult.NONE),
        (
            "DOTATATE PET/CT positive done 90 days ago; DOTATATE PET/CT negative done 10 days ago",
            SstrResult.NEGATIVE,
        ),
    ],
)
def test_what_receptor_imaging_showed(record: str, result: SstrResult) -> None:
    assert sstr_result(of_ileal_tumour(record)) is result


@pytest.mark.parametrize(
    ("words", "result"),
    [
        ("Intense DOTATATE uptake in hepatic lesions", SstrResult.POSITIVE),
        ("Krenning Score: 4", SstrResult.POSITIVE),
        ("SSTR-expressing", SstrResult.POSITIVE),
        ("marked somatostatin receptor expression", SstrResult.POSITIVE),
        ("DOTATATE avid liver metastases. No DOTATATE avid bone lesions.", SstrResult.POSITIVE),
        ("Physiologic uptake in the spleen. Intense uptake in liver lesions.", SstrResult.POSITIVE),
        ("Liver metastases are not DOTATATE avid", SstrResult.NEGATIVE),
        ("Non-avid liver lesions", SstrResult.NEGATIVE),
        ("No SSTR expression in the metastases", SstrResult.NEGATIVE),
        ("FDG-avid lesion, DOTATATE negative", SstrResult.NEGATIVE),
        ("No abnormal DOTATATE uptake", SstrResult.NO_LESION),
        ("Keine pathologische Mehranreicherung", SstrResult.NO_LESION),
        ("Octreoscan negative", SstrResult.NO_LESION),
        ("Physiologic uptake only", SstrResult.NO_LESION),
        ("Possible uptake in the pancreas", SstrResult.NOT_CODED),
    ],
)
def test_what_the_words_of_receptor_imaging_say(words: str, result: SstrResult) -> None:
    scan = f'DOTATATE PET/CT conclusion "{words}" done 30 days ago'
    resected = patient(f"ileal NET 200 days ago; small-bowel resection done 60 days ago; {scan}")

    assert sstr_result(resected) is result


def test_a_scan_that_shows_nothing_speaks_against_receptors_while_there_is_a_lesion() -> None:
    scan = 'DOTATATE PET/CT conclusion "No abnormal DOTATATE uptake" done 30 days ago'

    assert sstr_result(patient(f"ileal NET 200 days ago; {scan}")) is SstrResult.NEGATIVE
