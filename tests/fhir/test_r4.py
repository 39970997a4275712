from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from service.fhir import r4
from service.fhir.dates import Moment

_FIRST_USE = """
import sys, threading
import msgspec
from fhir_fixtures.vocabulary import build_bundle
from service.fhir.r4 import TYPES

phrases = "ileal NET 60 days ago; carcinoid syndrome 50 days ago; small-bowel resection planned in 2 days"
resources = [entry["resource"] for entry in build_bundle(phrases)["entry"]]
together = threading.Barrier(8)

def read(first):
    together.wait()
    for one in resources[first:] + resources[:first]:
        msgspec.convert(one, TYPES[one["resourceType"]])

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=read, args=(first % len(resources),)) for first in range(8)]
for one in threads:
    one.start()
for one in threads:
    one.join()
"""


def day(moment: Moment | None) -> str | None:
    return moment.day if moment else None


@pytest.mark.parametrize(
    ("elements", "start", "end"),
    [
        ({"occurrenceDateTime": "2026-12-01"}, "2026-12-01", None),
        ({"occurrencePeriod": {"start": "2026-12-01", "end": "2026-12-03"}}, "2026-12-01", "2026-12-03"),
        ({"occurrencePeriod": {"end": "2026-12-03"}}, None, "2026-12-03"),
        ({"occurrenceTiming": {"event": ["2026-12-01T08:00:00Z"]}}, "2026-12-01", None),
        (
            {"occurrenceTiming": {"repeat": {"boundsPeriod": {"start": "2026-12-01", "end": "2026-12-02"}}}},
            "2026-12-01",
            "2026-12-02",
        ),
        ({}, None, None),
    ],
)
def test_a_choice_of_times_has_a_start_and_an_end(
    elements: dict[str, object], start: str | None, end: str | None
) -> None:
    found = msgspec.convert(elements, r4.ServiceRequest).span

    assert tuple(map(day, found)) == (start, end)


@pytest.mark.parametrize(
    ("kind", "members", "expected"),
    [
        (r4.Observation, {"effectiveDateTime": "2026-05-01", "issued": "2026-05-09T10:00:00Z"}, "2026-05-01"),
        (r4.Observation, {"effectiveInstant": "2026-05-08T10:00:00Z"}, "2026-05-08"),
        (r4.DiagnosticReport, {"issued": "2026-05-09T10:00:00Z"}, "2026-05-09"),
        (r4.Procedure, {"performedPeriod": {"start": "2026-05-01", "end": "2026-05-04"}}, "2026-05-04"),
        (r4.ImagingStudy, {"started": "2026-05-02"}, "2026-05-02"),
        (r4.DocumentReference, {"date": "2026-05-03"}, "2026-05-03"),
        (r4.CarePlan, {"created": "2026-05-03"}, "2026-05-03"),
        (r4.Encounter, {"period": {"start": "2026-05-03"}}, "2026-05-03"),
    ],
)
def test_when_something_happened_is_the_clinical_time_first(
    kind: type[r4.Resource], members: dict[str, Any], expected: str
) -> None:
    assert day(msgspec.convert(members, kind).happened()) == expected


def test_several_dosages_span_from_the_first_start_to_the_last_end() -> None:
    def dosage(start: str, end: str) -> dict[str, object]:
        return {"timing": {"repeat": {"boundsPeriod": {"start": start, "end": end}}}}

    members = {"dosageInstruction": [dosage("2026-12-02", "2026-12-03"), dosage("2026-12-01", "2026-12-02")]}

    assert tuple(map(day, msgspec.convert(members, r4.MedicationRequest).span)) == (
        "2026-12-01",
        "2026-12-03",
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"lastUpdated": "2026-05-02T01:00:00Z"}, {"lastUpdated": "2026-05-01T23:00:00-08:00"}),
        ({"versionId": "9"}, {"versionId": "10"}),
        ({}, {"versionId": "1"}),
    ],
)
def test_versions_are_told_by_time_and_then_by_number(first: dict[str, str], second: dict[str, str]) -> None:
    earlier, later = (msgspec.convert({"meta": one}, r4.Condition).version for one in (first, second))

    assert earlier < later


@pytest.mark.parametrize("kind", r4.TYPES.values(), ids=lambda kind: kind.__name__)
def test_every_element_that_names_a_resource_is_one_that_is_read(kind: type[r4.Resource]) -> None:
    fields = msgspec.structs.fields(kind)
    names = {*kind.NAMED_BY, *kind.NAMED_IN, *kind.NAMED_BESIDE, *kind.FOUND_IN, *kind.PARTS}

    assert names <= {field.name for field in fields}
    assert set(kind.TURNING) <= {field.encode_name for field in fields}


@pytest.mark.parametrize(
    ("members", "is_deceased"),
    [
        ({"deceasedBoolean": True}, True),
        ({"deceasedBoolean": "true"}, True),
        ({"deceasedBoolean": "false"}, False),
        ({"deceasedDateTime": "2026-11"}, True),
        ({"deceasedDateTime": "0001-01-01"}, False),
        ({}, False),
    ],
)
def test_death_is_read_where_it_is_stated(members: dict[str, Any], is_deceased: bool) -> None:
    assert msgspec.convert(members, r4.Patient).is_deceased is is_deceased


def test_the_first_calls_of_a_process_may_come_at_once():
    # One run in three ended with a segmentation fault while the classes were worked out at their first use.
    ended = [subprocess.run([sys.executable, "-c", _FIRST_USE], check=False).returncode for _ in range(8)]
    assert ended == [0] * 8
