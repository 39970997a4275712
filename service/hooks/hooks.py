"""The hooks that are answered: one row each, from which everything else about them follows.

https://cds-hooks.hl7.org/2.0/#hook-context-in-the-cds-hooks-request, https://cds-hooks.org/hooks/. Discovery
lists the rows, requests are checked and ``/openapi.json`` is written by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from service.hook_names import (
    APPOINTMENT_BOOK,
    ENCOUNTER_DISCHARGE,
    ENCOUNTER_START,
    ORDER_SELECT,
    ORDER_SIGN,
    PATIENT_VIEW,
)

LONGEST_ID = 255  # characters; FHIR allows 64, and some clients send more
MOST_SELECTIONS = 5_000


class Member(NamedTuple):
    """A member of a context: its type, and the words that end the sentence '<path>: ' of an error."""

    name: str
    kind: Any
    expected: str


DRAFT_ORDERS = Member("draftOrders", dict[str, Any], "has to be a FHIR Bundle as a JSON object")
APPOINTMENTS = Member("appointments", dict[str, Any], "has to be a FHIR Bundle as a JSON object")
SELECTIONS = Member(
    "selections",
    Annotated[list[str], Meta(max_length=MOST_SELECTIONS)] | None,
    f"has to be an array of at most {MOST_SELECTIONS} references into draftOrders as strings, for example "
    "'MedicationRequest/1'",
)
ENCOUNTER_ID = Member(
    "encounterId",
    Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)],
    "has to be the id of the Encounter that starts or ends, as a string",
)


@dataclass(frozen=True, slots=True)
class Service:
    """One CDS service; each hook has its own id, as some clients keep one service per id.

    ``context`` has the members that the hook requires beside userId and patientId.
    """

    id: str
    hook: str
    title: str
    description: str
    context: tuple[Member, ...] = ()


SERVICES: tuple[Service, ...] = (
    Service(
        id="net-patient-view",
        hook=PATIENT_VIEW,
        title="Neuroendocrine tumour: work-up and pathway",
        description=(
            "For a patient with a neuroendocrine tumour: what is missing from the work-up (somatostatin-"
            "receptor imaging and Ki-67 first), which pathway the guideline names, and what a planned "
            "operation lacks."
        ),
    ),
    Service(
        id="net-order-select",
        hook=ORDER_SELECT,
        title="Neuroendocrine tumour: orders being chosen",
        description=(
            "Compares the orders being chosen for a patient with a neuroendocrine tumour with the guideline: "
            "drugs to avoid, chemotherapy, operations without octreotide cover."
        ),
        context=(SELECTIONS, DRAFT_ORDERS),
    ),
    Service(
        id="net-order-sign",
        hook=ORDER_SIGN,
        title="Neuroendocrine tumour: orders being signed",
        description=(
            "Warns before an order is signed for a patient with a neuroendocrine tumour that the guideline "
            "advises against or that lacks a precaution, above all octreotide cover."
        ),
        context=(DRAFT_ORDERS,),
    ),
    Service(
        id="net-appointment-book",
        hook=APPOINTMENT_BOOK,
        title="Neuroendocrine tumour: operation being booked",
        description=(
            "When an operation or an embolisation is booked for a patient with a neuroendocrine tumour: what "
            "the work-up and the peri-operative plan still lack."
        ),
        context=(APPOINTMENTS,),
    ),
    Service(
        id="net-encounter-start",
        hook=ENCOUNTER_START,
        title="Neuroendocrine tumour: admission",
        description=(
            "When a patient with a neuroendocrine tumour is admitted: what the peri-operative plan of an "
            "operation ahead lacks."
        ),
        context=(ENCOUNTER_ID,),
    ),
    Service(
        id="net-encounter-discharge",
        hook=ENCOUNTER_DISCHARGE,
        title="Neuroendocrine tumour: discharge",
        description=(
            "When a patient with carcinoid syndrome is discharged soon after an operation or a liver-"
            "directed procedure: octreotide cover that stops with the stay, and nothing else."
        ),
        context=(ENCOUNTER_ID,),
    ),
)

SERVICE_OF: dict[str, Service] = {service.hook: service for service in SERVICES}
"""Hook -> its service."""
