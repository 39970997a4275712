"""The charts that a real FHIR server is filled with: every fixture, and a few long histories.

One server holds them all, so the ids of each chart get a prefix of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from fhir_fixtures.generate import read_patients
from fhir_fixtures.load import prefixed
from fhir_fixtures.registry import concept, instant, now_on
from fhir_fixtures.vocabulary import build_bundle, build_request
from service.fhir.queries import QUERIES
from tests.asking import knowledge

Resource = dict[str, Any]

TODAY = datetime.now(UTC).date()
"""The service reads the clock, so the charts are written as if lived today."""

REFUSED = "urn:net-cds:tests:refused"
"""The system of a tag that tells the FHIR server of ``node/`` which types it has to keep to itself."""

_LENGTH_OF_HISTORY = 110  # more than the 100 Observations of one page


@dataclass(frozen=True, slots=True)
class Chart:
    """One patient on the FHIR server, and the hook call that is made about him.

    ``resources`` is what the server holds; drafts are in the context only, as an EHR keeps them. ``request``
    has as prefetch what the templates of discovery ask for: what the engine is asked in this process.
    """

    name: str
    hook: str
    request: Resource
    resources: tuple[Resource, ...]

    @property
    def context(self) -> Resource:
        """The context of the hook call."""
        context: Resource = self.request["context"]
        return context


def fixture_charts() -> list[Chart]:
    """A chart for each hook of each row of ``fhir_fixtures/patients.md``.

    What a row calls unknown or partial is whole here: the server has it.
    """
    pairs = [(row, hook) for row in read_patients() for hook in row.hooks]
    return [
        _chart(f"{row.name}.{hook}", hook, row.phrases, prefix=f"c{number}-")
        for number, (row, hook) in enumerate(pairs)
    ]


def long_histories() -> list[Chart]:
    """Charts as long as those of real patients, most of it of no concern here."""
    return [
        _with_history(_chart("long-history-no-net", "patient-view", "male; age 71", prefix="h1-")),
        _with_history(
            _chart(
                "long-history-ileal-net",
                "patient-view",
                "ileal NET 700 days ago; Ki-67 2 % 690 days ago; liver metastases 20 days ago",
                prefix="h2-",
            )
        ),
        _with_history(
            _chart(
                "long-history-resection-signed",
                "order-sign",
                "ileal NET 30 days ago; carcinoid syndrome 30 days ago; "
                "small-bowel resection planned in 5 days (draft)",
                prefix="h3-",
            )
        ),
    ]


def drugs_by_reference() -> list[Chart]:
    """Charts of EHRs that keep each drug in a Medication of its own."""
    planned = (
        "ileal NET 200 days ago; carcinoid syndrome 180 days ago; small-bowel resection planned in 2 days"
    )
    cover = "octreotide infusion (referenced) from 36 hours ahead to 96 hours ahead"
    return [_chart("octreotide-by-reference", "patient-view", f"{planned}; {cover}", prefix="d1-")]


def chart_of(phrases: str, *, prefix: str, refused: tuple[str, ...] = ()) -> Chart:
    """A chart for patient-view, of which the FHIR server keeps some resource types to itself."""
    chart = _chart(phrases, "patient-view", phrases, prefix=prefix)
    tags = [{"system": REFUSED, "code": resource_type} for resource_type in refused]
    patient, *others = chart.resources
    return Chart(phrases, chart.hook, chart.request, ({**patient, "meta": {"tag": tags}}, *others))


def _chart(name: str, hook: str, phrases: str, *, prefix: str) -> Chart:
    whole = build_request(build_bundle(phrases, today=TODAY), hook=hook, today=TODAY)
    # Which of the drafts were selected stands in the phrases only.
    whole["context"] = build_request(phrases, hook=hook, today=TODAY)["context"]
    request = prefixed(whole, prefix)
    stored = tuple(_stored(request["prefetch"]))
    return Chart(name, hook, {**request, "prefetch": _asked_for(request["prefetch"])}, stored)


def _asked_for(prefetch: Resource) -> Resource:
    """Observations are asked for by code, so those that have a name in words only never come."""
    bundle, codes = prefetch["observations"], set(knowledge().terminology.observation_codes())
    found = [
        entry
        for entry in bundle.get("entry", [])
        if any((one["system"], one["code"]) in codes for one in entry["resource"]["code"].get("coding", ()))
    ]
    return {**prefetch, "observations": {**bundle, "total": len(found), "entry": found}}


def _stored(prefetch: Mapping[str, Any]) -> Iterator[Resource]:
    """Each resource of the prefetch once, the Patient first."""
    found = {}
    for value in prefetch.values():
        entries = value.get("entry", []) if value["resourceType"] == "Bundle" else [{"resource": value}]
        for entry in entries:
            resource = entry["resource"]
            found[resource["resourceType"], resource["id"]] = resource
    yield from found.values()


def _with_history(chart: Chart) -> Chart:
    history = list(_history(chart.context["patientId"]))
    prefetch = dict(chart.request["prefetch"])
    for key, query in QUERIES.items():
        added = [one for one in history if one["resourceType"] == query.resource_type]
        if added:
            prefetch[key] = _extended(prefetch[key], added)
    return Chart(
        chart.name,
        chart.hook,
        {**chart.request, "prefetch": _asked_for(prefetch)},
        (*chart.resources, *history),
    )


def _extended(bundle: Resource, resources: list[Resource]) -> Resource:
    entries = [{"resource": one, "search": {"mode": "match"}} for one in resources]
    return {**bundle, "total": bundle["total"] + len(entries), "entry": [*bundle.get("entry", []), *entries]}


def _history(patient_id: str) -> Iterator[Resource]:
    """Years of blood tests, visits and prescriptions, all of them before whatever the phrases say.

    Creatinine is a code that the service asks for, so that its answers take more than one page.
    """
    subject = {"reference": f"Patient/{patient_id}"}
    for number in range(_LENGTH_OF_HISTORY):
        name, when = f"{patient_id}-old-{number}", _weeks_ago(number, before=TODAY)
        yield {
            "resourceType": "Observation",
            "id": f"{name}-creatinine",
            "status": "final",
            "code": concept("renal-function", "2160-0"),
            "subject": subject,
            "effectiveDateTime": when,
            "valueQuantity": {
                "value": 0.9,
                "unit": "mg/dL",
                "system": "http://unitsofmeasure.org",
                "code": "mg/dL",
            },
        }
        yield {
            "resourceType": "Observation",
            "id": f"{name}-weight",
            "status": "final",
            "code": {"text": "Body weight"},
            "subject": subject,
            "effectiveDateTime": when,
            "valueQuantity": {"value": 74, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
        }
        yield {
            "resourceType": "Condition",
            "id": f"{name}-finding",
            "clinicalStatus": {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}
                ]
            },
            "code": {"text": "Acute viral pharyngitis"},
            "subject": subject,
            "recordedDate": when,
        }
        yield {
            "resourceType": "MedicationRequest",
            "id": f"{name}-prescription",
            "status": "completed",
            "intent": "order",
            "medicationCodeableConcept": {"text": "Simvastatin 20 mg oral tablet"},
            "subject": subject,
            "authoredOn": when,
        }


def _weeks_ago(number: int, *, before: date) -> str:
    return str(instant(now_on(before) - timedelta(weeks=number + 1)))
