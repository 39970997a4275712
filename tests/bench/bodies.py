"""Request bodies as an EHR sends them: charts with a NET, and the ordinary charts that most patients have.

The id of every resource, draft and call holds the number of the patient in eight digits, so that two patients
have no id in common, and one can be made another by writing other digits. What is ordered or booked, and in
which encounter, comes from a synthetic patient of ``fhir_fixtures``. https://cds-hooks.hl7.org/2.0/#calling-a-cds-service
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Chart:
    """What a record holds beside the Patient; ``report_characters`` are those of one report's conclusion."""

    conditions: int = 20
    observations: int = 42
    tumour: bool = True
    report_characters: int = 0


CHARTS = {
    "60 KB": Chart(),
    "60 KB, no tumour": Chart(tumour=False),
    "2,000 resources": Chart(conditions=645, observations=1354),
    "100 kB of report text": Chart(report_characters=100_000),
}
"""Name -> chart. That of 2,000 resources is the first 32 times over, with its share of tumour and markers."""

_REQUESTS = Path(__file__).parents[2] / "fhir_fixtures" / "requests"
CONTEXT_OF_HOOK = {
    "patient-view": "carcinoid-syndrome-no-operation-planned",
    "order-select": "liver-resection-chosen-for-multifocal-disease",
    "order-sign": "morphine-around-operation",
    "appointment-book": "carcinoid-syndrome-embolisation-being-booked",
    "encounter-start": "carcinoid-heart-disease-admitted-for-operation",
    "encounter-discharge": "carcinoid-syndrome-discharged-the-day-after-operation",
}
"""Hook -> the synthetic patient whose orders, appointments or encounter are sent with the record."""

_ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
_LOINC = "http://loinc.org"
_TUMOUR = (
    ("net", _ICD_10_CM, "C7A.012", "Malignant carcinoid tumor of the ileum"),
    ("liver", _ICD_10_CM, "C7B.02", "Secondary carcinoid tumors of liver"),
    ("syndrome", _ICD_10_CM, "E34.00", "Carcinoid syndrome, unspecified"),
)
_ORDINARY_CONDITIONS = (
    ("I10", "Essential (primary) hypertension"),
    ("E11.9", "Type 2 diabetes mellitus without complications"),
    ("E78.5", "Hyperlipidemia, unspecified"),
    ("J45.909", "Unspecified asthma, uncomplicated"),
    ("M54.50", "Low back pain, unspecified"),
    ("K21.9", "Gastro-esophageal reflux disease without esophagitis"),
    ("N39.0", "Urinary tract infection, site not specified"),
    ("E03.9", "Hypothyroidism, unspecified"),
    ("H52.4", "Presbyopia"),
    ("I48.91", "Unspecified atrial fibrillation"),
)
_MARKERS = (
    ("29593-1", "Ki-67 labelling index", 2.0, "%", 0.0, 100.0),
    ("9811-1", "Chromogranin A", 90.0, "ng/mL", 0.0, 100.0),
    ("1695-6", "5-HIAA in 24 hour urine", 6.0, "mg/(24.h)", 2.0, 8.0),
)
_ORDINARY_RESULTS = (
    ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", 138.0, "mmol/L", 135.0, 145.0),
    ("2823-3", "Potassium [Moles/volume] in Serum or Plasma", 4.0, "mmol/L", 3.5, 5.1),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", 0.9, "mg/dL", 0.6, 1.3),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", 13.5, "g/dL", 12.0, 16.0),
    ("2345-7", "Glucose [Mass/volume] in Serum or Plasma", 96.0, "mg/dL", 70.0, 110.0),
    ("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", 2.1, "m[IU]/L", 0.4, 4.5),
)
_CONDITIONS_IN_A_SHARE, _RESULTS_IN_A_SHARE, _MARKERS_IN_A_SHARE = 20, 42, 9
"""A chart is made of equal shares, so that a longer one holds more of everything."""

_SENTENCES = (
    "CT of the chest, abdomen and pelvis was performed in the arterial and portal venous phase. ",
    "The known neuroendocrine tumour of the terminal ileum measures {size} mm and has not changed. ",
    "There is a hypervascular lesion of {size} mm in the liver, in keeping with a metastasis. ",
    "A mesenteric mass of {size} mm with a desmoplastic reaction and retraction of adjacent bowel. ",
    "No evidence of bowel obstruction, free fluid or free air. ",
    "The PET/CT with 68Ga-DOTATATE shows intense uptake in {few} of the lesions. ",
    "Enlarged regional lymph nodes of up to {size} mm along the superior mesenteric artery. ",
    "Histology of the biopsy: well-differentiated neuroendocrine tumour, Ki-67 {few} %, grade 2. ",
    "Chromogranin A and synaptophysin are positive; there is no necrosis. ",
    "The patient reports flushing and diarrhoea, which improved on octreotide. ",
    "The gallbladder contains stones without signs of cholecystitis. ",
    "No bone metastases; degenerative changes of the lumbar spine. ",
    "The case will be presented at the tumour board to discuss resection of the primary. ",
)


def patient_id(number: int) -> str:
    """Ids have one length, so that a request can be given another patient without counting again."""
    return f"bench-{number:08d}"


