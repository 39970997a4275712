"""What says that a patient is pregnant, and what says that she is not, or not any more."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_fixtures.vocabulary import TODAY, build_request, now_on
from service.engine import gather, patient_of
from service.facts.precautions import precautions
from tests.asking import as_read, knowledge

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"


def is_pregnant(*resources: dict[str, Any]) -> bool:
    document = build_request("ileal NET 60 days ago", hook="patient-view", today=TODAY)
    for key, kind in (("conditions", "Condition"), ("observations", "Observation")):
        bundle = document["prefetch"][key] or {"resourceType": "Bundle", "type": "searchset", "entry": []}
        found = [{"resource": one} for one in resources if one["resourceType"] == kind]
        document["prefetch"][key] = {**bundle, "entry": [*bundle.get("entry", []), *found]}
        document["prefetch"][key].pop("total", None)
    request = as_read(document)
    record = gather(request, knowledge=knowledge(), whole=True)
    of = patient_of(request, record, knowledge(), now=now_on(TODAY))
    return precautions(of).current_pregnancy is not None


def diagnosis(
    code: str = "", day: str = "2026-09-01", *, text: str = "", system: str = ICD10CM
) -> dict[str, Any]:
    concept: dict[str, Any] = {"text": text} if text else {"coding": [{"system": system, "code": code}]}
    return {"resourceType": "Condition", "code": concept, "recordedDate": day}


def status(day: str = "2026-11-01", *, code: str = "", text: str = "") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "82810-3"}]},
        "effectiveDateTime": day,
        "valueCodeableConcept": {"text": text} if text else {"coding": [{"system": SNOMED, "code": code}]},
    }


@pytest.mark.parametrize(
    "sign",
    [
        diagnosis("Z33.1"),
        diagnosis("Z3A.24"),
        diagnosis("O24.410"),
        diagnosis("Z34.90"),
        diagnosis("77386006", system=SNOMED),
        diagnosis(text="24 weeks gestation"),
        diagnosis(text="Intrauterine pregnancy at 22w3d"),
        status(code="77386006"),
        status(text="Pregnant"),
    ],
)
def test_a_pregnancy_is_recognised(sign: dict[str, Any]) -> None:
    assert is_pregnant(sign)


@pytest.mark.parametrize(
    "sign",
    [
        diagnosis("Z33.1", "2026-01-01"),
        diagnosis("O03.9"),
        diagnosis(text="Sister is pregnant"),
        diagnosis(text="Not pregnant"),
        status(code="60001007"),
        status(text="Not pregnant"),
        status(text="Unknown"),
    ],
)
def test_what_is_no_pregnancy_now(sign: dict[str, Any]) -> None:
    assert not is_pregnant(sign)


@pytest.mark.parametrize(
    "end",
    [
        status(code="60001007"),
        status(text="Not pregnant"),
        diagnosis("O80", "2026-11-01"),
        diagnosis("Z33.2", "2026-11-01"),
    ],
)
def test_a_later_sign_ends_a_pregnancy(end: dict[str, Any]) -> None:
    assert not is_pregnant(diagnosis("Z33.1"), end)
    assert is_pregnant(end, diagnosis("Z33.1", "2026-11-20"))
