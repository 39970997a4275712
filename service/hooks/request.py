"""A hook request, read and checked.

https://cds-hooks.hl7.org/2.0/#http-request_1
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from msgspec import Raw

from service.errors import MalformedRequest
from service.fhir.access import FhirAccess
from service.fhir.read import MISSING, Entry
from service.fhir.references import type_and_id
from service.hooks.hooks import APPOINTMENTS, DRAFT_ORDERS, SELECTIONS
from service.hooks.shapes import checked
from service.json_body import may_hold, read_part

MOST_RESOURCES = 1_000  # draft orders, or appointments, of one call
_TOKEN = re.compile(r"[!-~]{1,16384}")
_USERS = ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson")


@dataclass(frozen=True, slots=True)
class HookRequest:
    """What the engine needs of a request; ``user_id`` keeps its type (``Practitioner/1``).

    ``prefetch`` holds JSON, or texts of JSON that are parsed when they are asked for by ``sent``.

    ``deviations`` are the paths of members that the specification asks for otherwise, for the log.
    """

    service_id: str
    hook: str
    hook_instance: str
    patient_id: str
    user_id: str = ""
    encounter_id: str | None = None
    selections: tuple[str, ...] = ()
    draft_orders: tuple[Entry, ...] = ()
    appointments: tuple[Entry, ...] = ()
    prefetch: Mapping[str, Any] = field(default_factory=dict)
    fhir_access: FhirAccess | None = None
    deviations: tuple[str, ...] = ()

    @property
    def drafts(self) -> tuple[Entry, ...]:
        """All that is being ordered or booked."""
        return (*self.draft_orders, *self.appointments)

    def sent(self, key: str) -> Any:
        """The JSON under a key of ``prefetch``, parsed now if it was not yet; MISSING where there is none.

        Raises MalformedRequest where a member is there twice.
        """
        value = self.prefetch.get(key, MISSING)
        return read_part(value, path=f"$.prefetch.{key}") if isinstance(value, Raw) else value

    def may_hold(self, key: str, texts: Collection[str]) -> bool:
        """Whether one of these texts can be in what was sent under a key, as far as can be told unparsed."""
        value = self.prefetch.get(key, MISSING)
        return may_hold(value, texts) if isinstance(value, Raw) else value is not MISSING


def read_request(document: Mapping[str, Any], *, service_id: str, hook: str) -> HookRequest:
    """Check a parsed request of ``hook`` and take from it what is used.

    Raises MalformedRequest with a JSON path; its message never repeats a value of the request.
    """
    sent = checked(document, hook=hook)
    context = sent.context
    return HookRequest(
        service_id=service_id,
        hook=hook,
        hook_instance=sent.hookInstance,
        patient_id=context.patientId,
        user_id=context.userId,
        encounter_id=context.encounterId or None,
        selections=tuple(getattr(context, SELECTIONS.name, None) or ()),
        draft_orders=_entries(context, DRAFT_ORDERS.name),
        appointments=_entries(context, APPOINTMENTS.name),
        prefetch=sent.prefetch or {},
        fhir_access=_fhir_access(sent),
        deviations=(*_deviations_of_user(context.userId), *_deviations_of_authorization(sent)),
    )


def _fhir_access(sent: Any) -> FhirAccess | None:
    authorization = sent.fhirAuthorization
    base_url = (sent.fhirServer or "").rstrip("/")
    if authorization is None:
        return FhirAccess(base_url) if base_url else None
    if not base_url:
        raise MalformedRequest(
            "has to be the base URL of the FHIR server, because fhirAuthorization is of no use without it",
            path="$.fhirServer",
        )
    if authorization.patient not in (None, sent.context.patientId):
        raise MalformedRequest(
            "has to be the same patient as context.patientId: send a token for that patient or none",
            path="$.fhirAuthorization.patient",
        )
    return _authorized(base_url, authorization)


def _authorized(base_url: str, authorization: Any) -> FhirAccess:
    """A token that no request can carry is left out; the FHIR server then decides what it gives."""
    if not (_is_token(authorization.access_token) and _is_bearer(authorization.token_type)):
        return FhirAccess(base_url)
    return FhirAccess(
        base_url,
        token=authorization.access_token,
        scopes=authorization.scope if isinstance(authorization.scope, str) else "",
        patient_id=authorization.patient,
    )


def _is_token(value: object) -> bool:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def _is_bearer(value: object) -> bool:
    """Whether this may be the type of a bearer token, which is the only one there is to CDS Hooks."""
    return not isinstance(value, str) or (value.isascii() and value.lower() == "bearer")


def _deviations_of_user(user_id: str) -> Iterator[str]:
    if type_and_id(user_id)[0] not in _USERS:
        yield "context.userId"


def _deviations_of_authorization(sent: Any) -> Iterator[str]:
    authorization = sent.fhirAuthorization
    if authorization is None:
        return
    as_specified = {
        "access_token": _is_token(authorization.access_token),
        "token_type": isinstance(authorization.token_type, str) and _is_bearer(authorization.token_type),
        "expires_in": type(authorization.expires_in) is int,
        "scope": isinstance(authorization.scope, str),
        "subject": isinstance(authorization.subject, str),
    }
    yield from (f"fhirAuthorization.{name}" for name, holds in as_specified.items() if not holds)


def _entries(context: Any, name: str) -> tuple[Entry, ...]:
    found = tuple(islice(_entries_of(getattr(context, name, None)), MOST_RESOURCES + 1))
    if len(found) > MOST_RESOURCES:
        raise MalformedRequest(f"has to hold at most {MOST_RESOURCES} resources", path=f"$.context.{name}")
    return found


def _entries_of(bundle: object) -> Iterator[Entry]:
    """The resources of a Bundle of the context, and what its entries hold in their place.

    Clients send Bundles without a type, entries that are resources themselves, one entry in place of
    several, one resource in place of a Bundle, and ``{"resource": ...}`` around any of them; all are read.
    """
    whole = _unwrapped(bundle) if isinstance(bundle, dict) else {}
    entries = whole.get("entry") if whole.get("resourceType") in ("Bundle", None) else whole
    for entry in _listed(entries):
        within = entry if isinstance(entry, dict) else {}
        full_url = within.get("fullUrl")
        yield Entry(_unwrapped(within), full_url if isinstance(full_url, str) else "")


def _listed(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _unwrapped(value: Mapping[str, Any]) -> Mapping[str, Any]:
    while "resourceType" not in value and isinstance(value.get("resource"), dict):
        value = value["resource"]
    return value
