"""What the scopes of an access token let the service read.

Both notations of SMART App Launch are read: ``user/Observation.read`` (version 1) and
``user/Observation.rs?category=laboratory`` (version 2, https://hl7.org/fhir/smart-app-launch/STU2/scopes-and-launch-context.html).
"""

from __future__ import annotations

import enum
import re

_SCOPE = re.compile(
    r"(?:patient|user|system)/(?P<type>[A-Za-z]+|\*)\."
    r"(?P<rights>read|write|\*|(?=[cruds])c?r?u?d?s?)(?P<part>\?.*)?"
)


class Permission(enum.Enum):
    """How much of a resource type may be read."""

    ALL = "all"
    PART = "part"
    NONE = "none"


def permission(scopes: str, resource_type: str, *, search: bool) -> Permission:
    """What the space-separated ``scopes`` permit: a search, or otherwise the reading of one resource by id.

    Without any scope the answer is ALL: the FHIR server then decides. A scope that ends in a query permits
    a part only, so what it yields must never pass for the whole.
    """
    if not scopes.strip():
        return Permission.ALL
    found = [match for match in map(_SCOPE.fullmatch, scopes.split()) if match]
    granting = [match for match in found if _grants(match, resource_type, search)]
    if any(not match["part"] for match in granting):
        return Permission.ALL
    return Permission.PART if granting else Permission.NONE


def _grants(scope: re.Match[str], resource_type: str, search: bool) -> bool:
    rights = scope["rights"]
    right = "s" if search else "r"
    may = rights in ("read", "*") or (rights != "write" and right in rights)
    return may and scope["type"] in (resource_type, "*")
