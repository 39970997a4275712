"""Request bodies as an EHR sends them: a NET patient in whose record a dozen resources matter.

The record is a Patient, 20 Conditions and either 42 Observations (about 60 KB) or 200 (about 200 KB).
Every resource names the patient, so two patients have no resource in common. What is ordered or booked, and
in which encounter, comes from a synthetic patient of ``fhir_fixtures``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

CONDITIONS = 20
OBSERVATIONS_OF_SIZE = {"60 KB": 42, "200 KB": 200}

_REQUESTS = Path(__file__).parents[2] / "fhir_fixtures" / "requests"
CONTEXT_OF_HOOK = {
    "patient-view": "carcinoid-syndrome-no-operation-planned",
    "order-select": "liver-resection-chosen-for-multifocal-disease",
    "order-sign": "morphine-around-operation",
    "appointment-book": "carcinoid-syndrome-embolisation-being-booked",
    "encounter-start": "carcinoid-heart-disease-admitted-for-operation",
}
"""Hook -> the synthetic patient whose orders, appointments or encounter are sent with the record."""

_ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
_LOINC = "http://loinc.org"
_TUMOUR = (
    ("net", _ICD_10_CM, "C7A.012", "Malignant carcinoid tumor of the ileum"),
    ("liver", _ICD_10_CM, "C7B.02", "Secondary carcinoid tumors of liver"),
    ("syndrome", _ICD_10_CM, "E34.00", "Carcinoid syndrome, unspecified"),
)
_MARKERS = (
    ("29593-1", "Ki-67 labelling index", 2.0, "%", 0.0, 100.0),
    ("9811-1", "Chromogranin A", 90.0, "ng/mL", 0.0, 100.0),
    ("1695-6", "5-HIAA in 24 hour urine", 6.0, "mg/(24.h)", 2.0, 8.0),
)
_MARKER_RESULTS = 9


_ORDER = "liver-resection-1"
EDITED_ORDER = "order-00000000"
"""The id of the draft that is sent with order-select; another one makes it another draft."""


def patient_id(number: int) -> str:
    """Ids have one length, so that a request can be given another patient without counting again."""
    return f"bench-{number:08d}"


def body(number: int, size: str, hook: str = "patient-view") -> bytes:
    """The JSON of one call of ``hook`` for patient ``number``."""
    identity = patient_id(number)
    observations = [_observation(identity, number, index) for index in range(OBSERVATIONS_OF_SIZE[size])]
    return orjson.dumps(
        {
            "hook": hook,
            "hookInstance": f"7a3f1c52-0000-4000-8000-{number:012d}",
            "context": _context(identity, hook),
            "prefetch": {
                "patient": _patient(identity),
                "conditions": _bundle([_condition(identity, number, index) for index in range(CONDITIONS)]),
                "observations": _bundle(observations),
            },
        }
    )


def _context(identity: str, hook: str) -> Any:
    request = orjson.loads((_REQUESTS / f"{CONTEXT_OF_HOOK[hook]}.{hook}.json").read_bytes())
    context = request["context"]
    written = orjson.dumps(context).replace(context["patientId"].encode(), identity.encode())
    return orjson.loads(written.replace(_ORDER.encode(), EDITED_ORDER.encode()))


def _bundle(resources: list[dict[str, Any]]) -> dict[str, Any]:
    base = "https://ehr.example.org/fhir/r4"
    entries = [
        {
            "fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}",
            "resource": resource,
            "search": {"mode": "match"},
        }
        for resource in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def _meta(index: int) -> dict[str, Any]:
    return {
        "versionId": str(1 + index % 7),
        "lastUpdated": f"2026-10-{1 + index % 28:02d}T08:15:30.000+00:00",
    }


def _patient(identity: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": identity,
        "meta": _meta(0),
        "active": True,
        "name": [{"use": "official", "family": "Bench", "given": [identity]}],
        "gender": "female",
        "birthDate": "1961-04-12",
    }


def _concept(system: str, code: str, display: str) -> dict[str, Any]:
    local = {"system": "urn:example:catalogue", "code": f"local-{code}", "display": display}
    return {"coding": [{"system": system, "code": code, "display": display}, local], "text": display}


def _condition(identity: str, number: int, index: int) -> dict[str, Any]:
    if index < len(_TUMOUR):
        suffix, system, code, display = _TUMOUR[index]
    else:
        suffix, system, code, display = (
            f"problem-{index}",
            "urn:example:problem",
            f"P{index}",
            f"Problem {index}",
        )
    terminology = "http://terminology.hl7.org/CodeSystem"
    return {
        "resourceType": "Condition",
        "id": f"{identity}-{suffix}",
        "meta": _meta(index),
        "clinicalStatus": {"coding": [{"system": f"{terminology}/condition-clinical", "code": "active"}]},
        "verificationStatus": {
            "coding": [{"system": f"{terminology}/condition-ver-status", "code": "confirmed"}]
        },
        "category": [
            {"coding": [{"system": f"{terminology}/condition-category", "code": "problem-list-item"}]}
        ],
        "code": _concept(system, code, display),
        "subject": {"reference": f"Patient/{identity}"},
        "onsetDateTime": f"2026-{1 + index % 9:02d}-{1 + number % 28:02d}",
        "recordedDate": f"2026-{1 + index % 9:02d}-{1 + number % 28:02d}T10:00:00+00:00",
        "recorder": {"reference": f"Practitioner/recorder-{index % 5}", "display": "Recording clinician"},
    }


def _observation(identity: str, number: int, index: int) -> dict[str, Any]:
    if index < _MARKER_RESULTS:
        code, name, start, unit, low, high = _MARKERS[index % len(_MARKERS)]
        concept, value = _concept(_LOINC, code, name), round(start + index / 10 + number % 50 / 100, 2)
    else:
        concept = _concept("urn:example:laboratory", f"L{index}", f"Laboratory result {index}")
        value, unit, low, high = round(4 + index / 10 + number % 50 / 100, 2), "mmol/L", 3.5, 30.0
    quantity = {"unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    terminology = "http://terminology.hl7.org/CodeSystem"
    taken = f"2026-{1 + index % 10:02d}-{1 + (number + index) % 28:02d}T07:30:00+00:00"
    return {
        "resourceType": "Observation",
        "id": f"{identity}-result-{index}",
        "meta": _meta(index),
        "status": "final",
        "category": [{"coding": [{"system": f"{terminology}/observation-category", "code": "laboratory"}]}],
        "code": concept,
        "subject": {"reference": f"Patient/{identity}"},
        "effectiveDateTime": taken,
        "issued": taken,
        "performer": [{"reference": "Organization/laboratory", "display": "Central laboratory"}],
        "valueQuantity": {"value": value, **quantity},
        "referenceRange": [{"low": {"value": low, "unit": unit}, "high": {"value": high, "unit": unit}}],
    }
