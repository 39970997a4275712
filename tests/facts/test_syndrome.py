from __future__ import annotations

import pytest

from service.facts.syndrome import Function, FunctioningStatus, function
from tests.asking import patient


def of(record: str) -> FunctioningStatus:
    return function(patient(record))


def of_ileal_tumour(record: str) -> FunctioningStatus:
    return of(f"ileal NET 200 days ago; {record}")


@pytest.mark.parametrize(
    "record",
    [
        "carcinoid syndrome",
        "carcinoid syndrome (SNOMED)",
        "carcinoid syndrome (no verification status)",
        "other carcinoid syndrome",
        "carcinoid heart disease",
        "carcinoid heart disease (SNOMED)",
        "carcinoid crisis",
        "carcinoid crisis (resolved)",
        'condition text "carcinoid syndrome"',
        'condition text "Carcinoid syndrome with flushing, diarrhoea resolved"',
        'condition text "Carcinoïdsyndroom"',
        'condition text "carcinoid syndroom"',
        'condition text "Sindrome da carcinoide"',
        'condition text "Karzinoidherzkrankheit"',
        'condition text "Karzinoid-Herzerkrankung"',
        'condition text "Cardiopathie carcinoïde"',
        'condition text "Cardiopatía carcinoide"',
        'condition text "Cardiopatia da carcinoide"',
        'condition text "Severe tricuspid regurgitation 2/2 carcinoid"',
        'condition text "Carcinoid syndrome, carcinoid heart disease excluded"',
        'condition text "Carcinoid syndrome without carcinoid crisis"',
        'condition text "Carcinoid syndrome, not resolved"',
        'condition text "Recurrent after resolved carcinoid syndrome"',
        'condition text "2-year history of carcinoid syndrome"',
        'condition text "History of carcinoid syndrome, still active"',
        'condition text "Carcinoid heart disease, history of carcinoid syndrome"',
        'condition text "History of carcinoid heart disease"',
        'condition text "History of carcinoid crisis"',
        'condition text "Carcinoid crisis" (resolved)',
        'carcinoid syndrome text "Carcinoid syndrome, resolved"',
        'carcinoid syndrome text "No carcinoid syndrome"',
        'carcinoid syndrome (SNOMED) text "History of carcinoid syndrome"',
        "5-HIAA 35 mg/24h range to 10; flushing",
        "5-HIAA 35 mg/24h range to 10; flushing (SNOMED)",
        "5-HIAA 35 mg/24h range to 10; diarrhoea",
        "5-HIAA 120 umol/24h range to 52; diarrhoea",
        "5-HIAA 35 mg/24h range none flag H; flushing",
        "carcinoid syndrome (suspected); 5-HIAA 35 mg/24h range to 10; flushing",
        "5-HIAA 35 mg/24h range to 10; flushing; sertraline taking",
    ],
)
def test_confirmed(record: str) -> None:
    assert of_ileal_tumour(record).level is Function.CONFIRMED


@pytest.mark.parametrize(
    ("words", "was_dismissed"),
    [
        ("carcinoid syndrome, resolved", True),
        ("Carcinoid syndrome (resolved)", True),
        ("Resolved carcinoid syndrome", True),
        ("carcinoid syndrome - resolved 2024", True),
        ("Carcinoid syndrome: in remission", True),
        ("history of carcinoid syndrome", True),
        ("H/o carcinoid syndrome", True),
        ("no carcinoid syndrome", True),
        ("No evidence of carcinoid syndrome", True),
        ("No active carcinoid syndrome", True),
        ("No symptoms of carcinoid syndrome", True),
        ("Carcinoid syndrome, inactive", True),
        ("carcinoid syndrome excluded", True),
        ("Carcinoid syndrome was ruled out", True),
        ("Family history of carcinoid syndrome", False),
        ("Rule out carcinoid syndrome", False),
        ("No carcinoid heart disease", False),
        ("Carcinoid heart disease excluded", False),
        ("No history of carcinoid crisis", False),
    ],
)
def test_words_that_call_the_syndrome_past_or_excluded(words: str, was_dismissed: bool) -> None:
    found = of_ileal_tumour(f'condition text "{words}"')

    assert (found.level, found.syndromes) == (Function.UNKNOWN, ())
    assert found.syndrome_was_dismissed is was_dismissed


