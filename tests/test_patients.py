"""Every patient of fhir_fixtures/patients.md through the whole engine, by both ways of supplying data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_fixtures.generate import PatientRow, read_patients
from fhir_fixtures.vocabulary import TODAY, now_on
from service.engine import HookResult, respond
from service.fhir.access import FhirAccess
from tests.asking import hook_request, knowledge, result, templates

_CALLS = [pytest.param(row, hook, id=f"{row.name}.{hook}") for row in read_patients() for hook in row.hooks]


def _named(found: HookResult) -> set[str]:
    """The rules that the cards name: those that speak and those that could not be assessed."""
    return {rule for card in found.cards for rule in card.recommendations}


def test_there_are_at_least_sixty_patients() -> None:
    assert len(read_patients()) >= 60


@pytest.mark.parametrize(("row", "hook"), _CALLS)
def test_the_expected_cards_appear_and_no_forbidden_one(row: PatientRow, hook: str) -> None:
    found = result(row.phrases, hook)

    assert set(row.must_appear) <= _named(found)
    if row.must_not_appear == ("any",):
        assert found.cards == ()
    else:
        assert not set(row.must_not_appear) & _named(found)


class _Served:
    """A FHIR server that holds what would have been prefetched."""

    def __init__(self, resource: object) -> None:
        self.resource = resource
        self.complete = True
        self.reason = None


_READABLE = [
    call
    for call in _CALLS
    if templates().keys() <= hook_request(call.values[0].phrases, call.values[1]).prefetch.keys()
]


@pytest.mark.parametrize(("row", "hook"), _READABLE)
def test_the_same_patient_by_fetch_gets_the_same_cards(row: PatientRow, hook: str) -> None:
    request = hook_request(row.phrases, hook)
    empty = {"resourceType": "Bundle", "type": "searchset", "entry": []}
    access = FhirAccess("http://127.0.0.1/fhir", token="t", scopes="patient/*.read")
    bare = replace(request, prefetch={}, fhir_access=access)

    fetched = respond(
        bare,
        knowledge=knowledge(),
        now=now_on(TODAY),
        fetch=lambda _access, _patient, keys: {
            key: _Served(request.prefetch.get(key, empty)) for key in keys
        },
    )

    assert fetched.cards == result(row.phrases, hook).cards
