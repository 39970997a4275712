"""Sections of the record that could not be read, or only in part."""

from __future__ import annotations

from fhir_fixtures.registry import Phrase, Resource, phrase
from service.fhir.queries import SECTIONS


@phrase(rf"(?P<section>{'|'.join(SECTIONS)}) (?P<state>unknown|partial)", example="imaging unknown")
def section_state(found: Phrase) -> list[Resource]:
    """No resource of FHIR: it tells ``build_request`` what to leave out of the prefetch."""
    return [{"resourceType": "SectionState", "id": "state", **found.words}]
