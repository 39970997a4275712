"""What the benchmark sends is what its table says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from service.hooks.request import read_request
from tests.bench.bodies import (
    CONDITIONS,
    CONTEXT_OF_HOOK,
    EDITED_ORDER,
    OBSERVATIONS_OF_SIZE,
    body,
    patient_id,
)
from tests.bench.load import Bodies


def _resources(number: int, size: str) -> list[dict[str, Any]]:
    prefetch = orjson.loads(body(number, size))["prefetch"]
    bundles = (prefetch["conditions"], prefetch["observations"])
    return [prefetch["patient"], *(entry["resource"] for bundle in bundles for entry in bundle["entry"])]


@pytest.mark.parametrize(("size", "observations"), OBSERVATIONS_OF_SIZE.items())
def test_bodies_have_the_size_and_the_resources_that_they_are_named_for(size: str, observations: int) -> None:
    kilobytes = len(body(7, size)) / 1000
    assert kilobytes == pytest.approx(float(size.split()[0]), rel=0.15)
    assert len(_resources(7, size)) == 1 + CONDITIONS + observations


def test_two_patients_share_no_resource() -> None:
    first, second = (
        {orjson.dumps(resource) for resource in _resources(number, "60 KB")} for number in (1, 2)
    )
    assert not first & second


def test_a_body_is_the_same_every_time() -> None:
    assert body(3, "60 KB") == body(3, "60 KB")


@pytest.mark.parametrize("hook", CONTEXT_OF_HOOK)
def test_a_body_of_each_hook_is_a_good_request_for_its_patient(hook: str) -> None:
    request = read_request(orjson.loads(body(5, "60 KB", hook)), service_id=f"net-{hook}", hook=hook)
    assert request.patient_id == patient_id(5)
    drafts = (*request.draft_orders, *request.appointments)
    assert bool(drafts) == (hook in ("order-select", "order-sign", "appointment-book"))
    assert b'patient-1"' not in orjson.dumps(drafts)


def test_an_edited_order_is_another_draft_of_the_same_chart() -> None:
    first = body(5, "60 KB", "order-select")
    second = first.replace(EDITED_ORDER.encode(), b"order-00000001")
    found = [orjson.loads(raw) for raw in (first, second)]
    assert found[0]["prefetch"] == found[1]["prefetch"]
    assert found[0]["context"]["draftOrders"] != found[1]["context"]["draftOrders"]
    assert found[1]["context"]["selections"] == ["ServiceRequest/order-00000001"]


def test_bodies_that_change_are_those_that_hold_the_text(tmp_path: Path) -> None:
    for number in (0, 1):
        (tmp_path / f"{number}.json").write_bytes(body(number, "60 KB"))
    assert len(Bodies(tmp_path).requests()) == 2
    assert len(Bodies(tmp_path, changing=patient_id(1)).requests()) == 1
