"""Every case holds, whichever way the EHR hands over the chart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.casebook.cases import WAYS, Case, read_cases
from tests.casebook.ehr import Ehr
from tests.casebook.ehr_server import FhirServer
from tests.casebook.expectations import check
from tests.e2e.processes import net_cds

pytestmark = pytest.mark.slow

CASES = read_cases(Path(__file__).parent)


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    with net_cds(tmp_path_factory.mktemp("service")) as origin:
        yield Ehr(origin, FhirServer())


@pytest.mark.parametrize(
    ("case", "way"),
    [pytest.param(case, way, id=f"{case.id}-{way}") for case in CASES for way in WAYS[case.way]],
)
def test_a_case_holds(ehr: Ehr, case: Case, way: str) -> None:
    shift = case.shift(datetime.now(UTC))
    assert check(case, ehr.call(case, way, shift), shift) == [], case.why
