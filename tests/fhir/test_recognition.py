from __future__ import annotations

import copy
from typing import Any

import pytest

from service.fhir import recognition
from service.fhir.recognition import inspect, may_matter, recognise_draft
from tests.asking import knowledge

TERMINOLOGY = knowledge().terminology
KI67 = {"coding": [{"system": "http://loinc.org", "code": "29593-1"}]}
ELSEWHERE = {"coding": [{"system": "urn:example:laboratory", "code": "L1", "display": "Sodium"}]}


def observation(name: str = "one", **members: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": KI67, **members}


def test_resources_that_are_about_the_same_share_what_is_remembered() -> None:
    one, other = (inspect(observation(name), TERMINOLOGY).about for name in ("one", "another"))

    assert one is other
    assert one.rows["ki67-observation"][0].code == "29593-1"


@pytest.mark.parametrize(
    "members",
    [{"code": ELSEWHERE}, {"valueString": "carcinoid"}, {"effectiveDateTime": "yesterday"}],
)
def test_resources_that_differ_in_it_do_not(members: dict[str, Any]) -> None:
    plain, changed = (inspect(one, TERMINOLOGY) for one in (observation(), observation(**members)))

    assert plain != changed


def test_the_memory_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_MEMORY_LIMIT", 3)
    recognition._remembered.clear()

    for name in "abcdefg":
        assert inspect(observation(name), TERMINOLOGY).about.rows

    assert len(recognition._remembered) <= 3


def test_a_draft_is_recognised_once_and_not_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "find_defects", None)
    draft = observation("draft") | {"status": 7}
    first = recognise_draft(draft, TERMINOLOGY)

    assert first.rows["ki67-observation"][0].code == "29593-1"
    assert recognise_draft(copy.deepcopy(draft), TERMINOLOGY) is first
    assert recognise_draft(draft | {"code": ELSEWHERE}, TERMINOLOGY) is not first


def test_the_memory_of_drafts_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_MEMORY_LIMIT", 3)
    recognition._drafts.clear()

    for name in "abcdefg":
        assert recognise_draft(observation(name), TERMINOLOGY).rows

    assert len(recognition._drafts) <= 3


@pytest.mark.parametrize(
    ("members", "matters"),
    [
        ({}, True),
        ({"code": ELSEWHERE}, False),
        ({"code": {**ELSEWHERE, "text": "x" * 2000}}, False),
        ({"code": {**ELSEWHERE, "text": "x" * 2000 + " Ki-67"}}, True),
        ({"code": ELSEWHERE, "component": [{"code": KI67}]}, True),
        ({"code": ELSEWHERE, "component": [{"code": ELSEWHERE}, None]}, False),
        ({"code": None, "component": None}, False),
        ({"code": [ELSEWHERE, KI67]}, True),
    ],
)
def test_a_resource_matters_by_its_codes_and_words(members: dict[str, Any], matters: bool) -> None:
    first, again = (may_matter(observation(**members), TERMINOLOGY) for _ in range(2))

    assert first is again is matters
