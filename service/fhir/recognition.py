"""What a resource is about: the rows of code lists and the word lists that it hits.

Each resource is looked at once. Findings are remembered by a keyed digest of the resource, because
charts come back unchanged (order-select fires on every edit of an order) and validating a resource
costs more than all other work on it. Digests, element paths and list names are all that is kept of it
here; :mod:`service.fhir.terminology` remembers short names of tests, diagnoses and documents by
themselves. Findings, notes and values are never kept here.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

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
    its conclusion, its value in words and its notes. ``tags`` are all three by name, for an index:
    the lists of the rows, ``names``, and ``findings`` with ``=`` before each.
    """

    rows: Mapping[str, tuple[Concept, ...]]
    names: frozenset[str]
    findings: frozenset[str]
    tags: tuple[str, ...]


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
    names, findings = terminology.phrases_in_name(named(resource)), terminology.phrases_in(found(resource))
    tags = (*{*rows, *names}, *(f"={name}" for name in findings))
    return Recognised(rows, names, findings, tags)


class Inspected(NamedTuple):
    """What is remembered of a resource: its defects, and what it is about without them."""

    defects: tuple[Defect, ...]
    about: Recognised


_MEMORY_LIMIT = 4096
_key = secrets.token_bytes(16)
_remembered: dict[bytes, Inspected] = {}
_drafts: dict[bytes, Recognised] = {}
_shared: dict[tuple[object, ...], Inspected] = {}
"""Most resources are like another in all that is remembered of them, so that one object serves many."""


def inspect(resource: Resource, terminology: Terminology) -> Inspected:
    """Look for defects of a resource, and for what it is about."""
    digest = _digest(resource)
    return _remembered.get(digest) or _learn(digest, resource, terminology)


def recognise_draft(draft: Resource, terminology: Terminology) -> Recognised:
    """What a draft of the hook's context is about. Drafts are not validated: few are valid R4 yet."""
    digest = _digest(draft)
    known = _drafts.get(digest)
    if known is None:
        if len(_drafts) >= _MEMORY_LIMIT:
            _drafts.clear()
        known = _drafts[digest] = recognise(draft, terminology)
    return known


def _digest(resource: Resource) -> bytes:
    return hashlib.blake2b(orjson.dumps(resource), digest_size=16, key=_key).digest()


def _learn(digest: bytes, resource: Resource, terminology: Terminology) -> Inspected:
    defects = find_defects(resource)
    about = recognise(without_unreadable(resource, defects), terminology)
    rows = tuple(row[:3] for rows in about.rows.values() for row in rows)
    if len(_remembered) >= _MEMORY_LIMIT:
        _remembered.clear()
        _shared.clear()
    content = (defects, rows, about.names, about.findings)
    known = _remembered[digest] = _shared.setdefault(content, Inspected(defects, about))
    return known


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
    kind = resource["resourceType"]
    for name in _NAMING_CODES.get(kind, ()):
        value = resource.get(name)
        if value is not None and terminology.touches(value):
            return True
    if kind == "Observation":
        return "component" in resource and any(
            terminology.touches(part.get("code")) for part in elements(resource["component"])
        )
    for name in _NAMING_TEXTS.get(kind, ()):
        if terminology.phrases_in_name(string(resource.get(name))):
            return True
    if kind == "DiagnosticReport" and terminology.phrases_in(string(resource.get("conclusion"))):
        return True
    if kind in _NOTES_MATTER and "note" in resource and terminology.phrases_in(notes(resource)):
        return True
    return kind in ("Patient", "ImagingStudy") or "medicationReference" in resource
