"""Drugs that an order names by reference only, https://hl7.org/fhir/R4/medicationrequest.html#5.1.4.

Many systems keep the drug in a Medication of its own: contained in the order, beside it in the Bundle, or
only on the server. A search brings it with ``_include``, which the templates of prefetch may not use
(https://cds-hooks.hl7.org/2.0/#prefetch-query-restrictions). An order whose drug is not known may be the very
one that a card would call missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from service.fhir.queries import QUERIES, filled
from service.fhir.r4 import CodeableConcept, Medication, OfMedication
from service.fhir.read import Reading
from service.fhir.references import type_and_id

KEYS = tuple(key for key, query in QUERIES.items() if query.section == "medications")


def queries_for(patient_id: str, templates: Mapping[str, str]) -> dict[str, str]:
    """Prefetch key -> relative URL, as it is put to a FHIR server: for this patient, with the drugs."""
    return {
        key: with_medications(key, filled(template, patient_id=patient_id))
        for key, template in templates.items()
    }


def with_medications(key: str, query: str) -> str:
    """The query of a prefetch key, as it is put to a FHIR server: together with the drugs."""
    return f"{query}&_include={QUERIES[key].resource_type}:medication" if key in KEYS else query


def named_medication(order: OfMedication) -> str:
    """The reference by which a resource names its drug."""
    return (order.medication_reference and order.medication_reference.reference) or ""


MOST_READ_SINGLY = 20
"""Drugs of one call that are asked for one by one."""


def reads_of(references: Iterable[str], base_url: str) -> list[str]:
    """The queries that read these Medications from the server with that base URL, each once."""
    base = f"{base_url.rstrip('/')}/"
    named = [
        type_and_id(one.removeprefix(base)) for one in references if one.startswith(base) or ":" not in one
    ]
    reads = [f"{kind}/{identity}" for kind, identity in named if kind == "Medication"]
    return list(dict.fromkeys(reads))[:MOST_READ_SINGLY]


@dataclass(frozen=True, slots=True)
class Medications:
    """The Medications of a call by their names: ``Medication/1``, or the fullUrl of their entry."""

    by_name: Mapping[str, Medication]

    @staticmethod
    def among(readings: Iterable[Reading]) -> Medications:
        """Those of all keys."""
        return Medications({name: one for reading in readings for name, one in reading.medications.items()})

    def resolve(self, order: OfMedication) -> bool:
        """Give a resource the concepts of its drug; False where a reference names it that leads nowhere."""
        if order.medication_codeable_concept is not None:
            order.drug = (order.medication_codeable_concept,)
        elif order.medication_reference is not None:
            order.drug = tuple(self._concepts(order))
            return bool(order.drug) or order.is_of_no_concern
        return True

    def _concepts(self, order: OfMedication) -> Iterable[CodeableConcept]:
        target, name = order.medication_reference, named_medication(order)
        medication = _contained(order, name[1:]) if name.startswith("#") else self._found(name)
        if medication is not None:
            yield from medication.naming_concepts()
            yield from (CodeableConcept(text=text) for text in medication.naming_texts() if text)
            order.form = medication.form.words if medication.form else ""
        elif target is not None and target.display:
            yield CodeableConcept(text=target.display)

    def _found(self, name: str) -> Medication | None:
        return self.by_name.get(name) or self.by_name.get("/".join(type_and_id(name)))


def _contained(order: OfMedication, identity: str) -> Medication | None:
    for document in order.contained or ():
        if isinstance(document, dict) and document.get("id") == identity:
            try:
                return msgspec.convert(document, Medication)
            except msgspec.ValidationError:
                return None
    return None
