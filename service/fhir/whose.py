"""Whose is a resource? This patient's, another's, or that cannot be told.

https://hl7.org/fhir/R4/references.html: by a relative or absolute reference, by ``urn:uuid:`` within a
Bundle, or by an identifier only. A patient may have replaced another record of the same person
(https://hl7.org/fhir/R4/patient.html#links).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from service.fhir.r4 import Identifier, Patient, Reference, Resource
from service.fhir.references import type_and_id


class Whose(Enum):
    """Whose a resource is."""

    THIS_PATIENTS = "this-patients"
    ANOTHERS = "another-patients"
    NOT_TOLD = "not-told"


@dataclass(frozen=True, slots=True)
class Names:
    """By what this patient is known: ids, references as they are mostly written, and identifiers."""

    ids: frozenset[str]
    references: frozenset[str] = frozenset()
    identifiers: frozenset[tuple[str, str]] = frozenset()

    def within(self, patients: Mapping[str, str | None]) -> Names:
        """With the names that the Patients of a Bundle have in it: fullUrl -> id."""
        ours = {name for name, identity in patients.items() if identity in self.ids}
        return replace(self, references=self.references | ours) if ours else self


def names_of(patient_id: str, patient: Patient | None) -> Names:
    """The names of the patient of a call."""
    replaced = [type_and_id(one)[1] for one in patient.replaced] if patient else []
    identifiers = [_pair(one) for one in patient.identifier or ()] if patient else []
    return Names(
        ids=frozenset({patient_id, *filter(None, replaced)}),
        references=frozenset({f"Patient/{patient_id}", f"urn:uuid:{patient_id}"}),
        identifiers=frozenset(pair for pair in identifiers if pair[1]),
    )


def _pair(identifier: Identifier) -> tuple[str, str]:
    return identifier.system or "", identifier.value or ""


def whose(resource: Resource, names: Names) -> Whose:
    """Whose a resource is; one that names nobody is this patient's, as it came with the patient's data."""
    told = []
    for one in resource.whose():
        if one.reference in names.references:
            return Whose.THIS_PATIENTS
        told.append(_told(one, names))
    if not told or Whose.THIS_PATIENTS in told:
        return Whose.THIS_PATIENTS
    return Whose.NOT_TOLD if Whose.NOT_TOLD in told else Whose.ANOTHERS


def _told(reference: Reference, names: Names) -> Whose:
    if text := reference.reference:
        return _by_reference(text, names)
    if reference.identifier is not None and reference.identifier.value:
        return _by_identifier(_pair(reference.identifier), names)
    return Whose.NOT_TOLD


def _by_reference(text: str, names: Names) -> Whose:
    kind, identity = type_and_id(text)
    if kind in ("Patient", "") and identity in names.ids:
        return Whose.THIS_PATIENTS
    # A name that holds only within one Bundle or resource, without what it names, says nothing.
    return Whose.NOT_TOLD if not identity or identity.startswith(("urn:", "#")) else Whose.ANOTHERS


def _by_identifier(pair: tuple[str, str], names: Names) -> Whose:
    if pair in names.identifiers:
        return Whose.THIS_PATIENTS
    of_one_system = any(system == pair[0] for system, _value in names.identifiers)
    return Whose.ANOTHERS if of_one_system else Whose.NOT_TOLD
