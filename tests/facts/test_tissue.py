from __future__ import annotations

import pytest

from service.facts.tissue import has_tissue
from tests.asking import patient


@pytest.mark.parametrize(
    ("record", "is_there"),
    [
        ("liver biopsy done", True),
        ("small-bowel resection done", True),
        ("pathology morphology 8240/3", True),
        ("liver biopsy not done", False),
        ("liver biopsy planned", False),
        ("colonoscopy done", False),
    ],
)
def test_tissue_was_obtained(record: str, is_there: bool) -> None:
    assert has_tissue(patient(f"ileal NET 500 days ago; {record}")) is is_there
