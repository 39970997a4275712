from __future__ import annotations

from service.fhir.queries import prefetch_templates


def test_results_are_asked_for_by_code() -> None:
    found = prefetch_templates([("http://loinc.org", "29593-1"), ("http://loinc.org", "9811-1")])
    assert found["observations"].endswith("&code=http://loinc.org|29593-1,http://loinc.org|9811-1")


def test_without_codes_results_are_asked_for_by_category() -> None:
    query = prefetch_templates(())["observations"]
    assert query == (
        "Observation?patient={{context.patientId}}&_sort=-date&_count=100"
        "&category=laboratory,imaging,procedure,exam,survey,therapy"
    )
