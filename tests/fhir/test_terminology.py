from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import ContentError
from service.fhir.recognition import may_matter, recognise
from service.fhir.terminology import ICD10CM, LOINC, Terminology, load_terminology
from tests.asking import knowledge

HEADER = "system,code,display,status,role\n"


def lists(folder: Path, *, rows: str = "", words: str = "carcinoid\n") -> Path:
    """A folder of content with one code list and one word list."""
    (folder / "codelists").mkdir()
    (folder / "wordlists").mkdir()
    (folder / "codelists" / "some.csv").write_text(HEADER + rows, encoding="utf-8")
    (folder / "wordlists" / "tumour.txt").write_text(words, encoding="utf-8")
    return folder


def says(folder: Path, words: str, text: str) -> bool:
    return load_terminology(lists(folder, words=words)).says("tumour", text)


@pytest.mark.parametrize(
    ("phrase", "text", "is_found"),
    [
        ("carcinoid", "An ileal Carcinoid.", True),
        ("carcinoid", "carcinoidosis", False),
        ("carcinoid", "noncarcinoid", False),
        ("carcinoid*", "carcinoidosis", True),
        ("small bowel", "small-bowel tumour", True),
        ("small bowel", "small  bowel tumour", True),
        ("small bowel", "smallbowel", False),
        ("atracurium", "cisatracurium", False),
        ("morphine", "apomorphine", False),
        ("68Ga-DOTATATE", "PET with 68Ga DOTATATE", True),
    ],
)
def test_a_phrase_is_found_as_whole_words(tmp_path: Path, phrase: str, text: str, is_found: bool) -> None:
    assert says(tmp_path, f"{phrase}\n", text) is is_found


def test_a_negative_phrase_takes_the_meaning_back(tmp_path: Path) -> None:
    words = "# about tumours\n\ncarcinoid\n!family history of\n"

    found = load_terminology(lists(tmp_path, words=words))

    assert found.says("tumour", "carcinoid of the ileum")
    assert not found.says("tumour", "family history of carcinoid")
    assert found.says("tumour", "family history of carcinoid", "carcinoid of the ileum")


def test_a_sign_takes_the_meaning_back_too(tmp_path: Path) -> None:
    assert not says(tmp_path, "carcinoid\n!?\n", "carcinoid?")


def test_the_word_lists_of_a_text_are_named(tmp_path: Path) -> None:
    found = load_terminology(lists(tmp_path, words="carcinoid*\nsmall bowel net\n"))

    assert found.phrases_in("carcinoidosis") == {"tumour"}
    assert found.phrases_in("a small bowel NET") == {"tumour"}
    assert found.phrases_in("a small bowel obstruction") == frozenset()
    assert found.phrases_in("") == frozenset()


def test_an_icd_10_cm_code_without_a_row_takes_that_of_its_parent(tmp_path: Path) -> None:
    found = load_terminology(lists(tmp_path, rows=f"{ICD10CM},E34.0,Carcinoid syndrome,verified,carcinoid\n"))

    assert [row.code for row in found.lookup(ICD10CM, "E34.09")] == ["E34.0"]
    assert found.lookup(ICD10CM, "E34") == ()
    assert found.lookup(ICD10CM, "E34.1") == ()
    assert found.lookup(LOINC, "E34.09") == ()


def test_attributes_are_the_columns_beyond_the_code(tmp_path: Path) -> None:
    found = load_terminology(
        lists(tmp_path, rows=f"{LOINC},1,One,verified,grade\n{LOINC},2,Two,code-only,\n")
    )
    one, two = ({"coding": [{"system": LOINC, "code": code}]} for code in "12")

    assert found.has(one, "some", role="grade")
    assert not found.has(two, "some", role="grade")
    assert found.has(two, "some")
    assert not found.has(one, "other")


@pytest.mark.parametrize(
    "concept",
    [
        None,
        "29593-1",
        [],
        [5],
        {"coding": "x"},
        {"coding": [None]},
        {"coding": [{"system": 5, "code": []}]},
        {"text": 7},
    ],
)
def test_a_concept_of_the_wrong_shape_hits_nothing(concept: object) -> None:
    found: Terminology = knowledge().terminology

    assert found.concepts(concept, "ki67-observation") == ()
    assert not found.touches(concept)


def test_every_problem_of_the_lists_is_named_at_once(tmp_path: Path) -> None:
    folder = lists(
        tmp_path, rows=f"{LOINC},,No code,verified,\n{LOINC},3,Guessed,guessed,\n", words="# nothing\n"
    )

    (folder / "wordlists" / "signs.txt").write_text("?\n", encoding="utf-8")

    with pytest.raises(ContentError) as caught:
        load_terminology(folder)

    assert list(caught.value.problems) == [
        "some.csv, line 2: a row needs a system and a code",
        "some.csv, line 3: status must be verified or code-only",
        "signs.txt: the phrase '?' holds no word",
        "tumour.txt: a word list needs a phrase",
    ]


def test_observations_are_asked_for_by_the_codes_that_rules_rest_on() -> None:
    codes = knowledge().terminology.observation_codes()

    assert (LOINC, "29593-1") in codes
    assert (LOINC, "85330-9") not in codes
    assert {system for system, _code in codes} <= {LOINC, "http://snomed.info/sct"}


def test_what_a_report_or_note_finds_is_never_remembered() -> None:
    terminology = knowledge().terminology
    mark = "Jane Roe is unfit for an operation"
    report = {"resourceType": "DiagnosticReport", "code": {"text": "Ward round"}, "conclusion": mark}
    order = {"resourceType": "ServiceRequest", "code": {"text": "Ward round"}, "note": [{"text": mark}]}

    assert may_matter(report, terminology)
    assert may_matter(order, terminology)
    assert "unfit" in recognise(report, terminology).findings
    assert mark not in terminology._known_names
