"""What a resource is about: the rows of code lists and the word lists that it hits.

Each resource is looked at once. Findings are remembered by a keyed digest of the resource, because
charts come back unchanged (order-select fires on every edit of an order) and validating a resource
costs more than all other work on it. Digests, element paths and list names are all that is kept.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from service.fhir.reading import Resource, elements, notes, string, words
from service.fhir.terminology import Concept, Terminology
from service.fhir.validation import Defect, find_defects

_NAMING_CODES: Mapping[str, tuple[str, ...]] = {
    "Condition": ("code",),
    "Observation": ("code",),
    "Procedure": ("code",),
    "DiagnosticReport": ("code",),
    "ImagingStudy": ("procedureCode",),
    "ServiceRequest": ("code", "category", "orderDetail"),
    "MedicationRequest": ("medicationCodeableConcept",),
    "MedicationStatement": ("medicationCodeableConcept",),
    "MedicationAdministration": ("medicationCodeableConcept",),
    "Appointment": ("serviceType", "reasonCode", "appointmentType"),
    "DocumentReference": ("type", "category"),
    "CarePlan": ("category",),
    "Composition": ("type",),
    "Encounter": ("type", "reasonCode", "serviceType"),
    "AllergyIntolerance": ("code",),
    "Flag": ("code",),
}
_NAMING_TEXTS: Mapping[str, tuple[str, ...]] = {
    "ImagingStudy": ("description",),
    "Appointment": ("description", "comment"),
    "DocumentReference": ("description",),
    "CarePlan": ("title", "description"),
    "Composition": ("title",),
}
_FINDING_TEXTS = ("conclusion", "valueString")


@dataclass(frozen=True, slots=True)
class Recognised:
    """``rows`` by list name; ``names`` are word lists found in the resource's name, ``findings`` in
    its conclusion, its value in words and its notes.
    """

    rows: Mapping[str, tuple[Concept, ...]]
    names: frozenset[str]
    findings: frozenset[str]


def named(resource: Resource) -> str:
    """The words that name what a resource is about, without its findings."""
    kind = string(resource.get("resourceType"))
    parts = [words(resource.get(name)) for name in _NAMING_CODES.get(kind, ())]
    parts += [string(resource.get(name)) for name in _NAMING_TEXTS.get(kind, ())]
    parts += [words(part.get("code")) for part in elements(resource.get("component"))]
    return "; ".join(part for part in parts if part)


def coded(resource: Resource) -> list[object]:
    """The CodeableConcepts that name what a resource is about."""
    kind = string(resource.get("resourceType"))
    concepts: list[object] = [
        one for name in _NAMING_CODES.get(kind, ()) for one in elements(resource.get(name))
    ]
    # A panel is about what its components measure.
    concepts += [part.get("code") for part in elements(resource.get("component"))]
    return concepts


def found(resource: Resource) -> str:
    """The words of a resource's findings: conclusion, value in words, notes."""
    parts = [string(resource.get(name)) for name in _FINDING_TEXTS]
    parts.append(notes(resource))
    return "; ".join(part for part in parts if part)


def recognise(resource: Resource, terminology: Terminology) -> Recognised:
    """Look a resource up in every list."""
    rows: dict[str, tuple[Concept, ...]] = {}
    for concept in coded(resource):
        for row in terminology.all_concepts(concept):
            rows[row.list_name] = (*rows.get(row.list_name, ()), row)
    return Recognised(rows, terminology.phrases_in(named(resource)), terminology.phrases_in(found(resource)))


_MEMORY_LIMIT = 16384
_key = secrets.token_bytes(16)
_remembered: dict[bytes, tuple[tuple[Defect, ...], Recognised]] = {}


def inspect(resource: Resource, terminology: Terminology) -> tuple[tuple[Defect, ...], Resource, Recognised]:
    """Defects, the resource without what cannot be read of it, and what that is about."""
    digest = hashlib.blake2b(orjson.dumps(resource), digest_size=16, key=_key).digest()
    known = _remembered.get(digest)
    defects = known[0] if known is not None else find_defects(resource)
    readable = without_unreadable(resource, defects)
    if known is None:
        if len(_remembered) >= _MEMORY_LIMIT:
            _remembered.clear()
        known = _remembered[digest] = defects, recognise(readable, terminology)
    return defects, readable, known[1]


def without_unreadable(resource: Resource, defects: tuple[Defect, ...]) -> Resource:
    """The resource without the elements that a rule would misread."""
    unreadable = {defect.element for defect in defects if defect.touches_reading}
    if not unreadable:
        return resource
    return {element: value for element, value in resource.items() if element not in unreadable}


_NOTES_MATTER = ("Condition", "Procedure", "ServiceRequest", "CarePlan")
"""Whose notes may say what no code does: "under general anaesthesia", "unresectable"."""


def may_matter(resource: Resource, terminology: Terminology) -> bool:
    """Whether a rule may rest on the resource: a cheap look at its codes and words."""
    # The busiest lines of a hook call: every resource of the chart passes here, and most matter to no
    # rule. Their codes come again and again, so that one look-up tells them.
    name = _name_alone(resource)
    if name is None:
        return _may_matter(resource, terminology)
    known = terminology.of_interest.get(name)
    if known is None:
        known = terminology.remember_interest(name, of_interest=_may_matter(resource, terminology))
    return known


def _name_alone(resource: Resource) -> tuple[object, ...] | None:
    """The codes and words by which alone a resource is told; None where there is more to read of it."""
    kind = resource["resourceType"]
    if kind not in _TOLD_BY_CODE or "component" in resource or "note" in resource:
        return None
    try:
        concept = resource["code"]
        codings = concept["coding"]
        name = (
            kind,
            concept.get("text"),
            *[part for one in codings for part in (one["system"], one["code"], one.get("display"))],
        )
        hash(name)
    except (KeyError, TypeError, AttributeError):
        return None
    return name


_TOLD_BY_CODE = ("Condition", "Observation")


def _may_matter(resource: Resource, terminology: Terminology) -> bool:
    kind = resource["resourceType"]
    for name in _NAMING_CODES.get(kind, ()):
        value = resource.get(name)
        if value is not None and terminology.touches(value):
            return True
    if kind == "Observation":
        return any(terminology.touches(part.get("code")) for part in elements(resource.get("component")))
    if any(terminology.mentions(string(resource.get(name))) for name in _LOOKED_AT.get(kind, ())):
        return True
    if kind in _NOTES_MATTER and "note" in resource and terminology.mentions(notes(resource)):
        return True
    return kind in ("Patient", "ImagingStudy") or "medicationReference" in resource


_LOOKED_AT: Mapping[str, tuple[str, ...]] = {**_NAMING_TEXTS, "DiagnosticReport": ("conclusion",)}
"""Texts that make a resource matter although its codes do not."""
