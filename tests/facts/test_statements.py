from __future__ import annotations

import pytest

from service.facts.statements import Statement, newest_evidence, statements
from service.fhir import r4
from tests.asking import patient


def newest(record: str, *kinds: type[r4.Resource]) -> Statement | None:
    return statements(patient(f"ileal NET; {record}")).newest("unfit", *kinds)


@pytest.mark.parametrize(
    ("record", "is_found"),
    [
        ('document "Unfit for surgery"', True),
        ('document "Unfit for surgery" (entered in error)', False),
        ('care plan "Unfit for surgery" (revoked)', False),
        ('condition text "Unfit for surgery" (resolved)', False),
        ('CT abdomen conclusion "Unfit for surgery" done (preliminary)', False),
        ('document "Fit for surgery"', False),
    ],
)
def test_only_what_stands_is_a_statement(record: str, is_found: bool) -> None:
    assert (newest(record) is not None) is is_found


def test_the_newest_of_any_kind_or_of_one() -> None:
    said = 'document "Unfit for surgery" on 2026-11-01; care plan "Unfit for surgery" on 2026-10-01'
    newest_of_all, newest_plan = newest(said), newest(said, r4.CarePlan)

    assert newest_of_all is not None
    assert newest_of_all.resource.kind == "DocumentReference"
    assert newest_plan is not None
    assert newest_plan.resource.kind == "CarePlan"


def test_the_evidence_of_a_word_list_has_its_phrase() -> None:
    found = newest_evidence("unfit", patient('ileal NET; document "Unfit for surgery" on 2026-11-01'))

    assert found is not None
    assert found.says == "unfit for an operation, on 2026-11-01"
