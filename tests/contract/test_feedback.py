"""Feedback: section 1.15 of the requirements."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.contract.support import chart, post
from tests.schemas import fault_of
from tests.web.support import outcome_of

CARD = "3d8f0c57-7a3b-4d5e-9f52-0b2a3f0e9c11"
SUGGESTION = "b5a7a5b0-3b0f-4f0e-8f3c-3f1a1f4f6a22"
ACCEPTED: dict[str, Any] = {
    "card": CARD,
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": SUGGESTION}],
    "outcomeTimestamp": "2026-11-23T03:10:13.081Z",
}
OVERRIDDEN: dict[str, Any] = {
    "card": CARD,
    "outcome": "overridden",
    "overrideReason": {"reason": {"code": "x", "system": "urn:ehr"}, "userComment": "done elsewhere"},
    "outcomeTimestamp": "2026-11-23T03:10:13.081Z",
}


def report(client: FlaskClient, *entries: Any, service_id: str = "net-patient-view") -> TestResponse:
    """Send a report; whatever the published schema refuses, the service has to refuse as well."""
    body = {"feedback": list(entries)}
    response = client.post(f"/cds-services/{service_id}/feedback", json=body)
    if fault_of(body, file="feedback", name="FeedbackRequest"):
        assert response.status_code == 400
    elif response.status_code == 400:
        # JSON Schema does not check the format of a moment.
        assert outcome_of(response)["diagnostics"].endswith(".outcomeTimestamp")
    return response


def changed(entry: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (entry | changes).items() if value is not ...}


@pytest.mark.conformance("FB-1", "FB-10")
@pytest.mark.parametrize("entry", [ACCEPTED, OVERRIDDEN], ids=["accepted", "overridden"])
def test_feedback_is_accepted_with_200_and_an_empty_object(
    service: FlaskClient, entry: dict[str, Any]
) -> None:
    response = report(service, entry)
    assert (response.status_code, response.get_json()) == (200, {})


@pytest.mark.conformance("FB-1")
def test_the_cards_of_a_call_can_be_reported(service: FlaskClient) -> None:
    card = post(service, chart()).get_json()["cards"][0]
    assert report(service, changed(OVERRIDDEN, card=card["uuid"])).status_code == 200


@pytest.mark.conformance("FB-2")
@pytest.mark.parametrize(
    ("body", "status"), [({}, 400), ({"feedback": {}}, 400), ([], 400), ({"feedback": []}, 200)]
)
def test_feedback_has_to_be_an_array_that_may_be_empty(service: FlaskClient, body: Any, status: int) -> None:
    response = service.post("/cds-services/net-patient-view/feedback", json=body)
    assert response.status_code == status


@pytest.mark.conformance("FB-3")
def test_a_card_has_to_be_named_and_need_not_be_known(service: FlaskClient) -> None:
    assert report(service, changed(ACCEPTED, card=...)).status_code == 400
    assert report(service, changed(ACCEPTED, card="never-issued")).status_code == 200
    assert report(service, ACCEPTED, service_id="net-order-sign").status_code == 200


@pytest.mark.conformance("FB-4")
@pytest.mark.parametrize("outcome", ["ignored", "", None, 5, ...])
def test_another_outcome_is_refused(service: FlaskClient, outcome: object) -> None:
    response = report(service, changed(ACCEPTED, outcome=outcome))
    assert response.status_code == 400
    assert outcome_of(response)["diagnostics"] == "$.feedback[0].outcome"


@pytest.mark.conformance("FB-5")
@pytest.mark.parametrize("suggestions", [..., [], "x", [{}], [{"id": 5}]])
def test_an_accepted_card_needs_its_suggestion(service: FlaskClient, suggestions: object) -> None:
    assert report(service, changed(ACCEPTED, acceptedSuggestions=suggestions)).status_code == 400
    assert report(service, changed(OVERRIDDEN, acceptedSuggestions=suggestions)).status_code == 200


@pytest.mark.conformance("FB-6", "OVR-4")
@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ({"reason": {"code": "foreign", "system": "urn:ehr"}}, 200),
        ({"reason": {"code": "foreign", "system": "urn:ehr", "display": "Foreign"}}, 200),
        ({"userComment": "done elsewhere"}, 200),
        (..., 200),
        ({}, 400),
        ({"reason": {"code": "no-system"}}, 200),
        ({"reason": "bare-code-of-version-1.1"}, 200),
        ({"reason": {"display": "no code"}}, 400),
        ({"reason": 5}, 400),
    ],
)
def test_a_reason_may_be_a_code_a_comment_or_both(service: FlaskClient, reason: object, status: int) -> None:
    assert report(service, changed(OVERRIDDEN, overrideReason=reason)).status_code == status


def test_more_than_a_client_could_have_to_tell_is_refused_with_its_place(service: FlaskClient) -> None:
    assert report(service, *[OVERRIDDEN] * 200).status_code == 200
    suggestions = changed(ACCEPTED, acceptedSuggestions=[{"id": SUGGESTION}] * 51)
    for entries, place in (
        ([OVERRIDDEN] * 201, "$.feedback"),
        ([suggestions], "$.feedback[0].acceptedSuggestions"),
    ):
        response = report(service, *entries)
        assert (response.status_code, outcome_of(response)["diagnostics"]) == (400, place)


@pytest.mark.conformance("FB-7")
@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("2026-11-23T03:10:13Z", 200),
        ("2026-11-23T03:10:13.081+01:00", 200),
        ("yesterday", 400),
        ("2026-13-45T99:99:99Z", 400),
        (1763867413, 400),
        (..., 400),
    ],
)
def test_the_moment_has_to_be_one(service: FlaskClient, moment: object, status: int) -> None:
    assert report(service, changed(ACCEPTED, outcomeTimestamp=moment)).status_code == status


@pytest.mark.conformance("FB-8")
def test_reports_may_come_twice_and_mixed(service: FlaskClient) -> None:
    for _ in range(2):
        assert report(service, ACCEPTED, OVERRIDDEN, changed(ACCEPTED, card="another")).status_code == 200


@pytest.mark.conformance("FB-12", "LOG-1")
def test_one_bad_entry_refuses_all_and_a_comment_is_not_logged(
    service: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    comment = {"userComment": "MARIEMARKER refuses"}
    good = changed(OVERRIDDEN, overrideReason=comment)
    mixed = report(service, good, changed(good, outcome="MARIEMARKER"))
    assert mixed.status_code == 400
    assert outcome_of(mixed)["diagnostics"] == "$.feedback[1].outcome"
    assert report(service, good).status_code == 200
    written = capsys.readouterr()
    assert written.out.count("\n") == 2
    assert "MARIEMARKER" not in written.out + written.err + mixed.text
