from __future__ import annotations

import pytest

from service.fhir.code_systems import ICD10, ICD10CM, ICDO3, LOINC, SNOMED
from service.fhir.r4 import Extension
from tests.asking import knowledge


def lists(system: str, code: str) -> set[str]:
    return {row.list_name for row in knowledge().terminology.lookup(system, code)}


@pytest.mark.parametrize(
    ("system", "canonical"),
    [
        ("urn:oid:2.16.840.1.113883.6.90", ICD10CM),
        ("2.16.840.1.113883.6.90", ICD10CM),
        ("https://hl7.org/fhir/sid/icd-10-cm/", ICD10CM),
        ("http://hl7.org/fhir/sid/icd-10-cm|2026", ICD10CM),
        ("http://hl7.org/fhir/sid/icd-10-es", ICD10CM),
        ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", ICD10),
        ("http://fhir.de/CodeSystem/dimdi/icd-10-gm|2024", ICD10),
        ("https://smt.esante.gouv.fr/terminologie-cim-10/", ICD10),
        ("http://hl7.org/fhir/sid/icd-10-nl", ICD10),
        ("urn:oid:2.16.840.1.113883.6.43.1", ICDO3),
        ("HTTP://LOINC.ORG", LOINC),
        ("http://snomed.info/sct/11000172109/version/20240315", SNOMED),
        ("http://example.org/own/", "http://example.org/own"),
        ("", ""),
    ],
)
def test_every_name_of_a_system_is_one(system: str, canonical: str) -> None:
    assert knowledge().terminology.systems.canonical(system) == canonical


@pytest.mark.parametrize("edition", ["bfarm/icd-10-gm", "dimdi/icd-10-gm"])
def test_what_every_icd_10_means_counts_in_each(edition: str) -> None:
    german = f"http://fhir.de/CodeSystem/{edition}"

    assert lists(german, "E34.0") == {"net-functional-syndromes"}
    assert lists(german, "C78.7") == {"net-secondary-icd10cm"}
    assert lists(german, "c17.2") == {"topography", "other-malignancy"}
    assert lists(german, "C17.2+") == {"topography", "other-malignancy"}


@pytest.mark.parametrize("code", ["C7A.012", "D3A.012", "Z85.060", "C7B.02"])
def test_what_only_the_american_edition_has_counts_there_alone(code: str) -> None:
    assert lists(ICD10CM, code)
    assert lists("http://hl7.org/fhir/sid/icd-10-es", code)
    assert not lists(ICD10, code)
    assert not lists("http://example.org/own", code)


@pytest.mark.parametrize(
    ("system", "code"),
    [(ICD10CM, "C7A.012"), (ICD10CM, "C7B.02"), (ICD10, "C78.7"), (ICD10CM, "E34.09"), (ICDO3, "C17.2")],
)
def test_a_code_without_its_dot_is_the_same_code(system: str, code: str) -> None:
    terminology = knowledge().terminology

    assert terminology.lookup(system, code.replace(".", "")) == terminology.lookup(system, code)
    assert terminology.lookup(system, code)


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (ICDO3, "8240/3"),
        (ICDO3, "M8240/3"),
        (ICDO3, "M-8240/3"),
        (ICDO3, "82403"),
        (ICDO3, "8240-3"),
        (ICDO3, "8240"),
        (ICDO3, "8240/6"),
        (ICDO3, "8240/3-NULL"),
        ("http://hl7.org/fhir/sid/icd-10-nl", "M8240/3"),
    ],
)
def test_a_histology_is_known_in_each_of_its_forms(system: str, code: str) -> None:
    assert lists(system, code) == {"net-icdo3-morphology"}


def test_a_histology_with_its_site_is_both() -> None:
    rows = knowledge().terminology.lookup(ICDO3, "8240/3-C17.2")

    assert {(row.list_name, row.get("site")) for row in rows} == {
        ("net-icdo3-morphology", ""),
        ("topography", "ileum"),
    }


@pytest.mark.parametrize(
    ("url", "is_histology"),
    [
        ("http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior", True),
        ("http://example.org/mii-ex-onko-histology-morphology-behavior-icdo3", True),
        ("http://onconova.github.io/fhir/onconova-ext-family-history-member-cancer-morphology", False),
        ("http://example.org/family-histology-morphology-behavior", False),
        ("http://example.org/laterality", False),
        (None, False),
    ],
)
def test_only_the_extensions_of_a_histology_are_read(url: str | None, *, is_histology: bool) -> None:
    assert Extension(url=url).is_histology is is_histology
