"""What the request of each hook looks like: the types that check it, and that ``/openapi.json`` publishes.

https://cds-hooks.hl7.org/2.0/#http-request_1, lenient where CDS Hooks 1.0 to 3.0 clients differ: unknown
members pass, null stands for an absent optional member, Bundles of the context may lack a type, and the
prefetched data are not looked at. What is not needed of ``fhirAuthorization`` is not demanded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, defstruct

from service.errors import MalformedRequest
from service.hooks.hooks import LONGEST_ID, SERVICES, Member, Service

_LONGEST_USER = 1_000  # characters; some clients write the whole URL
_ID = rf"^(?!\.+$)[A-Za-z0-9._~-]{{1,{LONGEST_ID}}}(?![\s\S])"
_USER_ID = Member(
    "userId",
    Annotated[str, Meta(min_length=1, max_length=_LONGEST_USER)],
    "has to be the reference of the current user, for example 'Practitioner/123'",
)
_PATIENT_ID = Member(
    "patientId",
    Annotated[str, Meta(pattern=_ID)],
    f"has to be the bare id of the Patient: at most {LONGEST_ID} letters, digits, '-', '.', '_' or '~', "
    "without a type such as 'Patient/' in front",
)
_ENCOUNTER_ID = Member(
    "encounterId",
    Annotated[str, Meta(max_length=LONGEST_ID)] | None,
    "has to be the id of an Encounter as a string, or to be left out",
)
_AUTHORIZATION = (
    Member("access_token", Any, "has to be the OAuth 2.0 access token as a string; no other is used"),
    Member("token_type", Any, "has to be 'Bearer'; no other token is used"),
    Member("expires_in", Any, "has to be the lifetime of the token in whole seconds, as a number"),
    Member("scope", Any, "has to be the granted scopes as one string, separated by spaces"),
    Member("subject", Any, "has to be the OAuth 2.0 client id of this service as a string"),
    Member("patient", str | None, "has to be context.patientId, or to be left out"),
)


def _fields(*, required: tuple[Member, ...] = (), optional: tuple[Member, ...] = ()) -> list[Any]:
    needed = [(name, _described(kind, expected)) for name, kind, expected in required]
    return [*needed, *((name, _described(kind, expected), None) for name, kind, expected in optional)]


def _described(kind: Any, expected: str) -> Any:
    return Annotated[kind, Meta(description=expected)]


_FhirAuthorization = defstruct("FhirAuthorization", _fields(optional=_AUTHORIZATION), frozen=True)


def _context(service: Service) -> tuple[Member, ...]:
    return (_USER_ID, _PATIENT_ID, *service.context)


def _request(service: Service) -> tuple[Member, ...]:
    one_hook: Any = Literal
    names = ", ".join(member.name for member in _context(service))
    return (
        Member("hook", one_hook[service.hook], f"has to be '{service.hook}' on this service"),
        Member(
            "hookInstance",
            Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)],
            "has to be a string, best a UUID that was made for this firing of the hook",
        ),
        Member("context", _context_type(service), f"has to be an object with {names}"),
    )


_OPTIONAL = (
    Member(
        "fhirServer",
        str | None,
        "has to be the base URL of the FHIR server as a string, or to be left out where there is no "
        "fhirAuthorization",
    ),
    Member(
        "fhirAuthorization",
        _FhirAuthorization | None,
        "has to be an object with access_token, token_type, expires_in, scope and subject, or to be left out",
    ),
    Member(
        "prefetch",
        dict[str, Any] | None,
        "has to be an object with the prefetch keys of discovery, or to be left out",
    ),
)


def _context_type(service: Service) -> type[msgspec.Struct]:
    required = _context(service)
    optional = () if any(member.name == _ENCOUNTER_ID.name for member in required) else (_ENCOUNTER_ID,)
    return defstruct(_name(service, "Context"), _fields(required=required, optional=optional), frozen=True)


def _request_type(service: Service) -> type[msgspec.Struct]:
    fields = _fields(required=_request(service), optional=_OPTIONAL)
    return defstruct(_name(service, "Request"), fields, frozen=True)


def _name(service: Service, ending: str) -> str:
    return "".join(part.title() for part in service.hook.split("-")) + ending


_TYPES = {service.hook: _request_type(service) for service in SERVICES}
for _type in _TYPES.values():
    # As for the resources (service/fhir/r4.py): before there are threads that might do so at once.
    msgspec.json.Decoder(_type)
_EXPECTED: Mapping[str, Mapping[str, str]] = {
    service.hook: {
        member.name: member.expected
        for member in (_ENCOUNTER_ID, *_context(service), *_request(service), *_OPTIONAL, *_AUTHORIZATION)
    }
    for service in SERVICES
}
"""Hook -> member -> what it has to be. No name is used at two places."""

SCHEMA_NAMES: Mapping[str, str] = {service.hook: _name(service, "Request") for service in SERVICES}
"""Hook -> the name of its request among the schemas."""


def schemas() -> dict[str, Any]:
    """The JSON Schemas of all requests by name; they refer to each other by ``#/$defs/``."""
    _, components = msgspec.json.schema_components(_TYPES.values(), ref_template="#/$defs/{name}")
    return components


def checked(document: Mapping[str, Any], *, hook: str) -> Any:
    """The request as an object with a member of each name, or MalformedRequest with the path of a fault.

    The message never repeats a value of the request.
    """
    try:
        return msgspec.convert(document, _TYPES[hook])
    except msgspec.ValidationError as problem:
        raise _malformed(str(problem), _EXPECTED[hook]) from None


_PROBLEM = re.compile(
    r"(?s)(?:Object missing required field `(?P<missing>\w+)`)?.*?(?: - at `(?P<path>[^`]+)`)?"
)


def _malformed(problem: str, expected: Mapping[str, str]) -> MalformedRequest:
    found = _PROBLEM.fullmatch(problem)
    path, missing = (found["path"], found["missing"]) if found else (None, None)
    path = path or "$"
    if missing:
        return MalformedRequest(f"is missing; it {expected[missing]}", path=f"{path}.{missing}")
    return MalformedRequest(expected[path.rpartition(".")[2].partition("[")[0]], path=path)
