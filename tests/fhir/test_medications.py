from __future__ import annotations

from typing import Any

import pytest

from service.fhir.medications import lacks_a_medication, with_medications
from service.fhir.queries import QUERIES

MEDICATION = {"resourceType": "Medication", "id": "m1", "code": {"text": "octreotide"}}


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]}


def order(reference: dict[str, Any], status: str = "active", **others: Any) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "status": status, "medicationReference": reference, **others}


@pytest.mark.parametrize("name", ["Medication/m2", "http://ehr.example.org/fhir/Medication/m2"])
def test_a_reference_to_what_was_not_sent_leaves_the_drug_unknown(name: str) -> None:
    assert lacks_a_medication(bundle(order({"reference": name}), MEDICATION))


def test_a_reference_without_an_address_leaves_the_drug_unknown() -> None:
    assert lacks_a_medication(bundle(order({"identifier": {"value": "4711"}})))


@pytest.mark.parametrize(
    "value",
    [
        bundle(order({"reference": "Medication/m1"}), MEDICATION),
        bundle(order({"reference": "http://ehr.example.org/fhir/Medication/m1"}), MEDICATION),
        bundle(order({"reference": "Medication/m2", "display": "octreotide"})),
        bundle(order({"reference": "#m2"}, contained=[MEDICATION])),
        bundle(order({"reference": "Medication/m2"}, status="entered-in-error")),
        bundle({"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "octreotide"}}),
        bundle(),
        {"resourceType": "Bundle"},
        None,
    ],
)
def test_what_names_its_drug_lacks_nothing(value: object) -> None:
    assert not lacks_a_medication(value)


def test_drugs_are_fetched_together_with_their_orders() -> None:
    query = with_medications("medicationRequests", "MedicationRequest?patient=1")
    assert query == "MedicationRequest?patient=1&_include=MedicationRequest:medication"


def test_other_queries_are_put_as_they_are() -> None:
    others = [key for key, query in QUERIES.items() if query.section != "medications"]
    assert [with_medications(key, "Type?patient=1") for key in others] == ["Type?patient=1"] * len(others)
