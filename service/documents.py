"""JSON that others wrote: envelopes as they are, and resources as their classes.

Bundles, CapabilityStatements and cards are looked at as plain JSON: what has the wrong shape there reads as
absent (https://hl7.org/fhir/R4/json.html). Whoever asks a resource what it is about reads it first, as the
service does, by :mod:`service.fhir.read`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from service.fhir.r4 import Resource
from service.fhir.read import Entry, Read, read_resources
from service.fhir.record import DRAFTS

Document: TypeAlias = Mapping[str, Any]
"""A JSON object."""

_R = TypeVar("_R", bound=Resource)


def elements(value: object) -> list[Document]:
    """The objects of a list; of anything else none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def mapping(value: object) -> Document:
    """The object itself, or an empty one."""
    return value if isinstance(value, dict) else {}


def string(value: object) -> str:
    """The text itself, or an empty string for anything that is no text."""
    return value if isinstance(value, str) else ""


def reference(resource: Document) -> str:
    """``Type/id``, or just the type where the resource has no id."""
    kind, identity = string(resource.get("resourceType")), string(resource.get("id"))
    return f"{kind}/{identity}" if identity else kind


def has_next(bundle: Document) -> bool:
    """Whether a Bundle says that there is a further page."""
    return any(link.get("relation") == "next" for link in elements(bundle.get("link")))


def read(documents: Iterable[Document]) -> list[Read]:
    """Each resource as the service reads it, with its defects; of the types that are read."""
    return read_resources([Entry(one) for one in documents], DRAFTS).read


def typed(documents: Iterable[Document], kind: type[_R]) -> list[_R]:
    """Each resource of one type as its class."""
    return [one.resource for one in read(documents) if isinstance(one.resource, kind)]
