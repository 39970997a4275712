"""The right to read one FHIR server for one hook call.

https://cds-hooks.hl7.org/2.0/#passing-the-access-token-to-the-cds-service
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """``fhirServer`` and, where it came, ``fhirAuthorization`` of a hook request.

    The token is transient: it is not shown by ``repr`` and lives no longer than the call.
    """

    base_url: str
    token: str | None = field(default=None, repr=False)
    scopes: str = ""
    patient_id: str | None = None
