from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import ContentError
from service.fhir.code_systems import ICD10CM, LOINC, SNOMED
from service.fhir.r4 import CodeableConcept, Coding
from service.fhir.terminology import load_terminology
from tests.asking import knowledge

HEADER = "system,code,display,status,role\n"


def lists(folder: Path, *, rows: str = f"{LOINC},0,Any,verified,\n", words: str = "carcinoid\n") -> Path:
    """A folder of content with one code list and one word list."""
    (folder / "codelists").mkdir()
    (folder / "wordlists" / "en").mkdir(parents=True)
    (folder / "codelists" / "some.csv").write_text(HEADER + rows, encoding="utf-8")
    (folder / "wordlists" / "en" / "tumour.txt").write_text(words, encoding="utf-8")
    (folder / "codelists" / "queried.csv").write_text("code_list,unless\nsome,\n", encoding="utf-8")
    (folder / "wordlists" / "drugs.csv").write_text("word_list,code_list,role,ingredient\n", encoding="utf-8")
    (folder / "code-systems.csv").write_text(
        f"alias,system,source\nurn:oid:2.16.840.1.113883.6.90,{ICD10CM},HL7\n"
    )
    (folder / "icd-10.csv").write_text(
        "code,display,source\nC00-C97,Malignant neoplasms,WHO\nE34.0,Carcinoid,WHO\n"
    )
    (folder / "operations.csv").write_text("system,codes,kind,means,source\n", encoding="utf-8")
    (folder / "sites.csv").write_text("stem,site,region,source\n", encoding="utf-8")
    (folder / "removal-organs.csv").write_text("words,organ,within,source\n", encoding="utf-8")
    (folder / "removed-by.csv").write_text("site,removed_by\n", encoding="utf-8")
    (folder / "metastasis-sites.csv").write_text("stem,site,source\n", encoding="utf-8")
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

    assert found.word_lists.lists_in("carcinoidosis") == {"tumour"}
    assert found.word_lists.lists_in("a small bowel NET") == {"tumour"}
    assert found.word_lists.lists_in("a small bowel obstruction") == frozenset()
    assert found.word_lists.lists_in("") == frozenset()


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
    one, two = (
        found.about_concept(CodeableConcept(coding=[Coding(system=LOINC, code=code)])) for code in "12"
    )

    assert one.has_row("some", roles=("grade",))
    assert not two.has_row("some", roles=("grade",))
    assert two.has_row("some")
    assert not one.has_row("other")


def test_every_problem_of_the_lists_is_named_at_once(tmp_path: Path) -> None:
    folder = lists(
        tmp_path, rows=f"{LOINC},,No code,verified,\n{LOINC},3,Guessed,guessed,\n", words="# nothing\n"
    )

    (folder / "wordlists" / "en" / "signs.txt").write_text("?\n", encoding="utf-8")

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
    assert ("http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "C18000") in codes
    assert (LOINC, "59847-4") in codes
    assert (SNOMED, "1155707008") not in codes
