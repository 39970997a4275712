"""The services of this server and the document that lists them.

https://cds-hooks.hl7.org/2.0/#discovery
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from service.hooks.hooks import SERVICES, Service

CDS_HOOKS_VERSION = "2.0.1"
"""What ``version`` of a service says; a semantic version, as the text after the 3.0 ballot asks."""

_USAGE_REQUIREMENTS = (
    "Needs the patient's conditions, prefetched or readable on the FHIR server; without them the call is "
    "answered with 412. Works best with every prefetch key: what was not supplied is called unknown, never "
    "absent. The clinical content has not been reviewed by a clinician."
)


def discovery_document(
    *,
    prefetch: Mapping[str, str],
    hooks: Collection[str],
    services: Collection[str] = (),
    switched_off: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The body of ``GET /cds-services``.

    ``hooks`` are the hooks that have a rule, ``services`` the ids that the caller may call (all
    where it is empty): a service that could never say anything, or would refuse, is not offered.
    ``switched_off`` says by hook what this site keeps back; it ends the description.
    """
    off = switched_off or {}
    offered = (
        service for service in SERVICES if service.hook in hooks and (not services or service.id in services)
    )
    return {"services": [_listed(service, prefetch, off.get(service.hook, "")) for service in offered]}


def _listed(service: Service, prefetch: Mapping[str, str], switched_off: str) -> dict[str, Any]:
    return {
        "hook": service.hook,
        "title": service.title,
        "description": f"{service.description} {switched_off}".strip(),
        "id": service.id,
        "prefetch": dict(prefetch),
        "usageRequirements": _USAGE_REQUIREMENTS,
        "version": CDS_HOOKS_VERSION,
    }
