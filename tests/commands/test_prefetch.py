from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from service.charts import Chart
from service.commands.prefetch import Unresolvable, resolve

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
SUBJECT = {"reference": "Patient/p"}


def result(identity: str, code: str, day: str, **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "category": [{"coding": [{"code": "laboratory"}]}],
        "subject": SUBJECT,
        "effectiveDateTime": day,
        **members,
    }


CHART = Chart(
    "p",
    (
        {"resourceType": "Patient", "id": "p"},
        {"resourceType": "Patient", "id": "q"},
        result("old", "1", "2026-01-10"),
        result("new", "2", "2026-11-20T10:00:00Z"),
        result("middle", "1", "2026-06-01", status="preliminary"),
        result("undated", "3", ""),
        result("of-another", "1", "2026-06-01", subject={"reference": "Patient/q"}),
        {
            "resourceType": "Appointment",
            "id": "a",
            "status": "booked",
            "start": "2026-11-25T08:00:00Z",
            "participant": [{"actor": SUBJECT}],
        },
        {"resourceType": "AllergyIntolerance", "id": "al", "patient": SUBJECT},
        {"resourceType": "Immunization", "id": "im", "patient": SUBJECT},
        {"resourceType": "Immunization", "id": "of-nobody"},
        {
            "resourceType": "Coverage",
            "id": "co",
            "beneficiary": {"reference": "https://x/Patient/p/_history/2"},
        },
        {"resourceType": "Coverage", "id": "of-another", "beneficiary": {"reference": "Patient/q"}},
        {
            "resourceType": "Encounter",
            "id": "e",
            "subject": SUBJECT,
            "class": {"code": "IMP"},
            "period": {"start": "2026-11-24"},
        },
    ),
)


def ids(template: str, **context: str) -> list[str]:
    filled = {"patientId": "p", "userId": "Practitioner/u", **context}
    bundle = resolve(template, CHART, context=filled, now=NOW)
    return [entry["resource"]["id"] for entry in bundle.get("entry", ())]


OBSERVATIONS = "Observation?patient={{context.patientId}}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["old", "new", "middle", "undated"]),
        ("&code=1", ["old", "middle"]),
        ("&code=http://loinc.org|1", ["old", "middle"]),
        ("&code=http%3A%2F%2Floinc.org%7C2,3", ["new", "undated"]),
        ("&code=http://snomed.info/sct|1", []),
        ("&code=|1", []),
        ("&code=http://loinc.org|", ["old", "new", "middle", "undated"]),
        ("&category=laboratory&status=preliminary,amended", ["middle"]),
        ("&date=ge2026-06-01", ["new", "middle"]),
        ("&date=gt2026-06-01", ["new"]),
        ("&date=lt2026-06-01", ["old"]),
        ("&date=le2026-06-01", ["old", "middle"]),
        ("&date=eq2026-06", ["middle"]),
        ("&date=2026", ["old", "new", "middle"]),
        ("&date=ne2026-06-01", ["old", "new"]),
        ("&date=ge{{today() - 90 days}}", ["new"]),
        ("&date=ge{{today()}}", []),
        ("&_sort=-date", ["new", "middle", "old", "undated"]),
        ("&_sort=date", ["undated", "old", "middle", "new"]),
        ("&_sort=-date&_count=2", ["new", "middle"]),
    ],
)
def test_a_search_gives_what_a_server_would(query: str, expected: list[str]) -> None:
    assert ids(OBSERVATIONS + query) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Appointment?patient={{context.patientId}}&status=booked&date=ge2026-11-25", ["a"]),
        ("AllergyIntolerance?patient=Patient/{{context.patientId}}", ["al"]),
        ("Immunization?patient={{context.patientId}}", ["im"]),
        ("Coverage?patient={{context.patientId}}", ["co"]),
        ("Encounter?subject={{context.patientId}}&class=IMP&date=2026-11-24", ["e"]),
        ("Condition?patient={{context.patientId}}", []),
        ("Encounter?_id={{context.encounterId}}", ["e"]),
    ],
)
def test_other_types_are_searched_by_their_own_elements(template: str, expected: list[str]) -> None:
    assert ids(template, encounterId="e") == expected


def test_a_page_says_how_many_there_are_and_that_there_are_more() -> None:
    page = resolve(f"{OBSERVATIONS}&_count=1", CHART, context={"patientId": "p"}, now=NOW)

    assert page["total"] == 4
    assert page["link"][0]["relation"] == "next"


def test_a_read_gives_the_resource_or_nothing() -> None:
    context = {"patientId": "p", "encounterId": "none", "userId": "Practitioner/u"}

    assert resolve("Patient/{{context.patientId}}", CHART, context=context, now=NOW)["id"] == "p"
    assert resolve("Encounter/{{context.encounterId}}", CHART, context=context, now=NOW) is None
    assert resolve("Practitioner/{{userPractitionerId}}", CHART, context=context, now=NOW) is None


@pytest.mark.parametrize(
    "template",
    [
        "Patient",
        "not a query",
        "Patient/{{context.encounterId}}",
        "Practitioner/{{userPatientId}}",
        "Condition?patient={{context.draftOrders.entry.resource.id}}",
        "Observation?patient=q",
        f"{OBSERVATIONS}&value-quantity=gt5",
        f"{OBSERVATIONS}&date=recently",
        f"{OBSERVATIONS}&_sort=value",
        f"{OBSERVATIONS}&_count=many",
        f"{OBSERVATIONS}&_include=Observation:specimen",
    ],
)
def test_what_is_not_understood_is_never_answered_approximately(template: str) -> None:
    with pytest.raises(Unresolvable):
        resolve(template, CHART, context={"patientId": "p", "userId": "Practitioner/u"}, now=NOW)
