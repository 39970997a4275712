from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from service.errors import NotAuthenticated, StoreUnavailable
from service.security.clients import Client
from service.security.tokens import authenticate, expected_audiences
from tests.security.keys import AUDIENCE, ISSUER, PUBLIC_URL, claims, client, elliptic, rsa_key, signed


def call(
    token: str | None, *, registered: Client | None = None, remember: Any = None, scheme: str = "Bearer"
) -> Client:
    registered = registered or client()
    return authenticate(
        None if token is None else f"{scheme} {token}",
        clients={registered.issuer: registered},
        audiences=(AUDIENCE,),
        remember_token=remember or (lambda issuer, jti, expires_at: True),
    )


def encoded(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def in_seconds(seconds: float) -> int:
    return int(time.time() + seconds)


def public_pem(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem


def signed_with_hmac_of_the_public_key() -> str:
    """Built by hand, because PyJWT refuses to make it."""
    import hashlib
    import hmac

    message = f"{encoded({'alg': 'HS384', 'typ': 'JWT', 'kid': 'rsa-1'})}.{encoded(claims())}"
    digest = hmac.new(public_pem(rsa_key()), message.encode(), hashlib.sha384).digest()
    return f"{message}.{encoded(digest)}"


def with_changed_claims() -> str:
    header, _, signature = signed().split(".")
    return f"{header}.{encoded(claims(aud=[AUDIENCE], sub='admin'))}.{signature}"


def with_changed_signature() -> str:
    head, _, signature = signed().rpartition(".")
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def unsigned(**header: Any) -> str:
    return f"{encoded({'alg': 'none', 'typ': 'JWT', 'kid': 'ec-1', **header})}.{encoded(claims())}."


def with_header(**members: Any) -> str:
    header = {"alg": "ES384", "typ": "JWT", "kid": "ec-1", **members}
    header = {name: value for name, value in header.items() if value is not ...}
    message = f"{encoded(header)}.{encoded(claims())}"
    signature = jwt.get_algorithm_by_name("ES384").sign(message.encode(), elliptic())
    return f"{message}.{encoded(signature)}"


def with_raw_claims(raw: bytes) -> str:
    message = f"{encoded({'alg': 'ES384', 'typ': 'JWT', 'kid': 'ec-1'})}.{encoded(raw)}"
    signature = jwt.get_algorithm_by_name("ES384").sign(message.encode(), elliptic())
    return f"{message}.{encoded(signature)}"


def own_key_in_header() -> str:
    from tests.security.keys import public

    attacker = elliptic("attacker")
    return signed(key=attacker, jwk=public(attacker, "ec-1"))


ATTACKS: dict[str, Callable[[], str | None]] = {
    "no header": lambda: None,
    "empty token": lambda: "",
    "no dots": lambda: "abc",
    "two parts": lambda: "e30.e30",
    "five parts like an encrypted token": lambda: "e30.e30.e30.e30.e30",
    "letters beyond ASCII": lambda: signed() + "é",
    "two tokens": lambda: f"{signed()} {signed()}",
    "longer than any token": lambda: signed(claims(pad="x" * 9000)),
    "alg none": unsigned,
    "alg None in other letters": lambda: unsigned(alg="nOnE"),
    "alg none with a signature": lambda: unsigned() + signed().rpartition(".")[2],
    "signature left out": lambda: signed().rpartition(".")[0] + ".",
    "HS384 with the public key as secret": signed_with_hmac_of_the_public_key,
    "HS256 with a guessed secret": lambda: signed(key="s" * 64, algorithm="HS256"),
    "alg missing": lambda: with_header(alg=...),
    "alg a list": lambda: with_header(alg=["ES384"]),
    "algorithm not registered, key known": lambda: signed(
        key=elliptic("p256", "P-256"), algorithm="ES256", kid="ec-256"
    ),
    "RS256 where RS384 is registered": lambda: signed(key=rsa_key(), algorithm="RS256", kid="rsa-1"),
    "RS384 with the kid of the EC key": lambda: signed(key=rsa_key(), algorithm="RS384"),
    "ES384 with the kid of the RSA key": lambda: signed(kid="rsa-1"),
    "signed by another": lambda: signed(key=elliptic("attacker")),
    "claims changed": with_changed_claims,
    "signature changed": with_changed_signature,
    "kid missing": lambda: with_header(kid=...),
    "kid empty": lambda: with_header(kid=""),
    "kid a number": lambda: with_header(kid=1),
    "kid unknown": lambda: signed(kid="ec-2"),
    "kid a path": lambda: signed(kid="../../etc/passwd"),
    "kid an SQL statement": lambda: signed(kid="ec-1' OR '1'='1"),
    "typ missing": lambda: with_header(typ=...),
    "typ of another kind of token": lambda: with_header(typ="at+jwt"),
    "own key in jwk": own_key_in_header,
    "own key behind x5u": lambda: signed(key=elliptic("attacker"), x5u="https://evil.example/c"),
    "own key in x5c": lambda: signed(key=elliptic("attacker"), x5c=["MIIB"]),
    "critical extension": lambda: with_header(crit=["exp"]),
    "extension said to be critical and not used": lambda: with_header(crit=["b64"]),
    "payload not encoded": lambda: with_header(b64=False, crit=["b64"]),
    "iss missing": lambda: signed(claims(iss=None)),
    "iss unknown": lambda: signed(claims(iss="https://evil.example")),
    "iss with a slash at the end": lambda: signed(claims(iss=f"{ISSUER}/")),
    "iss a list": lambda: with_raw_claims(json.dumps({**claims(), "iss": [ISSUER]}).encode()),
    "aud missing": lambda: signed(claims(aud=None)),
    "aud empty": lambda: signed(claims(aud=[])),
    "aud of another service": lambda: signed(claims(aud=f"{PUBLIC_URL}/cds-services/net-order-sign")),
    "aud only the base": lambda: signed(claims(aud=PUBLIC_URL)),
    "aud of discovery": lambda: signed(claims(aud=f"{PUBLIC_URL}/cds-services")),
    "aud with the right one as a prefix": lambda: signed(claims(aud=f"{AUDIENCE}/feedback")),
    "aud a number": lambda: signed(claims(aud=7)),
    "aud with a number in it": lambda: signed(claims(aud=[AUDIENCE, 7])),
    "exp missing": lambda: signed(claims(exp=None)),
    "exp past": lambda: signed(claims(iat=in_seconds(-400), exp=in_seconds(-120))),
    "exp a text": lambda: signed(claims(exp=str(in_seconds(300)))),
    "exp true": lambda: signed(claims(exp=True)),
    "exp not finite": lambda: with_raw_claims(json.dumps({**claims(), "exp": float("inf")}).encode()),
    "exp not a number": lambda: with_raw_claims(json.dumps({**claims(), "exp": float("nan")}).encode()),
    "exp beyond all dates": lambda: signed(claims(exp=10**30)),
    "exp beyond all floats": lambda: signed(claims(exp=10**400)),
    "lives for a day": lambda: signed(claims(exp=in_seconds(86400))),
    "lives for a second too long": lambda: signed(claims(iat=in_seconds(0), exp=in_seconds(0) + 3602)),
    "exp before iat": lambda: signed(claims(iat=in_seconds(50), exp=in_seconds(40))),
    "iat missing": lambda: signed(claims(iat=None)),
    "iat in the future": lambda: signed(claims(iat=in_seconds(120))),
    "iat a text": lambda: signed(claims(iat=str(in_seconds(0)))),
    "nbf in the future": lambda: signed(claims(nbf=in_seconds(120))),
    "jti missing": lambda: signed(claims(jti=None)),
    "jti empty": lambda: signed(claims(jti="")),
    "jti a number": lambda: signed(claims(jti=5)),
    "jti enormous": lambda: signed(claims(jti="j" * 600)),
    "tenant a list": lambda: signed(claims(tenant=["north"])),
    "tenant zero": lambda: signed(claims(tenant=0)),
    "tenant half a surrogate pair": lambda: signed(claims(tenant="\ud800")),
    "tenant longer than any name": lambda: signed(claims(tenant="x" * 513)),
    "claims a list": lambda: with_raw_claims(b"[]"),
    "claims not JSON": lambda: with_raw_claims(b"{"),
    "claims nested without end": lambda: with_raw_claims(b"[" * 5000),
    "claims not UTF-8": lambda: with_raw_claims(b'{"iss": "\xff"}'),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_token_that_proves_nothing_is_refused_without_saying_why(attack: Callable[[], str | None]) -> None:
    remembered: list[str] = []
    token = attack()
    with pytest.raises(NotAuthenticated) as refusal:
        call(token, remember=lambda issuer, jti, expires_at: remembered.append(jti) or True)
    assert str(refusal.value) == "Authentication failed."
    assert refusal.value.reason
    assert token in (None, "") or token not in refusal.value.reason
    assert remembered == []


@pytest.mark.parametrize("scheme", ["Basic", "JWT", "BearerX", ""])
def test_another_scheme_is_refused(scheme: str) -> None:
    with pytest.raises(NotAuthenticated):
        call(signed(), scheme=scheme)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    assert call(signed(), scheme=scheme).issuer == ISSUER


@pytest.mark.parametrize(
    ("key", "algorithm", "kid", "registered"),
    [
        (elliptic(), "ES384", "ec-1", ("ES384", "RS384")),
        (rsa_key(), "RS384", "rsa-1", ("ES384", "RS384")),
        (elliptic("p256", "P-256"), "ES256", "ec-256", ("ES256",)),
        (rsa_key(), "PS384", "rsa-1", ("PS384",)),
    ],
)
def test_each_registered_algorithm_is_accepted(
    key: Any, algorithm: str, kid: str, registered: tuple[str, ...]
) -> None:
    token = signed(key=key, algorithm=algorithm, kid=kid)
    assert call(token, registered=client(algorithms=registered)).issuer == ISSUER


def test_the_audience_may_be_one_of_several() -> None:
    assert call(signed(claims(aud=["https://other.example", AUDIENCE]))).issuer == ISSUER


@pytest.mark.parametrize(
    ("issued", "expires"),
    [(30, 330), (-300, -30), (0.4, 300.4)],
    ids=["issued a little ahead", "expired a moment ago", "fractions of a second"],
)
def test_clocks_may_differ_a_little(issued: float, expires: float) -> None:
    now = time.time()
    assert call(signed(claims(iat=now + issued, exp=now + expires))).issuer == ISSUER


def test_an_hour_is_long_enough() -> None:
    now = in_seconds(0)
    assert call(signed(claims(iat=now, exp=now + 3600))).issuer == ISSUER


def test_a_token_is_accepted_once() -> None:
    seen: set[tuple[str, str]] = set()

    def remember(issuer: str, jti: str, expires_at: datetime) -> bool:
        new = (issuer, jti) not in seen
        seen.add((issuer, jti))
        return new

    token = signed()
    assert call(token, remember=remember).issuer == ISSUER
    with pytest.raises(NotAuthenticated):
        call(token, remember=remember)


def test_a_token_is_remembered_for_as_long_as_it_could_be_accepted() -> None:
    times: list[datetime] = []
    body = claims()
    call(signed(body), remember=lambda issuer, jti, expires_at: times.append(expires_at) or True)
    assert times == [datetime.fromtimestamp(body["exp"], tz=UTC) + timedelta(seconds=60)]


def test_without_the_store_nobody_is_let_in() -> None:
    def broken(issuer: str, jti: str, expires_at: datetime) -> bool:
        raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        call(signed(), remember=broken)


def test_a_tenant_has_to_be_on_the_list_where_there_is_one() -> None:
    north = client(tenants=("north",))
    assert call(signed(claims(tenant="north")), registered=north) == replace(north, tenant="north")
    for tenant in ("south", None):
        with pytest.raises(NotAuthenticated):
            call(signed(claims(tenant=tenant)), registered=north)


def test_any_tenant_is_accepted_without_a_list() -> None:
    accepted = call(signed(claims(tenant="anywhere")))
    assert (accepted.issuer, accepted.tenant) == (ISSUER, "anywhere")
    assert call(signed()).tenant == ""


def test_a_jku_is_ignored_where_the_keys_come_from_a_file() -> None:
    assert call(signed(jku="https://evil.example/jwks.json")).issuer == ISSUER


@pytest.mark.parametrize(
    "jku", ["https://evil.example/keys", "https://ehr.example.org/keys/", ["x"], None, 1]
)
def test_a_jku_has_to_be_the_registered_one_before_any_key_is_looked_up(jku: object) -> None:
    looked_up: list[str] = []
    remote = client(key_set_url="https://ehr.example.org/keys", find_key=looked_up.append)
    with pytest.raises(NotAuthenticated):
        call(with_header(jku=jku), registered=remote)
    assert looked_up == []


def test_the_registered_jku_is_accepted() -> None:
    remote = client(key_set_url="https://ehr.example.org/keys")
    assert call(signed(jku="https://ehr.example.org/keys"), registered=remote) == remote


def test_each_endpoint_has_its_own_audience() -> None:
    assert expected_audiences(f"{PUBLIC_URL}/") == (f"{PUBLIC_URL}/cds-services",)
    assert expected_audiences(PUBLIC_URL, service_id="net-patient-view") == (AUDIENCE,)
    assert expected_audiences(PUBLIC_URL, service_id="net-patient-view", feedback=True) == (
        f"{AUDIENCE}/feedback",
        AUDIENCE,
    )


def test_the_hand_made_tokens_are_good_where_nothing_is_wrong_with_them() -> None:
    assert call(with_header()).issuer == ISSUER
    assert call(with_raw_claims(json.dumps(claims()).encode())).issuer == ISSUER
