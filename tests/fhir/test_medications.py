from __future__ import annotations

from service.fhir.medications import MOST_READ_SINGLY, reads_of, with_medications
from service.fhir.queries import QUERIES


def test_drugs_are_fetched_together_with_their_orders() -> None:
    query = with_medications("medicationRequests", "MedicationRequest?patient=1")
    assert query == "MedicationRequest?patient=1&_include=MedicationRequest:medication"


def test_other_queries_are_put_as_they_are() -> None:
    others = [key for key, query in QUERIES.items() if query.section != "medications"]
    assert [with_medications(key, "Type?patient=1") for key in others] == ["Type?patient=1"] * len(others)


def test_only_medications_of_the_same_server_are_read_each_once() -> None:
    base = "https://ehr.example.org/fhir"
    named = ["Medication/1", f"{base}/Medication/1", f"{base}/Medication/2/_history/3", "Group/4", "#5", ""]
    named += ["https://other.example.org/fhir/Medication/6", "urn:uuid:7", f"{base}x/Medication/8"]
    assert reads_of(named, f"{base}/") == ["Medication/1", "Medication/2"]


def test_no_more_than_a_few_are_read() -> None:
    assert len(reads_of([f"Medication/{one}" for one in range(100)], "http://x")) == MOST_READ_SINGLY
