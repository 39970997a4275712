"""fhirAuthorization and FHIR access: section 1.7 of the requirements."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.contract.support import (
    TOKEN,
    FhirServer,
    ServiceOf,
    chart,
    listening,
    post,
    with_access,
    with_prefetch,
    without_uuids,
)


def without_prefetch(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "prefetch"}


@pytest.mark.conformance("AUTHZ-1", "AUTHZ-2", "AUTHZ-10")
@pytest.mark.parametrize("page_size", [1000, 1])
def test_fhir_access_alone_gives_the_cards_of_prefetch(service: FlaskClient, page_size: int) -> None:
    whole = chart()
    with listening(FhirServer(whole["prefetch"], page_size=page_size)) as server:
        read = post(service, with_access(without_prefetch(whole), server)).get_json()
    assert without_uuids(read) == without_uuids(post(service, whole).get_json())
    assert read["cards"]
    assert server.tokens == {f"Bearer {TOKEN}"}


@pytest.mark.conformance("AUTHZ-3")
@pytest.mark.parametrize(
    ("name", "value", "is_used"),
    [
        ("access_token", 5, False),
        ("token_type", "mac", False),
        ("token_type", None, True),
        ("expires_in", "300", True),
        ("scope", ["patient/*.read"], True),
        ("subject", None, True),
    ],
)
def test_an_ill_typed_part_of_the_authorization_is_logged(
    service: FlaskClient, capsys: pytest.CaptureFixture[str], name: str, value: object, is_used: bool
) -> None:
    with listening(FhirServer(chart()["prefetch"])) as server:
        response = post(service, with_access(without_prefetch(chart()), server, **{name: value}))
    assert response.status_code == 200
    assert {f"Bearer {TOKEN}" == sent for sent in server.tokens} == {is_used}
    assert f'"deviations":["fhirAuthorization.{name}"]' in capsys.readouterr().out


@pytest.mark.conformance("AUTHZ-4")
def test_a_token_for_another_patient_is_refused_and_not_used(service: FlaskClient) -> None:
    with listening(FhirServer(chart()["prefetch"])) as server:
        response = post(service, with_access(without_prefetch(chart()), server, patient="somebody-else"))
        assert response.status_code == 400
        assert not server.asked
        good = with_access(without_prefetch(chart()), server, patient=chart()["context"]["patientId"])
        assert post(service, good).status_code == 200


@pytest.mark.conformance("AUTHZ-5")
@pytest.mark.parametrize("scope", ["patient/*.read", "patient/*.rs", "user/*.cruds", "launch system/*.*"])
def test_scopes_of_both_spellings_permit_reading(service: FlaskClient, scope: str) -> None:
    with listening(FhirServer(chart()["prefetch"])) as server:
        response = post(service, with_access(without_prefetch(chart()), server, scope=scope))
    assert response.status_code == 200


@pytest.mark.conformance("AUTHZ-5")
def test_what_the_scopes_leave_out_is_not_asked_for(service: FlaskClient) -> None:
    with listening(FhirServer(chart()["prefetch"])) as server:
        post(service, with_access(without_prefetch(chart()), server, scope="patient/Condition.rs"))
    assert {target.partition("?")[0] for target in server.asked} == {"/fhir/Condition"}


@pytest.mark.conformance("AUTHZ-7", "LOG-1")
def test_the_token_is_in_no_answer_and_no_log(
    service: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(FhirServer(chart()["prefetch"])) as server:
        good = post(service, with_access(without_prefetch(chart()), server))
    with listening(FhirServer({})) as refusing:
        failed = post(service, with_access(without_prefetch(chart()), refusing))
    assert (good.status_code, failed.status_code) == (200, 412)
    written = capsys.readouterr()
    assert written.out.count("\n") >= 2
    for text in (good.text, failed.text, written.out, written.err):
        assert TOKEN not in text


@pytest.mark.conformance("AUTHZ-8")
def test_nothing_is_asked_after_the_answer(service: FlaskClient) -> None:
    with listening(FhirServer(chart()["prefetch"])) as server:
        post(service, with_access(without_prefetch(chart()), server))
        asked = len(server.asked)
        time.sleep(0.2)
        assert len(server.asked) == asked


@pytest.mark.conformance("AUTHZ-12")
def test_a_server_that_is_not_on_the_list_is_never_contacted(service_of: ServiceOf) -> None:
    strict = service_of(allowed_fhir_servers=("https://fhir.example.org/r4",))
    with listening(FhirServer(chart()["prefetch"])) as server:
        blind = post(strict, with_access(with_prefetch(chart(), conditions=...), server))
        sighted = post(strict, with_access(with_prefetch(chart(), imagingStudies=...), server))
    assert (blind.status_code, sighted.status_code) == (412, 200)
    assert not server.asked
