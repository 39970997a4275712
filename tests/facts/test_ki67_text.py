"""The vectors of Y-4, and text that was made to hurt."""

from __future__ import annotations

import time

import pytest

from service.facts import ki67_text
from tests.asking import knowledge


def read(text: str, *, is_named: bool = False) -> ki67_text.Ki67Text:
    return ki67_text.read(text, knowledge().terminology.ki67_grammar, is_named=is_named)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Ki-67 <1%", ["<1"]),
        ("p53 wild type. Approximately 10% of tumour cells are positive for Ki-67", ["10"]),
        ("Diagnosis: NET G2 (Ki-67 8%), 12 nodes, 3 positive", ["8"]),
        ("Histologic grade: G1 (<2 mitoses, Ki-67 <3%)", ["<3"]),
        ("NET G1; Ki-67 1%; G2 component 10%, Ki-67 6%", ["1", "6"]),
        ("WHO GRADE 2 (KI-67 8%)", ["8"]),
        ("Ki-67: 5% (hot spot)", ["5"]),
        ("Ki-67 index 12.4% (1000 cells)", ["12.4"]),
        ("Ki67 less than 3%", ["<3"]),
        ("5-10 % Ki-67", ["5-10"]),
        ("MIB-1 index 2,5 %", ["2.5"]),
        ("Proliferationsindex (Ki-67): ca. 8 %", ["8"]),
        ("Ki-67-Index unter 2 %", ["<2"]),
        ("index de prolifération Ki-67 inférieur à 2 %", ["<2"]),
        ("Índice de proliferación Ki-67: 3 a 5 %", ["3-5"]),
        ("Ki-67 up to 25%", ["≤25"]),
        ("Ki-67 18% in liver metastasis, 2% in primary", ["18", "2"]),
        ("Ki-67 in hot spots 90%", ["90"]),
        ("Ki-67 not more than 2%", ["≤2"]),
        ("Ki-67 no greater than 2 %", ["≤2"]),
        ("Ki-67 nicht mehr als 2 %", ["≤2"]),
        ("Ki-67 pas plus de 2 %", ["≤2"]),
        ("Ki-67 not less than 25%", ["≥25"]),
        ("Ki-67 in excess of 20%", [">20"]),
        ("NET G1 (Ki-67 2%). Grading: G1 <3%, G2 3-20%, G3 >20%.", ["2"]),
        ("Chromogranin positive in 95% of cells, Ki-67 2%", ["2"]),
        ("Tumour necrosis 30%. Ki-67 highlights scattered cells", []),
        ("Ki-67 labelling index of 1 to 2 percent", ["1-2"]),
        ("Ki-67 labeling index is estimated at <5%", ["<5"]),
        ("Ki-67 between 15 and 25 %", ["15-25"]),
        ("Ki-67: > 20 %", [">20"]),
        ("Ki-67 ≥20 %", ["≥20"]),
        ("Ki-67 - 8 %", ["8"]),
        ("Ki-67:\n 8 %", ["8"]),
        ("Ki-67 proliferation index 2% and p53 90%", ["2"]),
        ("Ki-67 5 %, 90 % p53", ["5"]),
        ("The proliferative index is 1%.", ["1"]),
        ("Mitoses 3 per 2 mm2, Ki-67 1 %", ["1"]),
        ("Ki-67 120%", []),
        ("Ki-67 4", []),
        ("Ki-67 low", []),
        ("Ki-67 superior al 20%", [">20"]),
        ("Ki-67 mayor que 20 %", [">20"]),
        ("Ki-67 más del 20 %", [">20"]),
        ("Ki-67 superior a un 20 %", [">20"]),
        ("Ki-67 superiore al 20%", [">20"]),
        ("Ki-67 maggiore del 20%", [">20"]),
        ("Ki-67 groter dan 20%", [">20"]),
        ("Ki-67 höher als 20 %", [">20"]),
        ("Ki-67 > als 20 %", [">20"]),
        ("Ki-67 exceeds 20%", [">20"]),
        ("Ki-67 menor del 3%", ["<3"]),
        ("Ki-67 inferior al 3 %", ["<3"]),
        ("Ki-67 inferiore al 3%", ["<3"]),
        ("Ki-67 minore del 3%", ["<3"]),
        ("Ki-67 kleiner dan 3%", ["<3"]),
        ("Ki-67 lager dan 3%", ["<3"]),
        ("Ki-67 < al 3%", ["<3"]),
        ("Ki-67 inférieur ou égal à 3 %", ["≤3"]),
        ("Ki-67 fino al 25%", ["≤25"]),
        ("Ki-67 tot 25%", ["≤25"]),
        ("Ki-67 bis 25 %", ["≤25"]),
        ("Ki-67 15 bis 25 %", ["15-25"]),
        ("Ki-67 3 tot 5%", ["3-5"]),
        ("Ki-67 dal 3 al 5%", ["3-5"]),
        ("Ki-67 entre el 3 y el 5 %", ["3-5"]),
        ("Ki-67 del 2%", ["2"]),
        ("Ki-67 estimé à 3 %", ["3"]),
        ("Ki -67 4%", ["4"]),
        ("Ki - 67: 4 %", ["4"]),
        ("Ki\N{NON-BREAKING HYPHEN}67 8 %", ["8"]),
        ("Skin, 67 nodules, 8 %", []),
        ("NET G2. Ki-67 4% (WHO: G1 <3%, G2 3-20%, G3 >20%).", ["4"]),
        ("Ki-67 4 %; WHO: G1 <3%, G2 3-20%, G3 >20%", ["4"]),
        ("(G1: Ki-67 <3%; G2: 3-20%)", []),
        ("Grading by Ki-67: G1 <3%, G2 3-20%", []),
        ("G1: Ki-67 <3%; G2: 3-20%; G3: >20%", []),
        ("WHO 2019: G1 <3 %, G2 3-20 %, G3 >20 % (Ki-67)", []),
    ],
)
def test_the_values_of_a_report(text: str, values: list[str]) -> None:
    assert [one.interval.shown() for one in read(text).values] == values


