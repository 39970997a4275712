"""What the current user is, where the EHR sends it: the roles and specialties of a PractitionerRole.

https://hl7.org/fhir/R4/practitionerrole.html. CDS Hooks names the user as PractitionerRole or Practitioner
(``context.userId``), so both are asked for, and only where a decision of the site depends on it. A
Practitioner has no role; its qualifications are read in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.fhir.dates import Moment, parse

USER_TEMPLATES: Mapping[str, str] = {
    "user": "{{context.userId}}",
    "userRoles": "PractitionerRole?practitioner={{userPractitionerId}}",
}
"""Prefetch keys: https://cds-hooks.hl7.org/2.0/#prefetch-tokens. A client leaves out what it cannot fill."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Names in small letters: of each coding its code, ``system|code`` and display, and the text."""

    roles: frozenset[str] = frozenset()
    specialties: frozenset[str] = frozenset()


def roles_in(sent: Iterable[Any], user_id: str, now: datetime) -> Roles:
    """The roles and specialties of the user in what was sent of it; what cannot be read gives none.

    Those of somebody else count for nothing, as do those that have ended or not begun.
    """
    resources = [one for value in sent for one in _resources(value)]
    own = [one for one in resources if _is_of(one, user_id)]
    current = [one for one in own if one.get("active") is not False and _is_now(one.get("period"), now)]
    roles = [name for one in current for name in _names(one.get("code"))]
    qualified = [name for one in current for name in _qualifications(one.get("qualification"))]
    specialties = [name for one in current for name in _names(one.get("specialty"))]
    return Roles(frozenset([*roles, *qualified]), frozenset(specialties))


def _is_of(resource: Mapping[str, Any], user_id: str) -> bool:
    """Whether a resource is the user, or a role of the user; ids are compared, as servers have many names."""
    kind, identity = resource["resourceType"], resource.get("id")
    user_type, _slash, user = user_id.rpartition("/")
    if user_type.rpartition("/")[2] == kind:
        return identity == user
    practitioner = resource.get("practitioner")
    named = practitioner.get("reference") if isinstance(practitioner, dict) else None
    return kind == "PractitionerRole" and isinstance(named, str) and named.endswith(f"Practitioner/{user}")


def _is_now(period: Any, now: datetime) -> bool:
    if not isinstance(period, dict):
        return True
    starts, ends = (_moment(period.get(name)) for name in ("start", "end"))
    return (starts is None or starts.first <= now) and (ends is None or ends.last >= now)


def _moment(text: Any) -> Moment | None:
    return parse(text) if isinstance(text, str) else None


def _resources(value: Any) -> Iterator[Mapping[str, Any]]:
    """A resource, or those of a searchset."""
    if not isinstance(value, dict):
        return
    if value.get("resourceType") in ("PractitionerRole", "Practitioner"):
        yield value
    for entry in _listed(value.get("entry")):
        yield from _resources(entry.get("resource"))


def _qualifications(value: Any) -> Iterator[str]:
    for one in _listed(value):
        yield from _names([one.get("code")])


def _names(concepts: Any) -> Iterator[str]:
    for concept in _listed(concepts):
        yield from _folded(concept.get("text"))
        for coding in _listed(concept.get("coding")):
            system, code = coding.get("system"), coding.get("code")
            yield from _folded(coding.get("display"), code, f"{system}|{code}" if system and code else None)


def _folded(*texts: Any) -> Iterator[str]:
    yield from (" ".join(text.casefold().split()) for text in texts if isinstance(text, str))


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
