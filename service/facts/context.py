"""What the user is doing: the hook, its draft orders and the appointments being booked."""

from __future__ import annotations

from dataclasses import dataclass

from service.fhir.reading import Resource


@dataclass(frozen=True, slots=True)
class Context:
    """The hook's context. Drafts are read leniently: they need not be valid FHIR yet."""

    hook: str
    drafts: tuple[Resource, ...] = ()
    selections: frozenset[str] = frozenset()
    appointments: tuple[Resource, ...] = ()
    encounter_id: str | None = None
