"""What the service gets: section 1.6 of the requirements."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.contract.support import (
    EMPTY_SEARCH,
    FAILED,
    HEALTHY_PATIENT,
    FhirServer,
    chart,
    explanations,
    listening,
    post,
    rules_of,
    with_access,
    with_prefetch,
    without_uuids,
)
from tests.web.support import outcome_of

OPTIONAL_KEYS = sorted(set(chart()["prefetch"]) - {"conditions"})


@pytest.mark.conformance("DATA-1", "DATA-4")
@pytest.mark.parametrize("key", OPTIONAL_KEYS)
def test_each_key_but_the_conditions_may_be_missing(service: FlaskClient, key: str) -> None:
    assert rules_of(post(service, with_prefetch(chart(), **{key: ...})))


@pytest.mark.conformance("DATA-1")
def test_patient_conditions_and_observations_alone_give_useful_cards(service: FlaskClient) -> None:
    bare = chart("ileal-net-only-patient-condition-observation.patient-view")
    named = {rule for each in explanations(post(service, bare)) for rule in each["recommendations"]}
    assert named & {"sstr-imaging", "ki67"}


@pytest.mark.conformance("DATA-2")
def test_a_missing_key_is_fetched(service: FlaskClient) -> None:
    whole = chart()
    with listening(FhirServer(whole["prefetch"])) as server:
        request = with_access(with_prefetch(whole, conditions=..., serviceRequests=...), server)
        answer = post(service, request).get_json()
    asked = {target.partition("?")[0] for target in server.asked}
    assert asked == {"/fhir/Condition", "/fhir/ServiceRequest"}
    assert without_uuids(answer) == without_uuids(post(service, whole).get_json())


@pytest.mark.conformance("DATA-3", "RESP-4")
def test_conditions_that_are_neither_sent_nor_readable_give_412(service: FlaskClient) -> None:
    request = with_prefetch(chart(), conditions=...)
    response = post(service, request)
    assert response.status_code == 412
    assert outcome_of(response)["code"] == "incomplete"
    with listening(FhirServer({})) as server:
        assert post(service, with_access(request, server)).status_code == 412


@pytest.mark.conformance("DATA-4")
def test_what_was_not_sent_is_unknown_and_never_called_missing(service: FlaskClient) -> None:
    blind = with_prefetch(chart(), diagnosticReports=..., imagingStudies=...)
    known, unknown = (explanations(post(service, request)) for request in (chart(), blind))
    assert "notAssessed" not in str(known)
    assert "sstr-imaging" in str(unknown)
    assert known != unknown


@pytest.mark.conformance("DATA-5", "DATA-10")
@pytest.mark.parametrize("nothing", [None, EMPTY_SEARCH, EMPTY_SEARCH | {"entry": []}])
def test_null_and_an_empty_search_say_the_same(service: FlaskClient, nothing: Any) -> None:
    imaging = {"diagnosticReports": nothing, "imagingStudies": nothing}
    response = post(service, with_prefetch(chart(), **imaging))
    assert without_uuids(response.get_json()) == without_uuids(post(service, chart()).get_json())
    no_conditions = post(service, with_prefetch(chart(), conditions=nothing))
    assert (no_conditions.status_code, no_conditions.get_json()) == (200, {"cards": []})


@pytest.mark.conformance("DATA-6", "DATA-10")
def test_an_operation_outcome_under_a_key_means_that_nothing_is_known(service: FlaskClient) -> None:
    assert post(service, with_prefetch(chart(), conditions=FAILED)).status_code == 412
    summaries = []
    for value in (..., FAILED):
        request = with_prefetch(chart(), diagnosticReports=value, imagingStudies=value)
        summaries.append([card["summary"] for card in post(service, request).get_json()["cards"]])
    assert summaries[0] == summaries[1]


@pytest.mark.conformance("DATA-7")
def test_a_first_page_is_followed_or_called_incomplete(service: FlaskClient) -> None:
    whole = chart()
    with listening(FhirServer(whole["prefetch"], page_size=1)) as server:
        first = server.answer("/fhir/Condition?", None)[1]
        followed = post(service, with_access(with_prefetch(whole, conditions=first), server)).get_json()
    assert without_uuids(followed) == without_uuids(post(service, whole).get_json())
    alone = explanations(post(service, with_prefetch(whole, conditions=first)))
    assert any(each.get("notAssessed") for each in alone)


WRONG_TYPES = [
    [],
    "Condition/1",
    5,
    True,
    {},
    {"resourceType": "Patient", "id": "patient-1"},
    {"resourceType": "Bundle", "entry": "none"},
    {"resourceType": "Bundle", "entry": [None, 5, {}, {"resource": None}, {"resource": []}]},
    {"entry": [{"resource": {"resourceType": "Condition", "code": 7, "subject": []}}]},
]


@pytest.mark.conformance("DATA-8")
@pytest.mark.parametrize("value", WRONG_TYPES)
@pytest.mark.parametrize("key", sorted(chart()["prefetch"]))
def test_a_value_of_another_type_does_no_harm(service: FlaskClient, key: str, value: Any) -> None:
    response = post(service, with_prefetch(chart(), **{key: value}))
    assert response.status_code in (200, 400, 412)


@pytest.mark.conformance("DATA-9")
def test_resources_of_another_patient_are_not_used(service: FlaskClient) -> None:
    conditions = copy.deepcopy(chart()["prefetch"]["conditions"])
    own = copy.deepcopy(conditions["entry"][0])
    own["resource"] |= {"id": "own", "code": {"text": "Ankle sprain"}}
    for entry in conditions["entry"]:
        entry["resource"]["subject"] = {"reference": "Patient/somebody-else"}
    # Where every one is somebody else's, the whole call is refused.
    assert post(service, with_prefetch(chart(HEALTHY_PATIENT), conditions=conditions)).status_code == 400
    entries = [own, *conditions["entry"]]
    mixed = conditions | {"entry": entries, "total": len(entries)}
    response = post(service, with_prefetch(chart(HEALTHY_PATIENT), conditions=mixed))
    assert not [rule for rule in rules_of(response) if rule != "incomplete-data"]


@pytest.mark.conformance("DATA-9")
def test_the_patient_of_somebody_else_is_refused(service: FlaskClient) -> None:
    patient = chart()["prefetch"]["patient"] | {"id": "somebody-else"}
    assert post(service, with_prefetch(chart(), patient=patient)).status_code == 400
