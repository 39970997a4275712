"""Client authentication: section 1.16 of the requirements, through HTTP; details in tests/security."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.contract.support import ServiceOf, chart, post
from tests.security.keys import (
    AUDIENCE,
    ISSUER,
    PUBLIC_URL,
    claims,
    elliptic,
    key_set,
    public,
    rsa_key,
    signed,
)

FEEDBACK = {"feedback": []}


@pytest.fixture(scope="module")
def strict(service_of: ServiceOf, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A service with one registered client, whose keys lie in a file."""
    folder: Path = tmp_path_factory.mktemp("clients")
    keys = key_set(public(elliptic(), "ec-1"), public(rsa_key(), "rsa-1"))
    (folder / "keys.json").write_bytes(keys)
    (folder / "clients.toml").write_text(
        f'[[client]]\niss = "{ISSUER}"\njwks_file = "keys.json"\ntenants = ["north"]\n', encoding="utf-8"
    )
    return service_of(public_url=PUBLIC_URL, clients_file=folder / "clients.toml")


def fresh(**changes: Any) -> dict[str, Any]:
    return claims(**{"tenant": "north", **changes})


def called(client: FlaskClient, token: str | None) -> TestResponse:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return post(client, chart(), headers=headers)


def refused(client: FlaskClient, token: str | None) -> TestResponse:
    response = called(client, token)
    assert response.status_code == 401
    return response


@pytest.mark.conformance("AUTH-1")
def test_a_token_is_needed_exactly_where_clients_are_registered(
    strict: FlaskClient, service: FlaskClient
) -> None:
    refused(strict, None)
    assert called(service, None).status_code == 200
    assert called(strict, signed(fresh())).status_code == 200


@pytest.mark.conformance("AUTH-2", "AUTH-5", "FB-11", "DISC-15")
def test_each_endpoint_takes_a_token_made_out_to_its_own_address(strict: FlaskClient) -> None:
    discovery = f"{PUBLIC_URL}/cds-services"

    def get(token: str) -> int:
        return strict.get("/cds-services", headers={"Authorization": f"Bearer {token}"}).status_code

    def give_feedback(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return strict.post(
            "/cds-services/net-patient-view/feedback", json=FEEDBACK, headers=headers
        ).status_code

    assert strict.get("/cds-services").status_code == 401
    assert strict.post("/cds-services/net-patient-view/feedback", json=FEEDBACK).status_code == 401
    assert get(signed(fresh(aud=discovery))) == 200
    assert get(signed(fresh(aud=AUDIENCE))) == 401
    assert give_feedback(signed(fresh(aud=f"{AUDIENCE}/feedback"))) == 200
    assert give_feedback(signed(fresh(aud=AUDIENCE))) == 200
    assert give_feedback(signed(fresh(aud=discovery))) == 401
    refused(strict, signed(fresh(aud=f"{discovery}/net-order-sign")))
    refused(strict, signed(fresh(aud="http://localhost/cds-services/net-patient-view")))


@pytest.mark.conformance("AUTH-3")
def test_the_header_has_to_be_whole(strict: FlaskClient) -> None:
    refused(strict, jwt.encode(fresh(), elliptic(), algorithm="ES384"))
    for header in ({"typ": None}, {"typ": "at+jwt"}, {"kid": "unknown"}, {"kid": ""}):
        refused(strict, signed(fresh(), **header))


@pytest.mark.conformance("AUTH-4")
@pytest.mark.parametrize("name", ["iss", "aud", "exp", "iat", "jti"])
def test_each_claim_is_needed(strict: FlaskClient, name: str) -> None:
    refused(strict, signed(fresh(**{name: None})))


@pytest.mark.conformance("AUTH-4")
def test_aud_may_be_an_array(strict: FlaskClient) -> None:
    assert called(strict, signed(fresh(aud=["https://other.example.org", AUDIENCE]))).status_code == 200


@pytest.mark.conformance("AUTH-6")
def test_an_issuer_that_is_not_registered_is_refused(strict: FlaskClient) -> None:
    refused(strict, signed(fresh(iss="https://sandbox.cds-hooks.org")))


@pytest.mark.conformance("AUTH-7")
def test_a_token_without_signature_is_refused(strict: FlaskClient) -> None:
    refused(strict, jwt.encode(fresh(), None, algorithm="none", headers={"kid": "ec-1"}))


@pytest.mark.conformance("AUTH-8")
def test_a_token_signed_with_a_shared_secret_is_refused(strict: FlaskClient) -> None:
    for algorithm in ("HS256", "HS384"):
        refused(strict, signed(fresh(), key="s" * 64, algorithm=algorithm))


@pytest.mark.conformance("AUTH-9", "AUTH-10")
def test_both_recommended_algorithms_work_with_keys_from_a_file(strict: FlaskClient) -> None:
    assert called(strict, signed(fresh())).status_code == 200
    rsa = signed(fresh(), key=rsa_key(), algorithm="RS384", kid="rsa-1")
    assert called(strict, rsa).status_code == 200


@pytest.mark.conformance("AUTH-11")
def test_a_key_that_the_token_brings_along_is_not_used(strict: FlaskClient) -> None:
    own = elliptic("intruder")
    refused(strict, signed(fresh(), key=own, jwk=public(own, "ec-1")))
    refused(strict, signed(fresh(), key=own, jku="https://evil.example.org/jwks.json"))


@pytest.mark.conformance("AUTH-12")
def test_clocks_may_differ_a_little(strict: FlaskClient) -> None:
    now = int(time.time())
    assert called(strict, signed(fresh(iat=now + 1))).status_code == 200
    refused(strict, signed(fresh(iat=now - 420, exp=now - 120)))


@pytest.mark.conformance("AUTH-13")
def test_a_token_is_good_once(strict: FlaskClient) -> None:
    token = signed(fresh())
    assert called(strict, token).status_code == 200
    refused(strict, token)


@pytest.mark.conformance("AUTH-14")
def test_another_tenant_is_refused(strict: FlaskClient) -> None:
    refused(strict, signed(fresh(tenant="south")))
    refused(strict, signed(fresh(tenant=None)))


@pytest.mark.conformance("AUTH-15")
def test_a_refusal_says_nothing_of_its_reason(
    strict: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    now = int(time.time())
    bad = [None, "rubbish", signed(fresh(aud="x")), signed(fresh(exp=now - 900, iat=now - 1000))]
    answers = [refused(strict, token) for token in bad]
    assert len({response.data for response in answers}) == 1
    assert {response.headers["WWW-Authenticate"] for response in answers} == {"Bearer"}
    written = capsys.readouterr()
    assert not [token for token in bad if token is not None and token in written.out + written.err]


@pytest.mark.conformance("AUTH-16")
def test_a_token_that_lives_too_long_is_refused(strict: FlaskClient) -> None:
    now = int(time.time())
    refused(strict, signed(fresh(iat=now, exp=now + 7200)))
