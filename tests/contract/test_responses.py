"""Status codes and the envelope: section 1.8 of the requirements."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from flask.testing import FlaskClient

from service import errors
from service.hooks.request import HookRequest
from service.security.clients import Client
from service.web.parts import Answered
from tests.contract.support import HEALTHY_PATIENT, REQUESTS, chart, post, with_prefetch
from tests.schemas import fault_of
from tests.web.support import app_client, call, outcome_of, request_of

MARK = "Marie Marker"


@pytest.mark.conformance("RESP-1", "CARD-5", "SRC-1", "CODING-1")
@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_every_chart_gets_200_and_an_answer_that_keeps_the_schema(service: FlaskClient, path: Path) -> None:
    response = post(service, orjson.loads(path.read_bytes()))
    assert response.status_code == 200
    assert fault_of(response.get_json(), file="response", name="ServiceResponse") is None


@pytest.mark.conformance("RESP-2")
def test_a_patient_without_a_tumour_gets_no_card(service: FlaskClient) -> None:
    response = post(service, chart(HEALTHY_PATIENT))
    assert (response.status_code, response.get_json()) == (200, {"cards": []})


@pytest.mark.conformance("RESP-2")
@pytest.mark.parametrize("user", ["Patient/patient-1", "RelatedPerson/r1"])
def test_patients_and_relatives_get_no_card(service: FlaskClient, user: str) -> None:
    request = chart()
    request["context"]["userId"] = user
    assert post(service, request).get_json() == {"cards": []}


CASES: list[tuple[Exception, int]] = [
    (errors.MalformedRequest("has to be another", path="$.prefetch"), 400),
    (errors.NotAuthenticated("the token is old"), 401),
    (errors.NotPermitted("This client is not registered for this service."), 403),
    (errors.UnknownService(), 404),
    (errors.MissingData("Conditions are needed."), 412),
    (errors.RequestTooLarge(), 413),
    (errors.UnsupportedMediaType("The body has to be JSON."), 415),
    (ZeroDivisionError(MARK), 500),
    (errors.StoreUnavailable(MARK), 503),
]


@pytest.mark.conformance("RESP-5", "RESP-6", "RESP-7")
@pytest.mark.parametrize(("problem", "status"), CASES, ids=[str(status) for _, status in CASES])
def test_each_kind_of_error_is_an_outcome_with_its_own_status(problem: Exception, status: int) -> None:
    def respond(request: HookRequest, client: Client) -> Answered:
        raise problem

    response = call(app_client(respond=respond), request_of(prefetch={"patient": {"name": MARK}}))
    assert response.status_code == status
    outcome_of(response)
    assert MARK not in response.text
    assert "Traceback" not in response.text


@pytest.mark.conformance("RESP-7")
def test_a_technical_error_is_never_a_card(service: FlaskClient) -> None:
    assert "cards" not in post(service, with_prefetch(chart(), conditions=...)).get_json()


@pytest.mark.conformance("RESP-8")
def test_the_most_urgent_chart_is_still_answered_with_200(service: FlaskClient) -> None:
    answers = [post(service, orjson.loads(path.read_bytes())) for path in REQUESTS]
    assert {response.status_code for response in answers} == {200}
    indicators = {card["indicator"] for response in answers for card in response.get_json()["cards"]}
    assert "critical" in indicators or "warning" in indicators
