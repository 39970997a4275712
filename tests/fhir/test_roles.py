from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from service.fhir.roles import Roles, roles_in

SNOMED = "http://snomed.info/sct"
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


def role(**members: Any) -> dict[str, Any]:
    return {
        "resourceType": "PractitionerRole",
        "id": "r",
        "practitioner": {"reference": "https://ehr.example.org/r4/Practitioner/1"},
        "code": [{"coding": [{"system": SNOMED, "code": "304292004", "display": "Surgeon"}]}],
        "specialty": [{"text": "General  Surgery"}],
        **members,
    }


NAMES = Roles(frozenset({"304292004", f"{SNOMED}|304292004", "surgeon"}), frozenset({"general surgery"}))


def test_code_system_display_and_text_are_names() -> None:
    assert roles_in({"user": role()}.values(), "PractitionerRole/r", NOW) == NAMES


def test_the_roles_of_a_practitioner_are_those_of_a_searchset() -> None:
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"resource": role()}, {"resource": role(code=[{"text": "Chief"}])}],
    }
    prefetch = {"user": {"resourceType": "Practitioner", "id": "1"}, "userRoles": bundle}

    assert roles_in(prefetch.values(), "Practitioner/1", NOW).roles == NAMES.roles | {"chief"}


def test_a_qualification_counts_where_no_role_was_sent() -> None:
    doctor = {"resourceType": "Practitioner", "id": "1", "qualification": [{"code": {"text": "MD"}}]}

    assert roles_in({"user": doctor}.values(), "Practitioner/1", NOW).roles == {"md"}


@pytest.mark.parametrize(
    "members",
    [
        {"active": False},
        {"period": {"end": "2020-01-01"}},
        {"period": {"start": "2027-01-01"}},
        {"practitioner": {"reference": "Practitioner/2"}},
        {"practitioner": None},
    ],
)
def test_a_role_that_is_over_or_somebody_elses_does_not_count(members: dict[str, Any]) -> None:
    assert roles_in({"userRoles": role(**members)}.values(), "Practitioner/1", NOW) == Roles()


def test_a_role_of_today_counts() -> None:
    current = role(period={"start": "2020-01-01", "end": "2026-11-24"})
    assert roles_in({"userRoles": current}.values(), "Practitioner/1", NOW) == NAMES


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "x",
        [],
        {},
        {"resourceType": "Patient"},
        {"entry": [None, {"resource": 1}]},
        role(code="x", specialty=[1]),
    ],
)
def test_what_cannot_be_read_gives_no_role(sent: Any) -> None:
    assert roles_in({"user": sent}.values(), "PractitionerRole/r", NOW) == Roles()
