"""A record from values by prefetch key, without a request around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.fhir.medications import Medications
from service.fhir.queries import QUERIES
from service.fhir.read import MISSING, read_key
from service.fhir.record import Record, assemble, names_in, shelve
from tests.asking import knowledge


def record_of(
    values: Mapping[str, Any], *, patient_id: str, faults: Mapping[str, str] | None = None
) -> Record:
    """The record; a key that is not among the values was not sent. ``faults`` say what is incomplete."""
    known = knowledge()
    readings = {
        key: read_key(key, values.get(key, MISSING), why_incomplete=(faults or {}).get(key, ""))
        for key in QUERIES
    }
    names, medications = names_in(readings["patient"], patient_id), Medications.among(readings.values())
    shelves = {
        key: shelve(reading, names, medications, known.terminology) for key, reading in readings.items()
    }
    return assemble(shelves, patient_id=patient_id, phrases=known.phrases)
