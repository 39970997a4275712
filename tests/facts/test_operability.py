from __future__ import annotations

import pytest

from service.facts.operability import Operability, operability
from tests.asking import patient


def said(record: str) -> Operability:
    return operability(patient(f"ileal NET 60 days ago; {record}"))


@pytest.mark.parametrize(
    "record",
    [
        'CT abdomen conclusion "Unresectable mesenteric mass" done 30 days ago',
        'document "Tumour is inoperable" 20 days ago',
        'care plan "Palliative treatment, unresectable disease" 20 days ago',
        'liver metastases with note "not amenable to surgery" 50 days ago',
        'condition text "Unresectable NET of the ileum" 20 days ago',
    ],
)
def test_unresectable_is_read_in_reports_documents_plans_and_conditions(record: str) -> None:
    assert said(record).unresectable is not None
    assert said(record).resectable is None


@pytest.mark.parametrize(
    "record",
    [
        'CT abdomen conclusion "Unresectable mesenteric mass" done (cancelled) 30 days ago',
        'CT abdomen conclusion "Unresectable mesenteric mass" done (preliminary) 30 days ago',
        'document "Inoperable" (entered in error) 20 days ago',
        'care plan "Unresectable disease" (revoked) 20 days ago',
        'liver metastases with note "unresectable" (resolved) 50 days ago',
        'CT abdomen conclusion "Mass is not unresectable" done 30 days ago',
        'CT abdomen conclusion "Borderline resectable" done 30 days ago',
    ],
)
def test_what_does_not_stand_or_says_the_contrary_is_not_unresectable(record: str) -> None:
    assert said(record).unresectable is None


def test_the_later_of_two_contrary_statements_stands() -> None:
    before = 'CT abdomen conclusion "Unresectable" done 50 days ago; document "Resectable" 10 days ago'
    after = 'document "Resectable" 50 days ago; CT abdomen conclusion "Unresectable" done 10 days ago'

    assert (said(before).unresectable, said(before).resectable is None) == (None, False)
    assert (said(after).unresectable is None, said(after).resectable) == (False, None)


def test_the_evidence_names_the_resource_and_the_day() -> None:
    found = said('document "Frail, unfit for surgery" on 2026-11-01').unfit

    assert found is not None
    assert (found.reference, found.says) == (
        "DocumentReference/document-1",
        "unfit for an operation, on 2026-11-01",
    )


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ('document "Potentially resectable after downsizing"', "borderline"),
        ('care plan "Watchful waiting"', "surveillance"),
        ('document "On the transplant list"', "unfit"),
    ],
)
def test_other_statements(record: str, name: str) -> None:
    assert getattr(said(record), name) is not None
    assert getattr(said("Ki-67 2 %"), name) is None
