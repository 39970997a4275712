from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from service.errors import NotAuthenticated
from service.security.clients import Client
from service.web import logs
from service.web.parts import Answered
from tests.web.support import HOOK_INSTANCE, a_card, app_client, call, request_of, with_context

Lines = Callable[[], list[dict[str, Any]]]
MARK = "MARIEMARKER"


def test_a_call_leaves_one_line_with_what_an_operator_needs(log_lines: Lines) -> None:
    answered = Answered(
        (a_card(),), durations={"rules": 0.2}, sections={"imaging": {"state": "unknown", "unreadable": 2}}
    )
    client = app_client(
        respond=lambda _request, _client: answered,
        authenticate=lambda _header, _audiences: Client(issuer="https://ehr.example.org"),
    )
    call(client, request_of())
    (line,) = log_lines()
    assert line["event"] == "request"
    assert line["status"] == 200
    assert line["service"] == "net-patient-view"
    assert line["client"] == "https://ehr.example.org"
    assert line["hookInstance"] == HOOK_INSTANCE
    assert line["cards"] == [["sstr-imaging", "ki67"]]
    assert line["sections"] == {"imaging": {"state": "unknown", "unreadable": 2}}
    assert set(line["durations"]) == {"parse", "rules"}
    assert line["ms"] > 0


def test_discovery_preflight_and_unknown_addresses_leave_a_line_each(log_lines: Lines) -> None:
    client = app_client()
    client.get("/cds-services")
    client.options("/cds-services")
    client.get(f"/{MARK}")
    assert [line["status"] for line in log_lines()] == [200, 204, 404]


def test_nothing_that_a_request_says_gets_into_the_log(
    log_lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    marked = request_of(
        hookInstance=f"{MARK} instance",
        fhirServer=f"https://{MARK}.example.org/fhir",
        fhirAuthorization={
            "access_token": f"{MARK}-token",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": MARK,
            "subject": MARK,
        },
        prefetch={"patient": {"resourceType": "Patient", "id": MARK}, MARK: MARK},
    )
    marked = with_context(marked, patientId=MARK, userId=f"Practitioner/{MARK}", encounterId=MARK)
    client = app_client([a_card()])
    good = call(client, marked, headers={"Authorization": f"Bearer {MARK}", "User-Agent": MARK})
    assert good.status_code == 200
    malformed = [
        with_context(marked, patientId=f"Patient/{MARK}"),
        marked | {"hook": MARK},
        marked | {"prefetch": MARK},
    ]
    assert {call(client, document).status_code for document in malformed} == {400}
    twice = f'{{"{MARK}":1,"{MARK}":2}}'
    assert (
        client.post("/cds-services/net-patient-view", data=twice, content_type="application/json").status_code
        == 400
    )
    assert client.post(f"/cds-services/{MARK}", json=marked).status_code == 404

    def fail(_request: object, _client: object) -> Answered:
        raise ValueError(MARK)

    assert call(app_client(respond=fail), marked).status_code == 500
    written = capsys.readouterr()
    assert len(written.out.splitlines()) == 7
    assert MARK.lower() not in (written.out + written.err).lower()


def test_a_hook_instance_that_is_no_uuid_is_only_counted(log_lines: Lines) -> None:
    call(app_client(), request_of(hookInstance="free text"))
    (line,) = log_lines()
    assert "hookInstance" not in line
    assert line["hookInstanceIsUuid"] is False


def test_the_reason_of_a_refusal_is_for_the_log_only(log_lines: Lines) -> None:
    def refuse(_header: object, _audiences: object) -> Client:
        raise NotAuthenticated("the audience is another")

    response = call(app_client(authenticate=refuse), request_of())
    (line,) = log_lines()
    assert line["reason"] == "the audience is another"
    assert "audience" not in response.text


def test_other_parts_of_the_service_log_lines_of_json_too(log_lines: Lines) -> None:
    logger = logging.getLogger("service.elsewhere")
    logger.warning("The store failed: %s", "OperationalError")
    try:
        raise ValueError(MARK)
    except ValueError:
        logger.exception("Something failed")
    first, second = log_lines()
    assert (first["event"], first["level"]) == ("The store failed: OperationalError", "WARNING")
    assert second["error"][0] == "ValueError"
    assert MARK not in str(second)


def test_logging_is_set_up_once_however_often_it_is_asked_for(log_lines: Lines) -> None:
    logs.configure_logging("INFO")
    call(app_client(), request_of())
    assert len(log_lines()) == 1


def test_an_answer_does_not_wait_for_a_log_that_cannot_be_written(
    log_lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as full, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", full)
        assert call(app_client(), request_of()).status_code == 200
        with suppress(OSError):
            full.close()
    assert log_lines() == []


def test_a_refusal_leaves_its_reason_and_the_place_of_the_fault(log_lines: Lines) -> None:
    client = app_client()
    call(client, request_of(context={"patientId": 1, "userId": "Practitioner/1"}))
    client.get("/nowhere")
    client.post(
        "/cds-services/net-patient-view", data=f'{{"{MARK}":1,"{MARK}":2}}', content_type="application/json"
    )
    refused, nowhere, twice = log_lines()
    assert (refused["method"], refused["path"]) == ("POST", "/cds-services/<service_id>")
    assert (refused["jsonPath"], refused["refused"]) == ("$.context.patientId", "MalformedRequest")
    assert refused["reason"].startswith("has to be the bare id")
    assert (nowhere["method"], nowhere["status"], nowhere["refused"]) == ("GET", 404, "NotFound")
    assert twice["jsonPath"] == "$.*"


def test_a_request_id_is_taken_over_or_given_and_comes_back(log_lines: Lines) -> None:
    client = app_client()
    given = client.get("/cds-services", headers={"X-Request-ID": "call-7.a_B"})
    made = [
        client.get("/cds-services", headers={"X-Request-ID": bad}) for bad in ("", "x" * 65, "Marie Marker")
    ]
    assert given.headers["X-Request-ID"] == "call-7.a_B"
    ids = [answer.headers["X-Request-ID"] for answer in made]
    assert len(set(ids)) == 3
    assert [line["requestId"] for line in log_lines()] == ["call-7.a_B", *ids]


def test_the_trace_that_a_call_belongs_to_is_logged(log_lines: Lines) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    client = app_client()
    client.get("/cds-services", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    client.get("/cds-services", headers={"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"})
    assert [line.get("trace") for line in log_lines()] == [trace, None]


def test_what_a_token_lacks_is_for_the_log_only(log_lines: Lines) -> None:
    def refuse(_header: object, _audiences: object) -> Client:
        raise NotAuthenticated("the audience is another", claim="aud", expected=["a"], iss="b", kid="c")

    response = call(app_client(authenticate=refuse), request_of())
    (line,) = log_lines()
    assert {name: line[name] for name in ("claim", "expected", "iss", "kid")} == {
        "claim": "aud",
        "expected": ["a"],
        "iss": "b",
        "kid": "c",
    }
    assert "aud" not in response.text


def test_a_log_whose_reader_has_stopped_reading_holds_no_call(
    log_lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while os.write(writer, b"x" * 4096):
            pass
    os.set_blocking(writer, True)
    full = os.fdopen(writer, "w")
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", full)
        assert call(app_client(), request_of()).status_code == 200
        os.close(reader)
        assert call(app_client(), request_of()).status_code == 200
        logging.getLogger("service.elsewhere").warning("lost")
    with suppress(OSError):
        full.close()
