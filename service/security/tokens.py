"""Checks the JSON Web Token with which an EHR identifies itself.

https://cds-hooks.hl7.org/2.0/#trusting-cds-clients and the best practices of
https://cds-hooks.org/best-practices/. Every refusal looks the same from outside; the reason is for the log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt

from service.errors import NotAuthenticated
from service.security.clients import Client
from service.security.key_sets import SignatureKey

LEEWAY_SECONDS = 60  # clocks differ; the CDS Hooks sandbox dates tokens up to half a second ahead
LONGEST_LIFETIME_SECONDS = 3600
_LONGEST_TOKEN = 8192
_LONGEST_ID = 512
_LAST_SECOND = 2**53  # whole numbers up to here are exact as a float; the JSON may hold larger ones
_PLAIN = re.compile(r"[\x21-\x7e]{1,200}")
_REQUIRED_CLAIMS = ["iss", "aud", "exp", "iat", "jti"]

RememberToken = Callable[[str, str, datetime], bool]
"""``(issuer, jti, expires_at) -> bool``: False when the token was seen before; may raise StoreUnavailable."""


def expected_audiences(
    public_url: str, *, service_id: str | None = None, feedback: bool = False
) -> tuple[str, ...]:
    """The values of ``aud`` for one endpoint: its own URL, and for feedback also that of the service.

    Without ``service_id`` the endpoint is discovery. ``public_url`` is configured, because a Host header
    proves nothing.
    """
    discovery = f"{public_url.rstrip('/')}/cds-services"
    if service_id is None:
        return (discovery,)
    service = f"{discovery}/{service_id}"
    return (f"{service}/feedback", service) if feedback else (service,)


def authenticate(
    authorization: str | None,
    *,
    clients: Mapping[str, Client],
    audiences: Collection[str],
    remember_token: RememberToken,
) -> Client:
    """The client that signed the token of an ``Authorization`` header, with the tenant that it names.

    Raises NotAuthenticated for any fault of the token, StoreUnavailable when replays cannot be recognised.
    """
    token = _bearer_token(authorization)
    header, unproven = _unproven(token)
    try:
        return _authenticated(token, header, unproven, clients, audiences, remember_token)
    except NotAuthenticated as refusal:
        refusal.details |= _presented(header, unproven)
        raise


def _authenticated(
    token: str,
    header: Mapping[str, Any],
    unproven: Mapping[str, Any],
    clients: Mapping[str, Client],
    audiences: Collection[str],
    remember_token: RememberToken,
) -> Client:
    client = _client(clients, unproven)
    try:
        key = _key(client, header)
        claims = jwt.decode(
            token,
            key.public_key,
            algorithms=[header["alg"]],
            audience=list(audiences),
            issuer=client.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": _REQUIRED_CLAIMS},
        )
    except jwt.PyJWTError as problem:
        raise _refusal(problem, audiences) from None
    _check_claims(claims)
    client = replace(client, tenant=_tenant(client, claims))
    expires_at = datetime.fromtimestamp(claims["exp"] + LEEWAY_SECONDS, tz=UTC)
    if not remember_token(client.issuer, claims["jti"], expires_at):
        raise NotAuthenticated("the token was used before")
    return client


_CLAIMS: Mapping[type[jwt.PyJWTError], tuple[str, str]] = {
    jwt.InvalidAudienceError: ("aud", "the audience is another"),
    jwt.ExpiredSignatureError: ("exp", "the token has expired"),
    jwt.ImmatureSignatureError: ("iat", "the token is of the future: iat or nbf"),
    jwt.InvalidIssuedAtError: ("iat", "the time of issue is no number"),
    jwt.InvalidIssuerError: ("iss", "the issuer is another"),
    jwt.InvalidSignatureError: ("signature", "the signature is not that of the key"),
}


def _refusal(problem: jwt.PyJWTError, audiences: Collection[str]) -> NotAuthenticated:
    """Which claim was at fault, and what was expected of it."""
    if isinstance(problem, jwt.MissingRequiredClaimError):
        return NotAuthenticated("a claim is missing", claim=problem.claim)
    claim, reason = _CLAIMS.get(type(problem), ("", type(problem).__name__))
    expected = list(audiences) if claim == "aud" else None
    return NotAuthenticated(reason, claim=claim, expected=expected)


def _presented(header: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, str]:
    """Who the token says that it is from, where that is short and plain: nobody has vouched for it."""
    named = {"iss": claims.get("iss"), "kid": header.get("kid"), "alg": header.get("alg")}
    return {name: text for name, text in named.items() if isinstance(text, str) and _PLAIN.fullmatch(text)}


def _bearer_token(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token.isascii() or not 0 < len(token) <= _LONGEST_TOKEN:
        raise NotAuthenticated("no bearer token")
    return token


def _unproven(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims before the signature was checked: good only for finding the key."""
    try:
        whole = jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.PyJWTError as problem:
        raise NotAuthenticated(type(problem).__name__) from None
    return whole["header"], whole["payload"]


def _client(clients: Mapping[str, Client], claims: Mapping[str, Any]) -> Client:
    issuer = claims.get("iss")
    client = clients.get(issuer) if isinstance(issuer, str) else None
    if client is None:
        raise NotAuthenticated("the issuer is not registered")
    return client


def _key(client: Client, header: Mapping[str, Any]) -> SignatureKey:
    """The registered key that the header names; keys and URLs *in* the header are never used."""
    if header.get("typ") != "JWT":
        raise NotAuthenticated("the typ is not JWT")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in client.algorithms:
        raise NotAuthenticated("the algorithm is not the client's")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= _LONGEST_ID:
        raise NotAuthenticated("the header has no kid")
    if client.key_set_url is not None and header.get("jku", client.key_set_url) != client.key_set_url:
        raise NotAuthenticated("the jku is not the registered one")
    key = client.find_key(key_id)
    if key is None or algorithm not in key.algorithms:
        raise NotAuthenticated("the client has no such key for this algorithm")
    return key


def _check_claims(claims: Mapping[str, Any]) -> None:
    """What the JWT library leaves open."""
    issued_at, expires_at = _seconds(claims["iat"]), _seconds(claims["exp"])
    if not 0 < expires_at - issued_at <= LONGEST_LIFETIME_SECONDS:
        raise NotAuthenticated("the token lives too long")
    if not isinstance(claims["jti"], str) or not 0 < len(claims["jti"]) <= _LONGEST_ID:
        raise NotAuthenticated("the jti is no text")


def _tenant(client: Client, claims: Mapping[str, Any]) -> str:
    tenant = claims.get("tenant")
    tenant = "" if tenant is None else tenant
    # What cannot be printed, such as half a surrogate pair, cannot be stored either.
    if not isinstance(tenant, str) or not tenant.isprintable() or len(tenant) > _LONGEST_ID:
        raise NotAuthenticated("the tenant is no text")
    if client.tenants and tenant not in client.tenants:
        raise NotAuthenticated("the tenant is not allowed")
    return tenant


def _seconds(value: object) -> float:
    if not isinstance(value, int | float) or not -_LAST_SECOND < value < _LAST_SECOND:
        raise NotAuthenticated("a time is no number")
    return value
