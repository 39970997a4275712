"""Careful reading of FHIR JSON that may not be valid.

Nothing here raises: what has the wrong shape reads as absent. Whether that matters is decided in
:mod:`service.fhir.record`, which validates what a rule may rest on before any fact reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

Resource: TypeAlias = Mapping[str, Any]
"""One FHIR resource as parsed JSON."""


class Coding(NamedTuple):
    """A code in its system; both empty strings where the Coding lacks them."""

    system: str
    code: str
    display: str


def elements(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; a lone object counts as a list of one, anything else as none."""
    if value is None:
        return []
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]
    return [value] if isinstance(value, dict) else []


def string(value: object) -> str:
    """The text itself, or an empty string for anything that is no text."""
    return value if isinstance(value, str) else ""


def mapping(value: object) -> Mapping[str, Any]:
    """The object itself, or an empty one."""
    return value if isinstance(value, dict) else {}


def codings(concept: object) -> Iterator[Coding]:
    """Every Coding of a CodeableConcept, or of a list of them."""
    for one in elements(concept):
        for coding in elements(one.get("coding")):
            yield Coding(
                string(coding.get("system")), string(coding.get("code")), string(coding.get("display"))
            )


def code(concept: Any) -> str:
    """The first code of a CodeableConcept, whatever its system."""
    try:
        # Nearly all concepts have this shape, and facts ask for codes all the time.
        first = concept["coding"][0]["code"]
    except (TypeError, LookupError):
        first = None
    if isinstance(first, str) and first:
        return first
    return next((coding.code for coding in codings(concept) if coding.code), "")


def words(concept: object) -> str:
    """All that a person reads in a CodeableConcept or a list of them: texts, then displays."""
    concepts = elements(concept)
    parts = [string(one.get("text")) for one in concepts]
    parts += [string(coding.get("display")) for one in concepts for coding in elements(one.get("coding"))]
    return "; ".join(filter(None, parts))


def label(concept: object) -> str:
    """The one name to show for a CodeableConcept: its text, else a display, else a code."""
    for one in elements(concept):
        if text := string(one.get("text")):
            return text
    for coding in codings(concept):
        if coding.display:
            return coding.display
    return code(concept)


def notes(resource: Resource) -> str:
    """The texts of ``note``, an array of Annotation."""
    return "; ".join(text for note in elements(resource.get("note")) if (text := string(note.get("text"))))


def reference(resource: Resource) -> str:
    """``Type/id``, or just the type where the resource has no id."""
    kind, identity = string(resource.get("resourceType")), string(resource.get("id"))
    return f"{kind}/{identity}" if identity else kind


def references(value: object) -> Iterator[str]:
    """The ``reference`` of each Reference in a value."""
    for one in elements(value):
        if text := string(one.get("reference")):
            yield text
