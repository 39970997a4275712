from __future__ import annotations

from typing import Any

import pytest

from service.fhir.roles import Roles, roles_in

SNOMED = "http://snomed.info/sct"


def role(**members: Any) -> dict[str, Any]:
    return {
        "resourceType": "PractitionerRole",
        "code": [{"coding": [{"system": SNOMED, "code": "304292004", "display": "Surgeon"}]}],
        "specialty": [{"text": "General  Surgery"}],
        **members,
    }


NAMES = Roles(frozenset({"304292004", f"{SNOMED}|304292004", "surgeon"}), frozenset({"general surgery"}))


def test_code_system_display_and_text_are_names() -> None:
    assert roles_in({"user": role()}) == NAMES


def test_the_roles_of_a_practitioner_are_those_of_a_searchset() -> None:
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"resource": role()}, {"resource": role(code=[{"text": "Chief"}])}],
    }
    prefetch = {"user": {"resourceType": "Practitioner", "id": "1"}, "userRoles": bundle}

    assert roles_in(prefetch).roles == NAMES.roles | {"chief"}


def test_a_qualification_counts_where_no_role_was_sent() -> None:
    doctor = {"resourceType": "Practitioner", "qualification": [{"code": {"text": "MD"}}]}

    assert roles_in({"user": doctor}).roles == {"md"}


def test_a_role_that_is_over_does_not_count() -> None:
    assert roles_in({"user": role(active=False)}) == Roles()


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
    assert roles_in({"user": sent}) == Roles()
