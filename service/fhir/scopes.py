"""What the scopes of an access token let the service read.

Both notations of SMART App Launch are read: ``user/Observation.read`` (version 1) and
``user/Observation.rs?category=laboratory`` (version 2, https://hl7.org/fhir/smart-app-launch/STU2/scopes-and-launch-context.html).
Servers have others, as ``Observation.Read (Labs) (R4)`` and ``patient.Condition.read``; what is not
understood may be a permission, so the attempt is made and the FHIR server decides.
"""

from __future__ import annotations

import enum
import re

_SCOPE = re.compile(
    r"(?:patient|user|system)/(?P<type>[A-Z][a-z][A-Za-z]*|\*)\."
    r"(?P<rights>read|write|\*|(?=[cruds])c?r?u?d?s?)(?P<part>\?.*)?"
)
_OF_NO_RESOURCE = re.compile(r"openid|fhirUser|profile|email|(?:online|offline)_access|launch(?:/[a-z]+)?")


class Permission(enum.Enum):
    """How much of a resource type may be read."""

    ALL = "all"
    PART = "part"
    NONE = "none"


def permission(scopes: str, resource_type: str, *, search: bool) -> Permission:
    """What the ``scopes``, parted by blanks or commas, permit: a search, or else the reading by id.

    NONE only where scopes for other resources or rights stand there and none that is not understood. A scope
    that ends in a query permits a part only, so what it yields must never pass for the whole.
    """
    stated = [one for one in re.split(r"[\s,]+", scopes) if one and not _OF_NO_RESOURCE.fullmatch(one)]
    found = [match for match in map(_SCOPE.fullmatch, stated) if match]
    granting = [match for match in found if _grants(match, resource_type, search)]
    if any(not match["part"] for match in granting):
        return Permission.ALL
    if granting:
        return Permission.PART
    return Permission.NONE if found and len(found) == len(stated) else Permission.ALL


def _grants(scope: re.Match[str], resource_type: str, search: bool) -> bool:
    rights = scope["rights"]
    right = "s" if search else "r"
    may = rights in ("read", "*") or (rights != "write" and right in rights)
    return may and scope["type"] in (resource_type, "*")