@pytest.mark.parametrize(
    ("text", "names_it", "state"),
    [
        ("Ki-67 pending", True, "pending"),
        ("Ki-67: Ergebnis steht aus", True, "pending"),
        ("Ki-67 not performed, insufficient tissue", True, "not-done"),
        ("Ki-67 low", True, ""),
        ("Chromogranin 95 %", False, ""),
        ("G1: Ki-67 <3%; G2: 3-20%; G3: >20%", False, ""),
    ],
)
def test_a_report_without_a_value(text: str, names_it: bool, state: str) -> None:
    said = read(text)
    assert (said.values, said.names_it, said.state) == ((), names_it, state)


@pytest.mark.parametrize(
    ("text", "values"),
    [("5% (hot spot)", ["5"]), ("G2 (8%)", ["8"]), ("Less than 3%", ["<3"]), ("low", []), ("12", [])],
)
def test_the_words_of_a_result(text: str, values: list[str]) -> None:
    assert [one.interval.shown() for one in read(text, is_named=True).values] == values


def test_the_words_are_quoted_as_written() -> None:
    assert read("Ileum. Índice Ki-67: 3 a 5 %. Márgenes libres.").values[0].words == "Índice Ki-67: 3 a 5 %."


@pytest.mark.parametrize(
    "unit",
    [
        "Ki-67 ",
        "Ki-67 5% ",
        "5% ",
        "<",
        " ",
        "G1 ",
        "5",
        "less than ",
        "a",
        "\n",
        ": \n",
        "Ki-67 chromogranin ",
    ],
)
def test_no_text_makes_it_slow(unit: str) -> None:
    text = "Ki-67 " + unit * (20_000 // len(unit))
    begin = time.process_time()
    read(text)
    assert time.process_time() - begin < 2