@pytest.mark.parametrize(
    "record",
    [
        "5-HIAA 35 mg/24h range to 10",
        "5-HIAA 120 umol/24h range to 52",
        "5-HIAA 11 mg/24h range none",
        "5-HIAA 53 umol/24h range none",
        "5-HIAA 35 mg/24h range none; flushing",
        "flushing; diarrhoea",
        "carcinoid syndrome (suspected)",
        "carcinoid syndrome (unconfirmed)",
        "5-HIAA >50 mg/24h range to 10",
        "5-HIAA 35 mg/24h range to 10; 5-HIAA 5 mg/24h range to 10 100 days ago",
    ],
)
def test_probable(record: str) -> None:
    assert of_ileal_tumour(record).level is Function.PROBABLE


@pytest.mark.parametrize(
    "record",
    [
        "chromogranin A 400 range to 93",
        "flushing",
        "diarrhoea",
        "5-HIAA 35 mg/24h range to 10; sertraline taking",
        '5-HIAA 35 mg/24h range to 10 with note "ate bananas the day before"',
        "5-HIAA 5 mg/24h range to 10 10 days ago; flushing; diarrhoea",
        "5-HIAA 35 mg/24h range to 10 100 days ago; 5-HIAA 5 mg/24h range to 10 10 days ago",
        "5-HIAA 35 mg/24h range to 10 366 days ago",
        "5-HIAA 5 mg/24h range to 10; chromogranin A 400 range to 93",
    ],
)
def test_possible(record: str) -> None:
    assert of_ileal_tumour(record).level is Function.POSSIBLE


@pytest.mark.parametrize(
    "record",
    [
        "5-HIAA 5 mg/24h range to 10",
        "5-HIAA 10 mg/24h range to 10",
        "5-HIAA 10 mg/24h range none",
        "5-HIAA 52 umol/24h range none",
        "5-HIAA <2 mg/24h range to 10",
        "5-HIAA 9 mg/24h range none flag N",
        "5-HIAA 5 mg/24h range to 10; menopausal flushing",
        "5-HIAA 5 mg/24h range to 10; drug-induced flushing",
        "5-HIAA 5 mg/24h range to 10; flushing (resolved)",
    ],
)
def test_no_evidence(record: str) -> None:
    assert of_ileal_tumour(record).level is Function.NO_EVIDENCE


@pytest.mark.parametrize(
    "record",
    [
        "male",
        "carcinoid syndrome (refuted)",
        "carcinoid syndrome (resolved)",
        "carcinoid syndrome (entered in error)",
        "carcinoid crisis (refuted)",
        "5-HIAA <20 mg/24h range to 10",
        "5-HIAA 80 nmol/L plasma",
        "5-HIAA 12 mg/g creatinine",
        "5-HIAA 12 mg/L",
        "5-HIAA 35 mg/24h range to 10 (preliminary)",
        "5-HIAA 35 mg/24h range to 10 (entered in error)",
        "5-HIAA 35 mg/24h range to 10 in 2 days",
        "5-HIAA 5 mg/24h range to 10 366 days ago",
        "chromogranin A 80 range to 93",
        "chromogranin A 400 range none",
        "chromogranin A 400 range to 93 366 days ago",
        "menopausal flushing",
        "flushing (refuted)",
        "insulinoma",
    ],
)
def test_unknown(record: str) -> None:
    assert of_ileal_tumour(record).level is Function.UNKNOWN


@pytest.mark.parametrize(
    "record", ["5-HIAA 35 mg/24h range to 10", "flushing; diarrhoea", "chromogranin A 400"]
)
def test_without_a_tumour_markers_and_symptoms_prove_nothing(record: str) -> None:
    assert of(record).level is Function.UNKNOWN


def test_a_syndrome_without_a_tumour_is_confirmed_and_marked() -> None:
    found = of("carcinoid syndrome")

    assert found.is_confirmed
    assert found.syndrome_without_tumour
    assert not of_ileal_tumour("carcinoid syndrome").syndrome_without_tumour


