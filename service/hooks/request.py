"""A hook request, read and checked.

https://cds-hooks.hl7.org/2.0/#http-request_1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.fhir.access import FhirAccess
from service.fhir.reading import Resource


@dataclass(frozen=True, slots=True)
class HookRequest:
    """What the engine needs of a request; ``user_id`` keeps its type (``Practitioner/1``)."""

    service_id: str
    hook: str
    hook_instance: str
    patient_id: str
    user_id: str = ""
    encounter_id: str | None = None
    selections: tuple[str, ...] = ()
    draft_orders: tuple[Resource, ...] = ()
    appointments: tuple[Resource, ...] = ()
    prefetch: Mapping[str, Any] = field(default_factory=dict)
    fhir_access: FhirAccess | None = None
