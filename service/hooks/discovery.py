"""The services of this server and the document that lists them.

https://cds-hooks.hl7.org/2.0/#discovery
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

CDS_HOOKS_VERSION = "2.0.1"
"""What ``version`` of a service says; a semantic version, as the text after the 3.0 ballot asks."""

_USAGE_REQUIREMENTS = (
    "Needs the patient's conditions, prefetched or readable on the FHIR server; without them the call is "
    "answered with 412. Works best with every prefetch key: what was not supplied is called unknown, never "
    "absent. The clinical content has not been reviewed by a clinician."
)


@dataclass(frozen=True, slots=True)
class Service:
    """One CDS service; each hook has its own id, as some clients keep one service per id."""

    id: str
    hook: str
    title: str
    description: str


SERVICES: tuple[Service, ...] = (
    Service(
        id="net-patient-view",
        hook="patient-view",
        title="Neuroendocrine tumour: work-up and pathway",
        description=(
            "For a patient with a neuroendocrine tumour: what is missing from the work-up (somatostatin-"
            "receptor imaging and Ki-67 first), which pathway the guideline names, and what a planned "
            "operation lacks."
        ),
    ),
    Service(
        id="net-order-select",
        hook="order-select",
        title="Neuroendocrine tumour: orders being chosen",
        description=(
            "Compares the orders being chosen for a patient with a neuroendocrine tumour with the guideline: "
            "drugs to avoid, chemotherapy, operations without octreotide cover."
        ),
    ),
    Service(
        id="net-order-sign",
        hook="order-sign",
        title="Neuroendocrine tumour: orders being signed",
        description=(
            "Warns before an order is signed for a patient with a neuroendocrine tumour that the guideline "
            "advises against or that lacks a precaution, above all octreotide cover."
        ),
    ),
    Service(
        id="net-appointment-book",
        hook="appointment-book",
        title="Neuroendocrine tumour: operation being booked",
        description=(
            "When an operation or an embolisation is booked for a patient with a neuroendocrine tumour: what "
            "the work-up and the peri-operative plan still lack."
        ),
    ),
    Service(
        id="net-encounter-start",
        hook="encounter-start",
        title="Neuroendocrine tumour: admission",
        description=(
            "When a patient with a neuroendocrine tumour is admitted: what the peri-operative plan of an "
            "operation ahead lacks."
        ),
    ),
)


def discovery_document(
    *, prefetch: Mapping[str, str], hooks: Collection[str], services: Collection[str] = ()
) -> dict[str, Any]:
    """The body of ``GET /cds-services``.

    ``hooks`` are the hooks that have a rule, ``services`` the ids that the caller may call (all
    where it is empty): a service that could never say anything, or would refuse, is not offered.
    """
    offered = (
        service for service in SERVICES if service.hook in hooks and (not services or service.id in services)
    )
    return {"services": [_listed(service, prefetch) for service in offered]}


def _listed(service: Service, prefetch: Mapping[str, str]) -> dict[str, Any]:
    return {
        "hook": service.hook,
        "title": service.title,
        "description": service.description,
        "id": service.id,
        "prefetch": dict(prefetch),
        "usageRequirements": _USAGE_REQUIREMENTS,
        "version": CDS_HOOKS_VERSION,
    }
