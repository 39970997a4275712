from __future__ import annotations

from service.fhir.searches import LONGEST_QUERY, Search, searches
from tests.asking import templates


def test_a_short_query_is_one_search() -> None:
    assert searches("Patient/1") == (Search("Patient/1"),)
    assert searches("Condition?patient=1&_count=2") == (Search("Condition?patient=1&_count=2"),)


def test_results_by_code_are_asked_for_by_component_as_well() -> None:
    assert searches("Observation?patient=1&_sort=-date&_count=100&code=a|1,a|2") == (
        Search("Observation?patient=1&_sort=-date&_count=100&code=a|1,a|2"),
        Search("Observation?patient=1&component-code=a|1,a|2", is_extra=True),
    )
    assert len(searches("Observation?patient=1&category=laboratory")) == 1


def test_no_search_of_the_service_is_too_long_and_none_loses_a_code() -> None:
    query = templates()["observations"]
    found = searches(query)
    assert {len(one.query) <= LONGEST_QUERY for one in found} == {True}
    asked = [
        code for one in found if not one.is_extra for code in one.query.partition("&code=")[2].split(",")
    ]
    assert asked == query.partition("&code=")[2].split(",")


def test_one_code_that_is_too_long_is_left_as_it_is() -> None:
    query = "Condition?code=" + "x" * 3000
    assert searches(query) == (Search(query),)
