"""Whose is a Ki-67 or a metastasis beside another cancer?"""

from __future__ import annotations

import pytest

from service.facts.owner import Owner, owner_of_specimen
from service.facts.tumour import tumour
from tests.asking import patient


@pytest.mark.parametrize(
    ("record", "stated", "owner"),
    [
        ("ileal NET", "", Owner.THE_TUMOUR),
        ("ileal NET", "Liver, core biopsy", Owner.THE_TUMOUR),
        ("ileal NET", "Breast, right", Owner.ANOTHER_CANCER),
        ("ileal NET; breast cancer", "Ileum", Owner.THE_TUMOUR),
        ("ileal NET; breast cancer", "Liver, neuroendocrine tumour", Owner.THE_TUMOUR),
        ("ileal NET; breast cancer", "Liver, core biopsy", Owner.NOT_STATED),
        ("ileal NET; breast cancer", "", Owner.NOT_STATED),
    ],
)
def test_whose_a_specimen_is(record: str, stated: str, owner: Owner) -> None:
    assert owner_of_specimen(stated, patient(record)) is owner


@pytest.mark.parametrize(("days", "is_there"), [(1825, True), (1826, False)])
def test_a_past_cancer_counts_for_some_years(days: int, is_there: bool) -> None:
    record = f"ileal NET; colon cancer (resolved) from 3000 days ago to {days} days ago"
    assert bool(tumour(patient(record)).other_cancers) is is_there
    assert not tumour(patient(record)).other_malignancy
