from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.facts.drafts import drafts, is_selected
from service.facts.patient import Patient
from service.fhir.r4 import TYPES, MedicationRequest, Resource, ServiceRequest
from tests.asking import patient

DRAFTS = ["MedicationRequest/1", "MedicationRequest/2", "ServiceRequest/1", "ServiceRequest"]
NOBODY = patient("")


def ordering(references: Iterable[str], selections: Iterable[str] = ()) -> Patient:
    """A patient for whom this is being ordered, of which these were just chosen."""
    pairs = [one.partition("/") for one in references]
    written = tuple([TYPES[kind](id=identity or None) for kind, _, identity in pairs])
    record = replace(NOBODY.record, drafts=written)
    return replace(NOBODY, record=record, selections=frozenset(selections), _answers={})


def selected(found: Patient) -> set[str]:
    return {one.reference for one in found.record.drafts if is_selected(one, found)}


@pytest.mark.parametrize(
    ("selection", "means"),
    [
        ("MedicationRequest/1", {"MedicationRequest/1"}),
        ("https://ehr.example.org/fhir/MedicationRequest/1", {"MedicationRequest/1"}),
        ("MedicationRequest/1/_history/3", {"MedicationRequest/1"}),
        ("1", {"MedicationRequest/1", "ServiceRequest/1"}),
        ("urn:uuid:2", {"MedicationRequest/2"}),
    ],
)
def test_which_drafts_a_selection_means(selection: str, means: set[str]) -> None:
    assert selected(ordering(DRAFTS, [selection])) == means


@pytest.mark.parametrize("selections", [[], ["MedicationRequest/3"], ["ServiceRequest"], [""], ["#1"]])
def test_without_a_readable_choice_every_draft_is_selected(selections: list[str]) -> None:
    assert selected(ordering(DRAFTS, selections)) == set(DRAFTS)


def test_a_draft_without_an_id_is_not_selected_where_another_one_is() -> None:
    nameless: Resource = MedicationRequest()
    found = ordering(["MedicationRequest/1", "MedicationRequest"], ["MedicationRequest/1"])

    assert not is_selected(nameless, found)


IDS = st.text("ab1-", min_size=1, max_size=3)
NAMES = st.builds("{}/{}".format, st.sampled_from(["MedicationRequest", "ServiceRequest", "Flag"]), IDS)


@given(st.lists(NAMES), st.lists(IDS))
def test_a_selection_by_whole_name_means_just_that_draft(references: list[str], ids: list[str]) -> None:
    selections = {f"ServiceRequest/{one}" for one in ids}
    meant = selections & set(references)

    assert selected(ordering(references, selections)) == (meant or set(references))


def test_drafts_are_told_apart_by_their_type() -> None:
    found = ordering(DRAFTS)

    assert [one.reference for one in drafts(found, ServiceRequest)] == DRAFTS[2:]


def test_a_thousand_drafts_and_five_thousand_selections_take_no_time() -> None:
    named = [f"https://ehr.example.org/fhir/MedicationRequest/{number}" for number in range(500, 5500)]
    found = ordering([f"MedicationRequest/{number}" for number in range(1000)], named)
    began = time.process_time()
    assert len(selected(found)) == 500
    assert time.process_time() - began < 0.5
