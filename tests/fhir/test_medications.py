from __future__ import annotations

from service.fhir.medications import with_medications
from service.fhir.queries import QUERIES


def test_drugs_are_fetched_together_with_their_orders() -> None:
    query = with_medications("medicationRequests", "MedicationRequest?patient=1")
    assert query == "MedicationRequest?patient=1&_include=MedicationRequest:medication"


def test_other_queries_are_put_as_they_are() -> None:
    others = [key for key, query in QUERIES.items() if query.section != "medications"]
    assert [with_medications(key, "Type?patient=1") for key in others] == ["Type?patient=1"] * len(others)
