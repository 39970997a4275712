"""Drugs that an order names by reference only, https://hl7.org/fhir/R4/medicationrequest.html#5.1.4.

Many systems keep the drug in a Medication of its own. A search brings it only with ``_include``, which
the templates of prefetch may not use (https://cds-hooks.hl7.org/2.0/#prefetch-query-restrictions). An
order whose drug is not known may be the very one that a card would call missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from service.fhir.queries import QUERIES, filled
from service.fhir.reading import Resource, elements, mapping, reference, string

KEYS = tuple(key for key, query in QUERIES.items() if query.section == "medications")

UNNAMED = "the drug of an order was not sent"

_OF_NO_CONCERN = ("cancelled", "entered-in-error", "not-taken")


def queries_for(patient_id: str, templates: Mapping[str, str]) -> dict[str, str]:
    """Prefetch key -> relative URL, as it is put to a FHIR server: for this patient, with the drugs."""
    return {
        key: with_medications(key, filled(template, patient_id=patient_id))
        for key, template in templates.items()
    }


def with_medications(key: str, query: str) -> str:
    """The query of a prefetch key, as it is put to a FHIR server: together with the drugs."""
    return f"{query}&_include={QUERIES[key].resource_type}:medication" if key in KEYS else query


def lacks_a_medication(value: object) -> bool:
    """Whether a Bundle has an order that names its drug only by a reference to what is not in it."""
    if not isinstance(value, Mapping):
        return False
    resources = [mapping(entry.get("resource")) for entry in elements(value.get("entry"))]
    wanted = set(_wanted(resources))
    return bool(wanted) and not wanted <= {reference(one) for one in resources}


def _wanted(resources: list[Mapping[str, Any]]) -> Iterator[str]:
    for resource in resources:
        target = mapping(resource.get("medicationReference"))
        name = string(target.get("reference"))
        is_told = bool(target.get("display")) or name.startswith("#") or _has_concept(resource)
        if target and not is_told and string(resource.get("status")) not in _OF_NO_CONCERN:
            yield "/".join(name.split("/")[-2:])


def _has_concept(resource: Resource) -> bool:
    return bool(resource.get("medicationCodeableConcept"))