@pytest.mark.parametrize(
    ("record", "syndromes", "has_insulinoma"),
    [
        ("insulinoma", ("insulinoma",), True),
        ("malignant insulinoma", ("insulinoma",), True),
        ('condition text "insulinoma of the pancreas"', ("insulinoma",), True),
        ('condition text "Insulinoma, resected 2010"', (), False),
        ('condition text "Hyperinsulinemic hypoglycemia after gastric bypass"', (), False),
        ('condition text "Nesidioblastosis"', (), False),
        ("gastrinoma", ("gastrinoma",), False),
        ("glucagonoma", ("glucagonoma",), False),
        ("VIPoma", ("vipoma",), False),
        ("insulinoma (refuted)", (), False),
        ("carcinoid syndrome", (), False),
    ],
)
def test_another_syndrome_is_not_carcinoid_syndrome(
    record: str, syndromes: tuple[str, ...], has_insulinoma: bool
) -> None:
    found = of(f"pancreatic NET; {record}")

    assert {name.lower() for name in found.other_syndromes} == set(syndromes)
    assert found.has_insulinoma is has_insulinoma


def test_a_past_crisis_is_named() -> None:
    assert of_ileal_tumour("carcinoid crisis (resolved)").is_in_crisis
    assert not of_ileal_tumour("carcinoid syndrome").is_in_crisis


def test_what_the_level_rests_on_is_evidence() -> None:
    found = of_ileal_tumour("carcinoid syndrome; flushing; 5-HIAA 35 mg/24h range to 10")

    assert {one.reference for one in found.evidence} == {
        "Condition/carcinoid-syndrome-1",
        "Condition/flushing-1",
        "Observation/hiaa-1",
    }


def test_symptoms_beside_another_functioning_tumour_are_no_sign_of_carcinoid_syndrome() -> None:
    symptoms = "flushing; diarrhoea"

    assert of(f"pancreatic NET; {symptoms}").level is Function.PROBABLE
    assert of(f"pancreatic NET; VIPoma; {symptoms}").level is Function.UNKNOWN
    assert of(f"VIPoma; {symptoms}; 5-HIAA 60 mg/24h").level is Function.PROBABLE


@pytest.mark.parametrize(
    ("record", "is_certain"),
    [
        ("insulinoma 60 days ago", True),
        ('condition text "Insulinoma of the pancreatic tail" 60 days ago', True),
        ("insulinoma (suspected) 60 days ago", False),
        ('condition text "Suspected insulinoma" 60 days ago', False),
        ('condition text "Suspected insulinoma" 90 days ago; insulinoma 60 days ago', True),
    ],
)
def test_a_suspected_insulinoma_is_on_record_and_not_certain(record: str, is_certain: bool) -> None:
    found = function(patient(record))

    assert found.has_insulinoma
    assert found.has_certain_insulinoma is is_certain


@pytest.mark.parametrize(
    "record", ["carcinoid heart disease (resolved)", "carcinoid heart disease (inactive)"]
)
def test_carcinoid_heart_disease_does_not_expire(record: str) -> None:
    assert of_ileal_tumour(record).level is Function.CONFIRMED


def test_a_refuted_heart_disease_is_none() -> None:
    assert of_ileal_tumour("carcinoid heart disease (refuted)").level is Function.UNKNOWN


CURED = (
    "ileal NET 500 days ago; carcinoid syndrome 490 days ago; small-bowel resection done 400 days ago; "
    'pathology report "Ileum, resection specimen: pT3 N1, R0" 395 days ago'
)


@pytest.mark.parametrize(
    ("record", "level"),
    [
        ("5-HIAA 4 mg/24h range to 10 30 days ago", Function.PROBABLE),
        ("5-HIAA 35 mg/24h range to 10 30 days ago", Function.CONFIRMED),
        ("5-HIAA 4 mg/24h range to 10 420 days ago", Function.CONFIRMED),
        ("male", Function.CONFIRMED),
        ("5-HIAA 4 mg/24h range to 10 30 days ago; liver metastases 20 days ago", Function.CONFIRMED),
    ],
)
def test_after_cure_a_marker_in_range_leaves_the_syndrome_probable(record: str, level: Function) -> None:
    assert of(f"{CURED}; {record}").level is level


def test_portuguese_and_italian_name_the_syndrome() -> None:
    assert of_ileal_tumour('condition text "Síndrome carcinoide"').level is Function.CONFIRMED
    assert of_ileal_tumour('condition text "Sindrome carcinoide"').level is Function.CONFIRMED
