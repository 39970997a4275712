"""A hook request, read and checked.

https://cds-hooks.hl7.org/2.0/#http-request_1
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.errors import MalformedRequest
from service.fhir.access import FhirAccess
from service.fhir.reading import Resource, elements, mapping, string
from service.hooks import schemas

_IDENTIFIER = re.compile(r"(?!\.+$)[A-Za-z0-9._~-]{1,255}")
_TOKEN = re.compile(r"[!-~]+")
_REQUIRED_IN_CONTEXT: Mapping[str, tuple[tuple[str, type], ...]] = {
    "patient-view": (),
    "order-select": (("draftOrders", dict), ("selections", list)),
    "order-sign": (("draftOrders", dict),),
    "appointment-book": (("appointments", dict),),
    "encounter-start": (("encounterId", str),),
}
SCHEMA_NAMES: Mapping[str, str] = {
    hook: "".join(part.title() for part in hook.split("-")) + "Request" for hook in _REQUIRED_IN_CONTEXT
}
"""Hook -> the name of its request schema in ``schemas/request.json``."""


@dataclass(frozen=True, slots=True)
class HookRequest:
    """What the engine needs of a request; ``user_id`` keeps its type (``Practitioner/1``)."""

    service_id: str
    hook: str
    hook_instance: str
    patient_id: str
    user_id: str = ""
    encounter_id: str | None = None
    selections: tuple[str, ...] = ()
    draft_orders: tuple[Resource, ...] = ()
    appointments: tuple[Resource, ...] = ()
    prefetch: Mapping[str, Any] = field(default_factory=dict)
    fhir_access: FhirAccess | None = None


def read_request(document: Mapping[str, Any], *, service_id: str, hook: str) -> HookRequest:
    """Check a parsed request against the schema of ``hook`` and take from it what is used.

    Raises MalformedRequest with a JSON path; its message never repeats a value of the request.
    """
    if not _plainly_valid(document, hook):
        _check(document, hook)
    context = document["context"]
    access = _fhir_access(document)
    if access and access.patient_id is not None and access.patient_id != context["patientId"]:
        raise MalformedRequest(
            "has to be the same patient as context.patientId: send a token for that patient or none",
            path="$.fhirAuthorization.patient",
        )
    return HookRequest(
        service_id=service_id,
        hook=hook,
        hook_instance=document["hookInstance"],
        patient_id=context["patientId"],
        user_id=context["userId"],
        encounter_id=context.get("encounterId") or None,
        selections=tuple(context["selections"]) if hook == "order-select" else (),
        draft_orders=tuple(_resources(context.get("draftOrders"))),
        appointments=tuple(_resources(context.get("appointments"))),
        prefetch=document.get("prefetch") or {},
        fhir_access=access,
    )


def _plainly_valid(document: Mapping[str, Any], hook: str) -> bool:
    """Whether a request keeps its schema, decided by hand for the usual shapes only.

    jsonschema needs some 130 microseconds for one request, this some 5. Whatever is unusual is
    left to the schema, which decides and words the error; a property test holds that nothing
    passes here which the schema refuses.
    """
    context = document.get("context")
    return (
        document.get("hook") == hook
        and _filled(document.get("hookInstance"))
        and isinstance(context, dict)
        and _filled(context.get("userId"))
        and isinstance(patient_id := context.get("patientId"), str)
        and _IDENTIFIER.fullmatch(patient_id) is not None
        and isinstance(context.get("encounterId"), str | None)
        and all(isinstance(context.get(name), kind) for name, kind in _REQUIRED_IN_CONTEXT[hook])
        and (hook != "encounter-start" or _filled(context.get("encounterId")))
        and (hook != "order-select" or all(isinstance(item, str) for item in context["selections"]))
        and isinstance(document.get("fhirServer"), str | None)
        and isinstance(document.get("prefetch"), dict | None)
        and _authorization_plainly_valid(document)
    )


def _authorization_plainly_valid(document: Mapping[str, Any]) -> bool:
    authorization = document.get("fhirAuthorization")
    return authorization is None or (
        isinstance(authorization, dict)
        and _filled(document.get("fhirServer"))
        and isinstance(token := authorization.get("access_token"), str)
        and _TOKEN.fullmatch(token) is not None
        and isinstance(kind := authorization.get("token_type"), str)
        and kind.isascii()
        and kind.lower() == "bearer"
        and type(authorization.get("expires_in")) is int
        and isinstance(authorization.get("scope"), str)
        and isinstance(authorization.get("subject"), str)
        and isinstance(authorization.get("patient"), str | None)
    )


def _filled(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _check(document: Mapping[str, Any], hook: str) -> None:
    fault = schemas.fault_of(document, file="request", name=SCHEMA_NAMES[hook])
    if fault:
        raise MalformedRequest(fault.message, path=fault.path)


def _fhir_access(document: Mapping[str, Any]) -> FhirAccess | None:
    base_url = document.get("fhirServer")
    if not base_url:
        return None
    authorization = mapping(document.get("fhirAuthorization"))
    return FhirAccess(
        base_url=base_url,
        token=authorization.get("access_token"),
        scopes=string(authorization.get("scope")),
        patient_id=authorization.get("patient"),
    )


def _resources(bundle: object) -> Iterator[Resource]:
    """The resources of a Bundle of the context.

    Clients send Bundles without a type, entries that are resources themselves, one resource in
    place of a Bundle, and ``{"resource": ...}`` around any of them; all of that is read.
    """
    whole = _unwrapped(mapping(bundle))
    entries = elements(whole.get("entry")) if whole.get("resourceType") in ("Bundle", None) else [whole]
    for entry in entries:
        resource = _unwrapped(entry)
        if string(resource.get("resourceType")):
            yield resource


def _unwrapped(value: Mapping[str, Any]) -> Mapping[str, Any]:
    while "resourceType" not in value and isinstance(value.get("resource"), dict):
        value = value["resource"]
    return value
