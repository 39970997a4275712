from __future__ import annotations

import pytest

from service.facts.workup import SstrResult, Workup
from tests.asking import facts


def workup(record: str, hook: str = "patient-view") -> Workup:
    return facts(f"ileal NET 500 days ago; {record}", hook).workup


@pytest.mark.parametrize(
    ("item", "result", "fresh", "ignored"),
    [
        ("cross_sectional", "CT abdomen done", 90, 180),
        ("cross_sectional", "MRI liver done (imaging study)", 90, 180),
        ("sstr_imaging", "DOTATATE PET/CT positive done", 180, 365),
        ("sstr_imaging", "octreotide scan done", 180, 365),
        ("chromogranin_a", "chromogranin A 80 range to 93", 180, 365),
        ("hiaa", "5-HIAA 5 mg/24h range to 10", 180, 365),
        ("echocardiography", "echocardiogram done", 365, 365),
    ],
)
def test_a_result_ages_at_its_limits(item: str, result: str, fresh: int, ignored: int) -> None:
    def at(days: int) -> str:
        found = getattr(workup(f"{result} {days} days ago"), item)
        return str(found.availability.value)

    assert at(0) == "current"
    assert at(fresh) == "current"
    assert at(fresh + 1) == ("stale" if fresh < ignored else "absent")
    assert at(ignored) == ("stale" if fresh < ignored else "current")
    assert at(ignored + 1) == "absent"


@pytest.mark.parametrize("item", ["cross_sectional", "sstr_imaging"])
def test_a_result_of_the_future_is_a_data_error(item: str) -> None:
    found = workup("CT abdomen done in 2 days; DOTATATE PET/CT positive done in 2 days")

    assert getattr(found, item).is_absent


def test_an_undated_result_is_current() -> None:
    found = workup("CT abdomen done (undated)").cross_sectional

    assert (found.availability.value, found.moment) == ("current", None)
    assert "date unknown" in found.because


def test_the_newest_result_decides() -> None:
    found = workup("CT abdomen done 170 days ago; MRI liver done 20 days ago").cross_sectional

    assert [one.reference for one in found.evidence] == ["DiagnosticReport/mri-1"]
    assert found.availability.value == "current"


def test_a_stale_result_that_is_being_repeated_is_ordered() -> None:
    found = workup("CT abdomen done 100 days ago; MRI liver ordered 5 days ago").cross_sectional

    assert found.availability.value == "ordered"


def test_an_ignored_result_was_ever_done() -> None:
    found = workup("DOTATATE PET/CT positive done 400 days ago").sstr_imaging

    assert (found.is_absent, found.was_ever_done) == (True, True)


@pytest.mark.parametrize(("days", "availability"), [(190, "current"), (191, "absent")])
def test_results_before_the_diagnosis_count_for_180_days(days: int, availability: str) -> None:
    found = facts(f"ileal NET 10 days ago; DOTATATE PET/CT positive done {min(days, 180)} days ago").workup
    marker = facts(f"ileal NET 10 days ago; octreotide scan done {days} days ago").workup.sstr_imaging

    assert found.sstr_imaging.availability.value == "current"
    assert marker.availability.value == ("stale" if availability == "current" else "absent")


@pytest.mark.parametrize(("days", "is_there"), [(15, True), (30, False)])
def test_imaging_before_a_recurrence_does_not_show_it(days: int, is_there: bool) -> None:
    found = facts(f"ileal NET (recurrence) 20 days ago; CT abdomen done {days} days ago").workup

    assert (found.cross_sectional.availability.value == "current") is is_there


@pytest.mark.parametrize("status", ["preliminary", "registered", "partial"])
def test_a_report_on_its_way_counts_as_ordered(status: str) -> None:
    assert workup(f"CT abdomen done ({status})").cross_sectional.availability.value == "ordered"


@pytest.mark.parametrize("status", ["cancelled", "entered in error"])
def test_a_report_that_does_not_stand_is_absent(status: str) -> None:
    assert workup(f"CT abdomen done ({status})").cross_sectional.is_absent


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
    assert workup(study).sstr_imaging.is_done is counts


def test_fdg_pet_is_remembered_as_such() -> None:
    assert workup("FDG PET/CT done").fdg_done
    assert not workup("DOTATATE PET/CT done").fdg_done


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
    assert workup(study).cross_sectional.is_done is counts


@pytest.mark.parametrize(
    ("record", "lacks_contrast"),
    [
        ("CT abdomen without contrast done", True),
        ("CT abdomen done", False),
        ("CT abdomen without contrast done; MRI liver done", False),
        ("male", False),
    ],
)
def test_imaging_without_contrast_is_named(record: str, lacks_contrast: bool) -> None:
    assert workup(record).lacks_contrast is lacks_contrast


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
    assert workup(record).sstr_result is result


@pytest.mark.parametrize(
    ("record", "counts"),
    [
        ("chromogranin A 80", True),
        ("chromogranin A 80 (text only)", True),
        ("chromogranin A 80 (cancelled)", False),
        ("5-HIAA 5 mg/24h", False),
    ],
)
def test_what_is_chromogranin_a(record: str, counts: bool) -> None:
    assert workup(record).chromogranin_a.is_done is counts


@pytest.mark.parametrize(
    ("record", "counts"),
    [
        ("5-HIAA 5 mg/24h", True),
        ("5-HIAA 5 mg/24h (text only)", True),
        ("5-HIAA 20 umol/24h", True),
        ("5-HIAA 5 mg/g creatinine", True),
        ("5-HIAA 80 nmol/L plasma", True),
        ("chromogranin A 80", False),
    ],
)
def test_what_is_5_hiaa(record: str, counts: bool) -> None:
    assert workup(record).hiaa.is_done is counts


@pytest.mark.parametrize(
    ("record", "size_mm"),
    [
        ("tumour size 15 mm", 15),
        ("tumour size 1.5 cm", 15),
        ("tumour size 15 mm (text only)", 15),
        ("tumour size 15 mm 90 days ago; tumour size 22 mm 10 days ago", 22),
        ("tumour size 15 mm (entered in error)", None),
        ("male", None),
    ],
)
def test_the_newest_size_of_the_tumour(record: str, size_mm: float | None) -> None:
    assert workup(record).size_mm == size_mm


@pytest.mark.parametrize(
    ("record", "is_there"),
    [
        ("liver biopsy done", True),
        ("small-bowel resection done", True),
        ("pathology morphology 8240/3", True),
        ("liver biopsy not done", False),
        ("liver biopsy planned", False),
        ("colonoscopy done", False),
    ],
)
def test_tissue_was_obtained(record: str, is_there: bool) -> None:
    assert workup(record).has_tissue is is_there


@pytest.mark.parametrize("record", ["TNM T3 N1 M0", "stage group IV"])
def test_a_stage_is_evidence(record: str) -> None:
    assert workup(record).tnm.evidence


@pytest.mark.parametrize(
    ("record", "day"),
    [
        ("liver metastases 90 days ago; Ki-67 4 % 60 days ago; CT abdomen done 30 days ago", "2026-10-25"),
        ("CT abdomen done 90 days ago; DOTATATE PET/CT done 20 days ago", "2026-11-04"),
        ("CT abdomen done 90 days ago; bone metastases 20 days ago", "2026-11-04"),
        ("CT abdomen done 90 days ago; chromogranin A 400 20 days ago", "2026-08-26"),
    ],
)
def test_the_newest_finding_is_of_extent_grade_or_imaging(record: str, day: str) -> None:
    newest = workup(record).newest_finding

    assert newest is not None
    assert newest.day == day
