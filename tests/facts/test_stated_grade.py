from __future__ import annotations

import pytest

from service.facts.stated_grade import stated_grade
from tests.asking import patient, result


def says(record: str) -> str:
    found = stated_grade(patient(f"ileal NET 60 days ago; {record}"))
    return found.says if found else ""


@pytest.mark.parametrize(
    "words",
    [
        "NET G2 of the ileum",
        "Neuroendocrine tumour, grade 2",
        "WHO grade 2 NET (G2)",
        "Neuroendokriner Tumor, Grad 2",
        "Tumor neuroendocrino bien diferenciado, grado 2",
        "Intermediate grade neuroendocrine tumour",
    ],
)
def test_a_grade_in_the_words_of_pathology_is_quoted(words: str) -> None:
    assert f'"{words}"' in says(f'pathology report "{words}" 40 days ago')


@pytest.mark.parametrize(
    "record",
    [
        'pathology report "Well differentiated neuroendocrine tumour" 40 days ago',
        'pathology report "Grading: G1 below 3 %, G2 from 3 to 20 %, G3 above 20 %" 40 days ago',
        'pathology report "Not G3" 40 days ago',
        'pathology report "Breast carcinoma, G2" 40 days ago',
        'imaging report conclusion "NET G2" 40 days ago',
        "male",
    ],
)
def test_what_states_no_grade_of_this_tumour_is_not_quoted(record: str) -> None:
    assert says(record) == ""


def test_the_newest_report_that_states_one_is_quoted() -> None:
    found = says('pathology report "NET G1" 90 days ago; pathology report "NET G2" 40 days ago')

    assert '"NET G2"' in found


def test_the_card_quotes_it_beside_the_request_for_the_index() -> None:
    cards = result('ileal NET 60 days ago; pathology report "NET G2 of the ileum" 40 days ago').cards
    (card,) = [one for one in cards if "ki67" in one.recommendations]

    assert "NET G2 of the ileum" in card.detail
    assert any(one.reference == "DiagnosticReport/pathology-1" for one in card.evidence)
