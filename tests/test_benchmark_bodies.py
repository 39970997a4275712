"""What the benchmark sends is what its table says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from fhir_fixtures.vocabulary import TODAY, now_on
from service.engine import respond
from service.hooks.request import read_request
from tests.asking import as_read, knowledge
from tests.bench.bodies import CHARTS, CONTEXT_OF_HOOK, body, patient_id, report_text
from tests.bench.floor import constant, floor_application
from tests.bench.load import around_the_number, digits, http_request

HOOKS = tuple(CONTEXT_OF_HOOK)


def _resources(number: int, chart: str = "60 KB", hook: str = "patient-view") -> Iterator[dict[str, Any]]:
    """Every resource of a body, those of the context too."""
    call = orjson.loads(body(number, chart, hook))
    yield call["prefetch"]["patient"]
    for value in (*call["prefetch"].values(), *call["context"].values()):
        if isinstance(value, dict):
            yield from (entry["resource"] for entry in value.get("entry", ()))


def _ids(call: bytes) -> set[str]:
    """The ids of resources, and of the call itself, that are of one patient."""
    found = re.findall(rb'"(?:id|hookInstance|patientId|encounterId)":"([^"]+)"', call)
    return {one.decode() for one in found}


@pytest.mark.parametrize("chart", ["60 KB", "60 KB, no tumour"])
def test_a_chart_of_60_kb_is_that_long_and_has_63_resources(chart: str) -> None:
    assert len(body(7, chart)) / 1000 == pytest.approx(60, rel=0.15)
    assert len(list(_resources(7, chart))) == 1 + 20 + 42


def test_the_long_chart_has_2000_resources() -> None:
    found = list(_resources(7, "2,000 resources"))

    assert len(found) == len({(one["resourceType"], one["id"]) for one in found}) == 2000


def test_the_report_is_one_conclusion_of_100_kb() -> None:
    (report,) = (
        one for one in _resources(7, "100 kB of report text") if one["resourceType"] == "DiagnosticReport"
    )

    assert len(report["conclusion"]) / 1000 == pytest.approx(100, rel=0.01)
    assert report["conclusion"] == report_text(100_000)


@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_has_a_tumour_unless_it_says_that_it_has_none(chart: str) -> None:
    found = respond(as_read(orjson.loads(body(3, chart))), knowledge=knowledge(), now=now_on(TODAY))

    assert bool(found.cards) == ("no tumour" not in chart)


@pytest.mark.parametrize("hook", HOOKS)
def test_another_number_makes_every_id_another_one(hook: str) -> None:
    request = http_request(body(98_765_001, hook=hook), "/")
    other = digits(17).join(around_the_number(request))

    assert other == http_request(body(98_765_001, hook=hook), "/").replace(b"98765001", b"00000017")
    assert len(other) == len(request)
    assert not _ids(request) & _ids(other)


def test_a_body_is_the_same_every_time() -> None:
    assert body(3, "60 KB") == body(3, "60 KB")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_body_of_each_hook_is_a_good_request_for_its_patient(hook: str) -> None:
    request = read_request(orjson.loads(body(5, hook=hook)), service_id=f"net-{hook}", hook=hook)

    assert request.patient_id == patient_id(5)
    drafts = (*request.draft_orders, *request.appointments)
    assert bool(drafts) == (hook in ("order-select", "order-sign", "appointment-book"))
    assert b'patient-1"' not in orjson.dumps([one.resource for one in drafts])


def test_what_is_selected_is_among_the_drafts() -> None:
    context = orjson.loads(body(5, hook="order-select"))["context"]
    (entry,) = context["draftOrders"]["entry"]

    assert context["selections"] == [f"ServiceRequest/{entry['resource']['id']}"]


def test_the_floor_answers_as_many_bytes_as_it_is_asked_for() -> None:
    client = floor_application().test_client()

    for length in (12, 500, 20_000):
        answer = client.post(f"/cds-services/{length}", data=b"{}")
        assert len(answer.data) == len(constant(length)) == length
        assert answer.get_json()["cards"] == []
