from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from gunicorn.http.errors import InvalidChunkSize, NoMoreData

from service import errors
from service.config import Settings
from service.hooks.request import HookRequest
from service.security.clients import Client
from service.web.errors import REPLIES
from service.web.parts import Answered
from tests.web.support import ORIGIN, app_client, call, outcome_of, request_of

MARK = "Marie Marker 1948-02-29"
EXAMPLES: list[tuple[Exception, int]] = [
    (errors.MalformedRequest("has to be another", path="$.prefetch"), 400),
    (errors.NotAuthenticated("the signature is wrong"), 401),
    (errors.NotPermitted("This client is not registered for this service."), 403),
    (errors.NotLocal("the Host is another"), 421),
    (errors.UnknownService(), 404),
    (errors.MissingData("The conditions of the patient are needed."), 412),
    (errors.RequestTooLarge(), 413),
    (errors.UnsupportedMediaType("The body has to be JSON."), 415),
    (errors.StoreUnavailable("The store could not be read or written."), 503),
    (InvalidChunkSize(MARK.encode()), 400),
    (NoMoreData(MARK.encode()), 400),
    (errors.ContentError(["a card is wrong"]), 500),
    (KeyError(MARK), 500),
    (RecursionError(MARK), 500),
]


def failing_with(problem: Exception) -> FlaskClient:
    def respond(request: HookRequest, client: Client) -> Answered:
        raise problem

    return app_client(respond=respond)


@pytest.mark.parametrize(
    ("problem", "status"), EXAMPLES, ids=[type(problem).__name__ for problem, _ in EXAMPLES]
)
def test_every_error_is_an_outcome_that_a_browser_may_read(problem: Exception, status: int) -> None:
    response = call(failing_with(problem), request_of(), headers={"Origin": ORIGIN})
    assert response.status_code == status
    assert outcome_of(response)["severity"] == "error"
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


def leaves(kind: type[errors.ServiceError]) -> Iterator[type[errors.ServiceError]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for each in below:
        yield from leaves(each)


def test_every_fault_of_a_caller_has_a_status_of_its_own() -> None:
    kinds = [kind for kind in leaves(errors.RequestError) if kind.__module__ == "service.errors"]
    assert set(kinds) <= set(REPLIES)
    assert len({REPLIES[kind].status for kind in kinds}) == len(kinds)


def test_a_refused_caller_is_not_told_why() -> None:
    bodies = {
        call(failing_with(errors.NotAuthenticated(reason)), request_of()).data
        for reason in ("no header", "wrong audience", "expired")
    }
    assert len(bodies) == 1
    response = call(failing_with(errors.NotAuthenticated("expired")), request_of())
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_an_unforeseen_error_shows_a_number_and_nothing_else(
    capsys: pytest.CaptureFixture[str], log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    response = call(failing_with(KeyError(MARK)), request_of())
    issue = outcome_of(response)
    assert MARK not in response.text
    assert "Traceback" not in response.text
    assert "KeyError" not in response.text
    (line,) = log_lines()
    assert issue["diagnostics"] == f"incident {line['incident']}"
    assert line["error"][0] == "KeyError"
    assert any(place.startswith("respond:") for place in line["error"])


def store_is_down() -> None:
    raise errors.StoreUnavailable("postgresql://user:password@host is down")


def test_a_store_that_is_down_is_a_503_where_tokens_have_to_be_remembered() -> None:
    settings = Settings(authentication="required")
    response = app_client(settings=settings, check_store=store_is_down).get("/health/ready")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "password" not in response.text


def test_an_open_service_is_ready_without_its_store_and_says_so() -> None:
    response = app_client(check_store=store_is_down).get("/health/ready")
    assert response.get_json() == {"status": "ready", "store": "unavailable"}


def test_a_client_that_breaks_off_is_a_bad_request() -> None:
    response = app_client().post(
        "/cds-services/net-patient-view",
        data=b"{}",
        content_type="application/json",
        headers={"Content-Length": "100"},
    )
    assert response.status_code == 400
    outcome_of(response)
