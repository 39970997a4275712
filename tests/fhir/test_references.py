from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir.references import type_and_id


@pytest.mark.parametrize(
    ("reference", "names"),
    [
        ("Patient/1", ("Patient", "1")),
        ("Patient/a.b-c_d~e", ("Patient", "a.b-c_d~e")),
        ("Patient/" + "x" * 255, ("Patient", "x" * 255)),
        ("https://ehr.example.org/Patient/1", ("Patient", "1")),
        ("https://ehr.example.org/a/b/fhir/R4/Patient/1", ("Patient", "1")),
        ("http://127.0.0.1:8080/fhir/MedicationRequest/m1", ("MedicationRequest", "m1")),
        ("Patient/1/_history/2", ("Patient", "1")),
        ("https://ehr.example.org/fhir/Patient/1/_history/2", ("Patient", "1")),
        ("1/_history/2", ("", "1")),
        (
            "urn:uuid:0b1f9c1e-3f60-4a37-9d5e-6d3a8f1c2b4d",
            ("", "urn:uuid:0b1f9c1e-3f60-4a37-9d5e-6d3a8f1c2b4d"),
        ),
        ("urn:oid:1.2.3", ("", "urn:oid:1.2.3")),
        ("#m1", ("", "#m1")),
        ("#", ("", "#")),
        ("m1", ("", "m1")),
        ("_history", ("", "_history")),
    ],
)
def test_what_a_reference_names(reference: str, names: tuple[str, str]) -> None:
    assert type_and_id(reference) == names


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "/",
        "Patient/",
        "/1",
        "patient/1",
        "Patient/1/",
        "Patient/1 ",
        "Patient/1\n",
        "Patient/ä",
        "Patient/" + "x" * 256,
        "Patient?identifier=1",
        "Patient/1?x=y",
        "https://ehr.example.org/1",
        "https://ehr.example.org/",
        "two words",
        "urn:ietf:rfc:3986",
        "Patient/a/_history/" * 10 + "\nx",
        "urn:uuid:" + "x" * 1000,
        "https://ehr.example.org/" + "a/" * 500 + "Patient/1",
    ],
)
def test_what_names_nothing(reference: str) -> None:
    assert type_and_id(reference) == ("", "")


@given(st.text())
def test_any_text_is_read(reference: str) -> None:
    kind, identity = type_and_id(reference)
    assert not kind or reference.split("/_history/")[0].endswith(f"{kind}/{identity}")


@pytest.mark.parametrize("part", ["Patient/a/_history/", "/", "a", "_history/", "http://", "#", "Patient/"])
def test_a_long_reference_takes_no_time(part: str) -> None:
    reference = part * 500_000 + "\nx"
    began = time.process_time()
    assert type_and_id(reference) == ("", "")
    assert time.process_time() - began < 0.05
