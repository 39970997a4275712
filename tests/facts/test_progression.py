from __future__ import annotations

import pytest

from service.facts.progression import Progression
from service.facts.progression import progression as read_progression
from service.fhir.dates import parse
from tests.asking import knowledge, patient, patient_with


def progression(record: str) -> Progression:
    return read_progression(patient(record))


def days(record: str) -> list[str]:
    return [one.moment.day if one.moment else "undated" for one in progression(record).found]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("ileal NET", []),
        ("male", []),
        ("ileal NET (recurrence) on 2026-10-05", ["2026-10-05"]),
        ("ileal NET (relapse) on 2026-10-05", ["2026-10-05"]),
        ("ileal NET (recurrence) (undated)", ["undated"]),
        ("ileal NET (recurrence) on 2027-10-05", []),
        ("ileal NET; gallstones (recurrence)", []),
        ("ileal NET; breast cancer (recurrence)", []),
        ('ileal NET with note "local recurrence" on 2026-10-05', ["2026-10-05"]),
        ('ileal NET; CT abdomen conclusion "Progressive disease" done on 2026-10-05', ["2026-10-05"]),
        ('ileal NET; CT abdomen conclusion "Progressive disease" done (preliminary)', []),
        ('ileal NET; breast cancer; CT abdomen conclusion "Progressive disease" done', []),
        ('ileal NET; document "On disease progression: PRRT"', []),
        ('ileal NET; care plan "At disease progression: PRRT"', []),
    ],
)
def test_the_tumour_has_come_back_or_grown(record: str, expected: list[str]) -> None:
    assert days(record) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("ileal NET (recurrence) on 2026-10-04", None),
        ("ileal NET (recurrence) on 2026-10-05", None),
        ("ileal NET (recurrence) on 2026-10-06", "recurrence or progression, on 2026-10-06"),
        ("ileal NET (recurrence) (undated)", "recurrence or progression, (date unknown)"),
        (
            "ileal NET (recurrence) on 2026-10-06; ileal NET (relapse) on 2026-11-01",
            "recurrence or progression, on 2026-11-01",
        ),
    ],
)
def test_the_newest_after_a_day(record: str, expected: str | None) -> None:
    day = parse("2026-10-05")
    assert day is not None

    found = progression(record).after(day)

    assert (found.evidence.says if found else None) == expected


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("Progressive disease compared with the previous CT", True),
        ("Progression of the liver metastases", True),
        ("Radiological progression", True),
        ("Tumor recurrence at the anastomosis", True),
        ("Recurrent neuroendocrine tumour", True),
        ("No progression", False),
        ("No evidence of local recurrence", False),
        ("Without evidence of tumour recurrence", False),
        ("Progression-free under disease progression criteria", False),
        ("Interval progression of hepatic metastases", True),
        ("The liver metastases have enlarged since the previous CT", True),
        ("Increase in size of the liver metastases", True),
        ("No increase in size of the liver metastases", False),
        ("Tumorprogress", True),
        ("Größenprogrediente Lebermetastasen", True),
        ("Kein Tumorprogress", False),
        ("Narbenhernienrezidiv", False),
        ("Progression tumorale", True),
        ("Pas de progression tumorale", False),
        ("Récidive tumorale", True),
        ("Progressione di malattia", True),
        ("Senza progressione di malattia", False),
        ("Progress note", False),
        ("Recurrent urinary tract infection", False),
        ("Rule out disease recurrence", False),
        ("Tumour recurrence?", False),
    ],
)
def test_words_of_progression(text: str, is_found: bool) -> None:
    assert knowledge().terminology.says("progression", text) is is_found


def concluding(code: str, *, name: str = "CT abdomen", conclusion: str = "") -> Progression:
    coding = [{"coding": [{"system": "http://snomed.info/sct", "code": code}]}]
    report = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": name}}
    dated = {**report, "conclusionCode": coding, "conclusion": conclusion, "effectiveDateTime": "2026-11-10"}
    return read_progression(patient_with("ileal NET 400 days ago", "diagnosticReports", dated))


@pytest.mark.parametrize("code", ["271299001", "419835002", "1259237005"])
def test_the_coded_conclusion_of_a_report_tells_of_progression(code: str) -> None:
    assert [one.moment.day for one in concluding(code).found if one.moment] == ["2026-11-10"]


@pytest.mark.parametrize("code", ["359746009", "103338009", "281900007"])
def test_a_coded_conclusion_that_says_anything_else_is_no_progression(code: str) -> None:
    assert concluding(code).found == ()


def test_a_coded_conclusion_on_another_organ_is_not_of_the_tumour() -> None:
    assert concluding("271299001", name="Pathology: breast biopsy", conclusion="Breast carcinoma").found == ()