def body(number: int, chart: str = "60 KB", hook: str = "patient-view") -> bytes:
    """The JSON of one call of ``hook`` for patient ``number``."""
    return orjson.dumps(
        {
            "hook": hook,
            "hookInstance": f"7a3f1c52-0000-4000-8000-{number:012d}",
            "context": _context(patient_id(number), hook),
            "prefetch": _prefetch(CHARTS[chart], number),
        }
    )


def _prefetch(chart: Chart, number: int) -> dict[str, Any]:
    conditions = [_condition(chart, number, index) for index in range(chart.conditions)]
    observations = [_observation(chart, number, index) for index in range(chart.observations)]
    prefetch = {
        "patient": _patient(patient_id(number)),
        "conditions": _bundle(conditions),
        "observations": _bundle(observations),
    }
    if chart.report_characters:
        prefetch["diagnosticReports"] = _bundle([_report(patient_id(number), chart.report_characters)])
    return prefetch


def _context(identity: str, hook: str) -> Any:
    request = orjson.loads((_REQUESTS / f"{CONTEXT_OF_HOOK[hook]}.{hook}.json").read_bytes())
    context = request["context"]
    written = orjson.dumps(context).replace(context["patientId"].encode(), identity.encode())
    for name in _ids_within(context):
        # As the id of a resource, and at the end of a reference or URL.
        for before in (b'"', b"/"):
            old, new = before + name.encode() + b'"', before + f'{identity}-{name}"'.encode()
            written = written.replace(old, new)
    return orjson.loads(written)


def _ids_within(context: dict[str, Any]) -> Iterator[str]:
    """The ids of what is ordered, booked or going on."""
    bundles = [value for value in context.values() if isinstance(value, dict)]
    yield from (entry["resource"]["id"] for bundle in bundles for entry in bundle["entry"])
    if "encounterId" in context:
        yield context["encounterId"]


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


def _problem(chart: Chart, index: int) -> tuple[str, str, str, str]:
    """What the id ends in, and system, code and name of a condition."""
    if not chart.tumour:
        return f"problem-{index}", _ICD_10_CM, *_ORDINARY_CONDITIONS[index % len(_ORDINARY_CONDITIONS)]
    if (place := index % _CONDITIONS_IN_A_SHARE) < len(_TUMOUR):
        suffix, system, code, display = _TUMOUR[place]
        return (suffix if index == place else f"{suffix}-{index}"), system, code, display
    return f"problem-{index}", "urn:example:problem", f"P{index}", f"Problem {index}"


def _condition(chart: Chart, number: int, index: int) -> dict[str, Any]:
    suffix, system, code, display = _problem(chart, index)
    identity = patient_id(number)
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


def _result(chart: Chart, index: int) -> tuple[str, str, str, float, str, float, float]:
    """System, code, name, lowest value, unit and reference range of a result."""
    if not chart.tumour:
        return _LOINC, *_ORDINARY_RESULTS[index % len(_ORDINARY_RESULTS)]
    if (place := index % _RESULTS_IN_A_SHARE) < _MARKERS_IN_A_SHARE:
        return _LOINC, *_MARKERS[place % len(_MARKERS)]
    return "urn:example:laboratory", f"L{index}", f"Laboratory result {index}", 4.0, "mmol/L", 3.5, 30.0


def _observation(chart: Chart, number: int, index: int) -> dict[str, Any]:
    system, code, name, lowest, unit, low, high = _result(chart, index)
    value = round(lowest + index % _RESULTS_IN_A_SHARE / 10 + number % 50 / 100, 2)
    identity = patient_id(number)
    terminology = "http://terminology.hl7.org/CodeSystem"
    taken = f"2026-{1 + index % 10:02d}-{1 + (number + index) % 28:02d}T07:30:00+00:00"
    return {
        "resourceType": "Observation",
        "id": f"{identity}-result-{index}",
        "meta": _meta(index),
        "status": "final",
        "category": [{"coding": [{"system": f"{terminology}/observation-category", "code": "laboratory"}]}],
        "code": _concept(system, code, name),
        "subject": {"reference": f"Patient/{identity}"},
        "effectiveDateTime": taken,
        "issued": taken,
        "performer": [{"reference": "Organization/laboratory", "display": "Central laboratory"}],
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        "referenceRange": [{"low": {"value": low, "unit": unit}, "high": {"value": high, "unit": unit}}],
    }


def _report(identity: str, characters: int) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": f"{identity}-report",
        "meta": _meta(0),
        "status": "final",
        "code": {"text": "Radiology report"},
        "subject": {"reference": f"Patient/{identity}"},
        "effectiveDateTime": "2026-10-25T08:00:00Z",
        "conclusion": report_text(characters),
    }


def report_text(characters: int) -> str:
    """Sentences on a NET as reports hold them, the same every time."""
    sentences, length = [], 0
    for number, sentence in enumerate(cycle(_SENTENCES)):
        sentences.append(sentence.format(size=8 + number % 37, few=3 + number % 7))
        length += len(sentences[-1])
        if length >= characters:
            return "".join(sentences)
    raise AssertionError("a cycle has no end")
