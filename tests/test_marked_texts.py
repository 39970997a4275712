"""The words that were read in a chart, as the pages show them."""

from __future__ import annotations

import pytest

from service.fhir.phrases import Cue, Phrase, WordLists
from service.marked_texts import Piece, Text, marked_texts, pieces
from tests.asking import patient

LISTS = WordLists(
    [
        Phrase("metastasis", "metasta*"),
        Phrase("metastasis", "*metastasen"),
        Phrase("liver-lesion", "liver metasta*"),
        Phrase("liver-lesion", "!liver metastasis screening"),
    ],
    [Cue("negation-before", "no"), Cue("uncertain-before", "possible"), Cue("historical-before", "former")],
)


def cut(text: str, *, is_report: bool = False) -> list[Piece]:
    return list(pieces(LISTS.marked(text, is_report=is_report)))


def test_a_text_is_cut_where_mentions_begin_and_end() -> None:
    assert cut("No liver metastases seen.") == [
        Piece("No "),
        Piece("liver ", ("liver-lesion",), "negated"),
        Piece("metastases", ("liver-lesion", "metastasis"), "negated"),
        Piece(" seen."),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [("Metastases", "asserted"), ("Possible metastases", "uncertain"), ("Former metastases", "historical")],
)
def test_each_mention_has_what_is_said_of_it(text: str, said: str) -> None:
    assert [one.said for one in cut(text) if one.lists] == [said]


def test_a_stem_is_marked_as_the_whole_word() -> None:
    assert Piece("Lebermetastasen", ("metastasis",), "asserted") in cut("Multiple Lebermetastasen.")


def test_what_an_exception_takes_back_is_not_marked() -> None:
    found = cut("Liver metastasis screening.")
    assert {name for one in found for name in one.lists} == {"metastasis"}


@pytest.mark.parametrize("text", ["", "Nothing of note.", "Two  blanks,\n\na line,\ttab: metastases-free."])
def test_the_pieces_join_to_the_text_as_it_is_read(text: str) -> None:
    assert "".join(one.words for one in cut(text)) == LISTS.marked(text).text


def texts_of(phrases: str) -> list[Text]:
    return marked_texts(patient(phrases))


def test_the_marks_say_what_the_rules_were_told() -> None:
    one = patient('ileal NET; imaging report conclusion "No liver metastases. Possible node metastasis."')
    for resources in one.record.resources.values():
        for resource in resources:
            marked = one.terminology.word_lists.marked(resource.findings, is_report=resource.IS_REPORT)
            told = resource.about.finds_of("metastasis")
            found = [mark.assertion for mark in marked.marks if mark.word_list == "metastasis"]
            assert max(found, default=None) is told


def test_reports_and_diagnoses_are_shown_the_newest_first() -> None:
    found = texts_of('ileal NET 60 days ago; imaging report conclusion "Liver metastases." 10 days ago')
    assert [one.reference.split("/")[0] for one in found] == ["DiagnosticReport", "Condition"]
    assert found[0].findings
    assert not found[1].findings
    assert all(one.is_whole and not one.status for one in found)


def test_what_the_facts_took_from_a_report_stands_beside_it() -> None:
    found = texts_of(
        'ileal NET 60 days ago; pathology report "pT3 N1 neuroendocrine tumour. Ki-67 8 %" 20 days ago'
    )
    report = next(one for one in found if one.reference.startswith("DiagnosticReport/"))
    assert any(one.startswith("Ki-67 8 %") for one in report.taken)
    assert any(one.startswith("T3") for one in report.taken)
    assert all("8 %" not in one for text in found if text is not report for one in text.taken)
