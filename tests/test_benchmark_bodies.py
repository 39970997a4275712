"""What the benchmark sends is what its table says."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.bench.bodies import CONDITIONS, OBSERVATIONS_OF_SIZE, body


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
