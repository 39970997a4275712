"""What a card rests on: a FHIR resource and what it says."""

from __future__ import annotations

from typing import NamedTuple


class Evidence(NamedTuple):
    """A resource by its relative reference, and what it says in words (``Ki-67 12 % on 2026-05-01``)."""

    reference: str
    says: str
