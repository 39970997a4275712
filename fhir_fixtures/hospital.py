"""Write a synthetic hospital as a Bulk Data export: one file of NDJSON for each resource type.

python -m fhir_fixtures.hospital --patients 1000 --to FOLDER

Most patients have ordinary charts; the others have the charts of ``patients.md``, in turn, with the ordinary
one around them. The same seed gives the same bytes. Nobody lived these charts and no clinician reviewed them.
https://hl7.org/fhir/uv/bulkdata/export.html
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

import orjson

from fhir_fixtures.generate import read_patients
from fhir_fixtures.ordinary import CONDITIONS, DRUGS, ICD_10_CM, LOINC, RESULTS
from fhir_fixtures.vocabulary import TODAY, build_bundle

_NOBODY = b"patient-00000000"
"""Stands for the patient in the lines that all share; the id that takes its place has its length."""

_SHARES = {"Condition": 8, "MedicationRequest": 4, "Encounter": 6, "Immunization": 1}
"""How many resources of a type an ordinary chart of any size has; the others are Observations."""

_HISTORY_DAYS = 1825


def patient_id(number: int) -> str:
    """The id of a patient of the hospital."""
    return f"patient-{number:08d}"


def charts(
    patients: int, *, one_in: int, resources: int = 60, seed: int = 1, today: date = TODAY
) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Each patient's id and lines, as pairs of resource type and JSON.

    One patient ``one_in`` so many has a neuroendocrine tumour, or a chart that looks like it.
    """
    situations = [row.phrases for row in read_patients()]
    for number in range(1, patients + 1):
        random = Random(f"{seed}-{number}")  # noqa: S311  # the same hospital every time, and no secret
        lines = _ordinary(random, patient_id(number).encode(), resources, today)
        if number % one_in == 0:
            phrases = situations[(number // one_in) % len(situations)]
            lines = [*_situation(phrases, patient_id(number), today), *lines[1:]]
        yield patient_id(number), lines


_OWN = {"reference": "Patient/patient-1"}


def _situation(phrases: str, identity: str, today: date) -> list[tuple[str, bytes]]:
    """The resources of one of the synthetic patients, under ids of this hospital."""
    found = [entry["resource"] for entry in build_bundle(phrases, today=today)["entry"]]
    # What the chart says of somebody else belongs to nobody here.
    resources = [one for one in found if one.get("subject", _OWN) == _OWN]
    names = {
        f"{one['resourceType']}/{one['id']}": f"{one['resourceType']}/{identity}-{one['id']}"
        for one in resources
    }
    names["Patient/patient-1"] = f"Patient/{identity}"
    lines = []
    for one in resources:
        kind = one["resourceType"]
        own = {**_renamed(one, names), "id": names[f"{kind}/{one['id']}"].partition("/")[2]}
        lines.append((kind, orjson.dumps(own)))
    return lines


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _renamed(member, names) for name, member in value.items()}
    if isinstance(value, list):
        return [_renamed(member, names) for member in value]
    return names.get(value, value) if isinstance(value, str) else value


def _ordinary(random: Random, identity: bytes, resources: int, today: date) -> list[tuple[str, bytes]]:
    """The Patient first, then what most charts hold."""
    wanted = dict(_SHARES)
    wanted["Observation"] = max(0, resources - 1 - sum(_SHARES.values()))
    kinds = ["Patient", *(kind for kind, count in wanted.items() for _ in range(count))]
    lines = []
    for index, kind in enumerate(kinds[:resources]):
        choices = _choices(kind, today)
        line = choices[random.randrange(len(choices))]
        lines.append((kind, line.replace(_NOBODY, identity).replace(b'"id":"#', b'"id":"%d-' % index)))
    return lines


@cache
def _choices(kind: str, today: date) -> list[bytes]:
    """Lines of one type, without a patient's number; an id begins with a place for its own."""
    made = {
        "Patient": _patients,
        "Condition": _conditions,
        "MedicationRequest": _medications,
        "Encounter": _encounters,
        "Immunization": _immunizations,
        "Observation": _observations,
    }[kind]
    return [orjson.dumps(one) for one in made(today)]


def _days(today: date, count: int) -> list[str]:
    step = _HISTORY_DAYS // count
    return [(today - timedelta(days=10 + step * number)).isoformat() for number in range(count)]


_SUBJECT = {"reference": f"Patient/{_NOBODY.decode()}"}
_STATUS = "http://terminology.hl7.org/CodeSystem"


def _patients(today: date) -> Iterator[dict[str, Any]]:
    for age in range(25, 90):
        yield {
            "resourceType": "Patient",
            "id": _NOBODY.decode(),
            "name": [{"family": "Synthetic", "given": ["Patient"]}],
            "gender": "female" if age % 2 else "male",
            "birthDate": f"{today.year - age}-03-12",
        }


def _conditions(today: date) -> Iterator[dict[str, Any]]:
    for code, display in CONDITIONS:
        for day in _days(today, 10):
            yield {
                "resourceType": "Condition",
                "id": f"#{_NOBODY.decode()}-problem",
                "clinicalStatus": {"coding": [{"system": f"{_STATUS}/condition-clinical", "code": "active"}]},
                "verificationStatus": {
                    "coding": [{"system": f"{_STATUS}/condition-ver-status", "code": "confirmed"}]
                },
                "category": [
                    {"coding": [{"system": f"{_STATUS}/condition-category", "code": "problem-list-item"}]}
                ],
                "code": {
                    "coding": [{"system": ICD_10_CM, "code": code, "display": display}],
                    "text": display,
                },
                "subject": _SUBJECT,
                "onsetDateTime": day,
                "recordedDate": f"{day}T10:00:00+00:00",
            }


def _observations(today: date) -> Iterator[dict[str, Any]]:
    for code, display, lowest, unit, low, high in RESULTS:
        for number, day in enumerate(_days(today, 40)):
            yield {
                "resourceType": "Observation",
                "id": f"#{_NOBODY.decode()}-result",
                "status": "final",
                "category": [
                    {"coding": [{"system": f"{_STATUS}/observation-category", "code": "laboratory"}]}
                ],
                "code": {"coding": [{"system": LOINC, "code": code, "display": display}], "text": display},
                "subject": _SUBJECT,
                "effectiveDateTime": f"{day}T07:30:00+00:00",
                "issued": f"{day}T12:00:00+00:00",
                "valueQuantity": {
                    "value": round(lowest + number % 10 / 10, 2),
                    "unit": unit,
                    "system": "http://unitsofmeasure.org",
                    "code": unit,
                },
                "referenceRange": [
                    {"low": {"value": low, "unit": unit}, "high": {"value": high, "unit": unit}}
                ],
            }


def _medications(today: date) -> Iterator[dict[str, Any]]:
    for name in DRUGS:
        for day in _days(today, 10):
            yield {
                "resourceType": "MedicationRequest",
                "id": f"#{_NOBODY.decode()}-order",
                "status": "active",
                "intent": "order",
                "medicationCodeableConcept": {"text": name},
                "subject": _SUBJECT,
                "authoredOn": day,
            }


def _encounters(today: date) -> Iterator[dict[str, Any]]:
    for day in _days(today, 30):
        yield {
            "resourceType": "Encounter",
            "id": f"#{_NOBODY.decode()}-visit",
            "status": "finished",
            "class": {"system": f"{_STATUS}/v3-ActCode", "code": "AMB"},
            "subject": _SUBJECT,
            "period": {"start": f"{day}T09:00:00+00:00", "end": f"{day}T09:30:00+00:00"},
        }


def _immunizations(today: date) -> Iterator[dict[str, Any]]:
    for day in _days(today, 10):
        yield {
            "resourceType": "Immunization",
            "id": f"#{_NOBODY.decode()}-shot",
            "status": "completed",
            "vaccineCode": {"text": "Influenza vaccine"},
            "patient": _SUBJECT,
            "occurrenceDateTime": day,
        }


def write(folder: Path, patients: int, *, one_in: int, resources: int, seed: int, today: date) -> int:
    """Write the export into a folder, which is made; gives the number of lines."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with ExitStack() as opened:
        files: dict[str, BinaryIO] = {}
        for _identity, lines in charts(patients, one_in=one_in, resources=resources, seed=seed, today=today):
            for kind, line in lines:
                if kind not in files:
                    files[kind] = opened.enter_context(
                        (folder / f"{kind}.ndjson").open("wb", buffering=1 << 20)
                    )
                files[kind].write(line + b"\n")
                count += 1
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fhir_fixtures.hospital", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--patients", type=int, required=True, metavar="N")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--one-in",
        type=int,
        default=500,
        metavar="N",
        help="one patient in so many has a tumour; default 500",
    )
    parser.add_argument(
        "--resources", type=int, default=60, metavar="N", help="of an ordinary chart; default 60"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument(
        "--today", type=_day, default=TODAY, metavar="YYYY-MM-DD", help=f"default {TODAY}; or: now"
    )
    chosen = parser.parse_args(arguments)
    count = write(
        chosen.to,
        chosen.patients,
        one_in=chosen.one_in,
        resources=chosen.resources,
        seed=chosen.seed,
        today=chosen.today,
    )
    print(f"{count} resources of {chosen.patients} patients written to {chosen.to}.")
    return 0


def _day(text: str) -> date:
    return datetime.now(UTC).date() if text == "now" else date.fromisoformat(text)


if __name__ == "__main__":
    sys.exit(main())
