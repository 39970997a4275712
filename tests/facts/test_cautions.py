from __future__ import annotations

import pytest

from service.facts.cautions import Cautions, imaging_cautions
from tests.asking import knowledge, patient, patient_with, result

_ALL_READ = {"ct", "mri-liver"}
_ADVISED = {"ct-after-advice", "mri-liver"}


def cautions(record: str) -> Cautions:
    return imaging_cautions(patient(f"ileal NET 60 days ago; {record}"))


def test_without_a_caution_nothing_is_said() -> None:
    assert cautions("male") == Cautions(offered=frozenset(_ALL_READ))


@pytest.mark.parametrize(
    ("record", "says", "offered"),
    [
        ("eGFR 29 10 days ago", "asks for prophylaxis below 30", _ADVISED),
        ("eGFR 30 10 days ago", "may be considered from 30 to below 45", _ADVISED),
        ("eGFR 44 10 days ago", "may be considered", _ADVISED),
        ("eGFR 22 90 days ago", "eGFR 22 on 2026-08-26:", _ADVISED),
        ("eGFR 22 91 days ago", "last eGFR 22 on 2026-08-25, older than 90 days:", _ADVISED),
        ("dialysis 400 days ago; eGFR 8 10 days ago", "On dialysis: ask radiology about contrast.", _ADVISED),
        ("acute kidney failure 30 days ago", "in acute kidney injury", _ADVISED),
        ("radiographic dye allergy status", "Reaction to contrast on record (Radiographic dye", _ADVISED),
        ('allergy text "Iodinated contrast media"', "Iodinated contrast media, Reaction", _ADVISED),
        ('allergy text "IV contrast dye" with reaction "Urticaria"', "Urticaria", _ADVISED),
        ('allergy text "Contrast media" (severe)', "Contrast media", {"mri-liver"}),
        ('allergy text "Iodinated contrast media (anaphylaxis)"', "anaphylaxis", {"mri-liver"}),
        ('allergy text "Contrast media" with reaction "Anaphylactic shock"', "Anaphylactic", {"mri-liver"}),
        ('allergy text "Iohexol" with reaction "Urticaria"', "Iohexol, Urticaria", _ADVISED),
        ('allergy text "Medio de contraste" with reaction "Choque anafiláctico"', "anafil", {"mri-liver"}),
        ('allergy text "Mezzo di contrasto" with reaction "Shock anafilattico"', "anafil", {"mri-liver"}),
        ('allergy text "Alergia a contraste" with reaction "Choque anafilático"', "anafil", {"mri-liver"}),
        ('allergy text "Contrastvloeistof" with reaction "Anafylactische shock"', "nafyl", {"mri-liver"}),
        ('allergy text "Kontrastmittel" with reaction "Anaphylaktischer Schock"', "naphyl", {"mri-liver"}),
        ('condition text "Allergy to iodinated contrast"', "Allergy to iodinated contrast", _ADVISED),
        ('condition text "Kontrastmittelallergie"', "Kontrastmittelallergie", _ADVISED),
        ('condition text "Anaphylaxis to contrast"', "Anaphylaxis to contrast", {"mri-liver"}),
        (
            'allergy text "Gadobutrol" with reaction "Rash"',
            "Gadobutrol, Rash",
            {"ct-after-advice", "mri-without-contrast"},
        ),
        (
            'allergy text "Gadolinium" with reaction "Rash"',
            "Gadolinium, Rash",
            {"ct-after-advice", "mri-without-contrast"},
        ),
        ('condition text "Pregnant" 100 days ago', "(ACOG 723)", {"mri-without-contrast", "ultrasound"}),
        (
            'condition text "Pregnant" 100 days ago; order text "Ultrasound of the abdomen" 1 days ago',
            "Pregnancy on record",
            {"mri-without-contrast"},
        ),
        (
            'condition text "Pregnant" 100 days ago; eGFR 22 10 days ago; allergy text "Contrast media"',
            "Pregnancy on record",
            {"mri-without-contrast", "ultrasound"},
        ),
        ("allergies unknown", "Allergies could not be read: check before contrast.", _ALL_READ),
        ("observations partial", "Kidney function could not be read: check before contrast.", _ALL_READ),
    ],
)
def test_a_caution_is_said_and_decides_what_is_offered(record: str, says: str, offered: set[str]) -> None:
    found = cautions(record)

    assert says in found.said
    assert found.offered == offered


