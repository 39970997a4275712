from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from service.errors import ContentError
from service.fhir.code_systems import LOINC
from service.fhir.terminology import Terminology, load_terminology

CARDS = Path(__file__).parents[2] / "cards"
HEADER = "local_system,local_code,system,code\n"


def mapped(folder: Path, text: str, name: str = "own.csv") -> Terminology:
    (folder / name).write_text(text, encoding="utf-8")
    return load_terminology(CARDS, folder / name)


def problems(folder: Path, text: str, name: str = "own.csv") -> list[str]:
    with pytest.raises(ContentError) as caught:
        mapped(folder, text, name)
    return list(caught.value.problems)


def concept_map(*elements: object, **group: object) -> str:
    whole = {"source": "urn:lab", "target": LOINC, "element": list(elements), **group}
    return orjson.dumps({"resourceType": "ConceptMap", "group": [whole]}).decode()


def test_a_code_of_the_site_is_read_as_the_listed_one_and_asked_for(tmp_path: Path) -> None:
    found = mapped(tmp_path, f"{HEADER}urn:lab,K67,{LOINC},29593-1\nurn:lab,HIST,{LOINC},59847-4\n")

    assert [row.code for row in found.lookup("urn:lab", "K67")] == ["29593-1"]
    assert ("urn:lab", "K67") in found.observation_codes()
    assert ("urn:lab", "HIST") in found.observation_codes()
    assert found.histology_codes >= {"HIST", "59847-4"}
    assert found.lookup("urn:other", "K67") == ()


def test_a_diagnosis_of_the_site_is_not_asked_for_among_the_results(tmp_path: Path) -> None:
    found = mapped(tmp_path, f"{HEADER}urn:own,NET,http://snomed.info/sct,255046005\n")

    assert found.lookup("urn:own", "NET")
    assert ("urn:own", "NET") not in found.observation_codes()


def test_a_concept_map_is_the_same(tmp_path: Path) -> None:
    elements = [
        {"code": "K67", "target": [{"code": "29593-1", "equivalence": "equivalent"}]},
        {"code": "K68", "target": [{"code": "29593-1", "equivalence": "unmatched"}]},
        {"code": "K69"},
    ]

    found = mapped(tmp_path, concept_map(*elements), "own.json")

    assert [one.code for one in found.mapped] == ["K67"]
    assert ("urn:lab", "K67") in found.observation_codes()


def test_every_fault_of_a_csv_is_named_with_its_line(tmp_path: Path) -> None:
    text = f"{HEADER}urn:lab,,{LOINC},29593-1\nurn:lab,K67,{LOINC},\n"

    assert problems(tmp_path, text) == [
        "own.csv, line 2: local_code is empty",
        "own.csv, line 3: code is empty",
    ]
    assert problems(tmp_path, f"{HEADER}urn:lab,K67,{LOINC},0-0\nurn:lab,K68,{LOINC},1-8\n") == [
        f"own.csv, line 2: {LOINC}|0-0 is on no list; map to a code of cards/codelists",
        f"own.csv, line 3: {LOINC}|1-8 is on no list; map to a code of cards/codelists",
    ]
    assert problems(tmp_path, "from,to\n1,2\n") == [
        "own.csv, line 1: the columns local_system, local_code, system, code are missing"
    ]
    assert problems(tmp_path, HEADER) == ["own.csv: maps no code"]


def test_every_fault_of_a_concept_map_is_named_with_its_path(tmp_path: Path) -> None:
    text = concept_map({"code": 1}, {"target": []}, {"code": "K67", "target": [{"code": "0-0"}]})

    assert problems(tmp_path, text, "own.json") == [
        "own.json, $.group[0].element[0].code: Expected `str`, got `int`",
        "own.json, $.group[0].element[1]: Object missing required field `code`",
    ]
    assert problems(tmp_path, concept_map({"code": "K67", "target": [{"code": "0-0"}]}), "own.json") == [
        f"own.json, $.group[0].element[0].target[0].code: {LOINC}|0-0 is on no list; "
        "map to a code of cards/codelists"
    ]
    assert "own.json, $.group[0].source" in problems(tmp_path, concept_map(source=1), "own.json")[0]
    assert problems(tmp_path, '{"resourceType": "ValueSet"}', "own.json") == [
        "own.json, $.resourceType: has to be ConceptMap"
    ]
    assert problems(tmp_path, "{", "own.json") == ["own.json, $: Input data was truncated"]


TABLE = f'[[code_map]]\nlocal_system = "urn:lab"\nlocal_code = "K67"\nsystem = "{LOINC}"\n'


def test_the_configuration_file_maps_codes_in_tables(tmp_path: Path) -> None:
    found = mapped(tmp_path, f'[site]\nshadow = true\n{TABLE}code = "29593-1"\n', "net-cds.toml")

    assert [row.code for row in found.lookup("urn:lab", "K67")] == ["29593-1"]


def test_a_table_without_a_code_is_named_with_its_line(tmp_path: Path) -> None:
    assert problems(tmp_path, f"[[code_map]]\n{TABLE}", "net-cds.toml")[:4] == [
        "net-cds.toml, line 1, code_map[1]: local_code is missing",
        "net-cds.toml, line 1, code_map[1]: system is missing",
        "net-cds.toml, line 1, code_map[1]: code is missing",
        "net-cds.toml, line 2, code_map[2]: code is missing",
    ]