@pytest.mark.parametrize(
    "record",
    [
        "eGFR 45 10 days ago",
        "eGFR 22 40 days ago; eGFR 60 5 days ago",
        "acute kidney failure 31 days ago",
        "acute kidney failure (resolved) 10 days ago",
        'allergy text "Shellfish" with reaction "Anaphylaxis"',
        'allergy text "Iodine, topical"',
        'allergy text "Iodinated contrast media" (refuted)',
        'allergy text "Iodinated contrast media" (resolved)',
        'condition text "Pregnant" (resolved) 100 days ago',
    ],
)
def test_what_is_no_caution(record: str) -> None:
    assert cautions(record) == Cautions(offered=frozenset(_ALL_READ))


def test_the_caution_stands_on_the_card_and_the_card_stays() -> None:
    record = "ileal NET 60 days ago; eGFR 22 10 days ago"
    labels = {one.id: one.label for one in knowledge().cards["cross-sectional-imaging"].suggestions}

    found = result(record).cards
    card = next(card for card in found if "cross-sectional-imaging" in card.recommendations)
    offered = {one.label for one in card.suggestions}

    assert "eGFR 22" in card.detail
    assert any(one.reference.startswith("Observation/egfr") for one in card.evidence)
    assert {labels["ct-after-advice"], labels["mri-liver"]} <= offered
    assert labels["ct"] not in offered


@pytest.mark.parametrize(
    "name",
    [
        *("Kontrastmittelallergie", "Allergie aux produits de contraste iodés", "Contraste yodado"),
        *("Allergia al mezzo di contrasto", "jodiumhoudende contrastvloeistof", "Alergia a contraste"),
    ],
)
def test_contrast_is_recognised_in_every_language_that_is_read(name: str) -> None:
    assert "Reaction to contrast on record" in cautions(f'allergy text "{name}"').said


@pytest.mark.parametrize("name", ["Jod", "Allergie à l'iode", "Mariscos", "Schaaldieren"])
def test_iodine_and_shellfish_are_no_contrast(name: str) -> None:
    assert cautions(f'allergy text "{name}"').said == ""


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("Omnipaque", "mri-liver"),
        ("Visipaque 320", "mri-liver"),
        ("ULTRAVIST 300", "mri-liver"),
        ("iohexol", "mri-liver"),
        ("Ioversol", "mri-liver"),
        ("Gadovist", "mri-without-contrast"),
        ("gadoterate meglumine", "mri-without-contrast"),
    ],
)
def test_contrast_is_recognised_by_brand_and_by_substance(name: str, offered: str) -> None:
    found = cautions(f'ileal NET 60 days ago; allergy text "{name}" with reaction "Urticaria"')

    assert name in found.said
    assert offered in found.offered


@pytest.mark.parametrize("name", ["Omnicef", "Betadine", "Optivar", "Magnesium"])
def test_other_drugs_are_no_contrast(name: str) -> None:
    assert not cautions(f'ileal NET 60 days ago; allergy text "{name}" with reaction "Urticaria"').said


@pytest.mark.parametrize("part", ["description", "note"])
def test_a_reaction_is_read_in_the_words_of_the_allergy(part: str) -> None:
    words = "Anaphylactic shock in 2019, ventilated"
    more = {"note": [{"text": words}]} if part == "note" else {"reaction": [{"description": words}]}
    allergy = {"resourceType": "AllergyIntolerance", "code": {"text": "Contrast media"}, **more}
    allergy["patient"] = {"reference": "Patient/patient-1"}

    found = imaging_cautions(patient_with("ileal NET 60 days ago", "allergies", allergy))

    assert found.offered == {"mri-liver"}


@pytest.mark.parametrize(
    "record",
    [
        'allergy text "Shellfish" with reaction "Anaphylaxis"',
        'allergy text "Povidone-iodine" with reaction "Anaphylaxis"',
        'condition text "No contrast allergy"',
        'condition text "Contrast allergy" (refuted)',
        'condition text "Contrast nephropathy"',
    ],
)
def test_what_only_looks_like_a_reaction_to_contrast_is_none(record: str) -> None:
    assert cautions(record).offered == _ALL_READ
