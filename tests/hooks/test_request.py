from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import MalformedRequest
from service.hooks import request as module
from service.hooks.request import SCHEMA_NAMES, HookRequest, read_request
from service.hooks.schemas import fault_of
from tests.web.support import HOOKS, request_of, with_context

AUTHORIZATION = {
    "access_token": "some-opaque-token",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs",
    "subject": "net-cds",
    "patient": "p1",
}
ORDER = {"resourceType": "ServiceRequest", "id": "1"}


def read(document: dict[str, Any], hook: str = "patient-view") -> HookRequest:
    return read_request(document, service_id="some-service", hook=hook)


def refusal(document: dict[str, Any], hook: str = "patient-view") -> MalformedRequest:
    with pytest.raises(MalformedRequest) as caught:
        read(document, hook)
    return caught.value


@pytest.mark.parametrize("hook", HOOKS)
def test_a_minimal_request_of_each_hook_is_read(hook: str) -> None:
    found = read(request_of(hook), hook)
    assert (found.hook, found.patient_id, found.user_id) == (hook, "p1", "Practitioner/1")
    assert found.prefetch == {}
    assert found.fhir_access is None


@pytest.mark.parametrize("hook", HOOKS)
def test_each_member_that_a_hook_requires_is_missed_by_its_path(hook: str) -> None:
    whole = request_of(hook)
    for name in whole:
        assert refusal({k: v for k, v in whole.items() if k != name}, hook).path == f"$.{name}"
    required = {"userId", "patientId", *whole["context"]}
    for name in required:
        assert refusal(with_context(whole, **{name: ...}), hook).path == f"$.context.{name}"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"hook": 5}, "$.hook"),
        ({"hook": "order-sign"}, "$.hook"),
        ({"hookInstance": 7}, "$.hookInstance"),
        ({"hookInstance": ""}, "$.hookInstance"),
        ({"context": []}, "$.context"),
        ({"prefetch": []}, "$.prefetch"),
        ({"prefetch": "all"}, "$.prefetch"),
        ({"fhirServer": 3}, "$.fhirServer"),
        ({"fhirServer": {}}, "$.fhirServer"),
    ],
)
def test_a_member_of_the_wrong_type_is_refused_with_its_path(changes: dict[str, Any], path: str) -> None:
    assert refusal(request_of(**changes)).path == path


@pytest.mark.parametrize(
    "patient_id",
    [
        "Patient/p1",
        "",
        " ",
        "p 1",
        "p1\n",
        "..",
        "p1?x=y",
        "p1#",
        "{{context.patientId}}",
        "%2e%2e",
        "x" * 256,
        7,
        None,
        [],
    ],
)
def test_a_patient_id_that_is_no_bare_id_is_refused(patient_id: object) -> None:
    assert refusal(with_context(request_of(), patientId=patient_id)).path == "$.context.patientId"


@pytest.mark.parametrize("user_id", ["COREPRACTITIONER1", "Device/9", "Practitioner/Practitioner/1", "-"])
def test_a_user_of_an_odd_form_is_accepted(user_id: str) -> None:
    assert read(with_context(request_of(), userId=user_id)).user_id == user_id


@pytest.mark.parametrize(
    "changes",
    [
        {"fhirServer": None},
        {"fhirServer": ""},
        {"fhirServer": None, "fhirAuthorization": None},
        {"prefetch": {}},
        {"prefetch": None},
        {"hookInstance": "not a uuid"},
        {"user": "Practitioner/old"},
        {"extension": {"org.example": None}, "vendor": [1, 2]},
    ],
)
def test_what_other_versions_and_clients_send_is_accepted(changes: dict[str, Any]) -> None:
    document = request_of() | changes
    assert read(document).patient_id == "p1"


def test_null_for_an_optional_field_of_the_context_is_accepted() -> None:
    assert read(with_context(request_of(), encounterId=None)).encounter_id is None


def test_an_empty_list_of_selections_is_accepted() -> None:
    document = with_context(request_of("order-select"), selections=[])
    assert read(document, "order-select").selections == ()


@pytest.mark.parametrize("selections", [None, "ServiceRequest/1", [1], [None], {}])
def test_selections_of_the_wrong_type_are_refused(selections: object) -> None:
    document = with_context(request_of("order-select"), selections=selections)
    assert refusal(document, "order-select").path.startswith("$.context.selections")


def test_an_encounter_that_starts_needs_its_id() -> None:
    for encounter_id in (None, "", 5):
        document = with_context(request_of("encounter-start"), encounterId=encounter_id)
        assert refusal(document, "encounter-start").path == "$.context.encounterId"


def test_fhir_access_keeps_the_token_out_of_sight() -> None:
    found = read(request_of(fhirServer="https://fhir.example.org", fhirAuthorization=AUTHORIZATION))
    assert found.fhir_access is not None
    assert found.fhir_access.token == "some-opaque-token"
    assert found.fhir_access.scopes == "patient/*.rs"
    assert "some-opaque-token" not in repr(found)


@pytest.mark.parametrize("name", ["access_token", "token_type", "expires_in", "scope", "subject"])
@pytest.mark.parametrize("value", [..., None, [], {}, True])
def test_a_required_part_of_the_authorization_is_missing_or_ill_typed(name: str, value: object) -> None:
    changed = {k: v for k, v in (AUTHORIZATION | {name: value}).items() if v is not ...}
    document = request_of(fhirServer="https://fhir.example.org", fhirAuthorization=changed)
    assert refusal(document).path == f"$.fhirAuthorization.{name}"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"token_type": "mac"}, "$.fhirAuthorization.token_type"),
        ({"expires_in": "300"}, "$.fhirAuthorization.expires_in"),
        ({"expires_in": 1.5}, "$.fhirAuthorization.expires_in"),
        ({"access_token": "two\r\nlines"}, "$.fhirAuthorization.access_token"),
        ({"patient": 5}, "$.fhirAuthorization.patient"),
        ({"patient": "p2"}, "$.fhirAuthorization.patient"),
        ({"patient": ""}, "$.fhirAuthorization.patient"),
    ],
)
def test_an_authorization_that_cannot_be_used_is_refused(changes: dict[str, Any], path: str) -> None:
    document = request_of(fhirServer="https://fhir.example.org", fhirAuthorization=AUTHORIZATION | changes)
    assert refusal(document).path == path


@pytest.mark.parametrize("changes", [{"token_type": "bearer"}, {"token_type": "BEARER"}, {"patient": None}])
def test_an_authorization_with_small_deviations_is_accepted(changes: dict[str, Any]) -> None:
    document = request_of(fhirServer="https://fhir.example.org", fhirAuthorization=AUTHORIZATION | changes)
    assert read(document).fhir_access is not None


@pytest.mark.parametrize("server", [{}, {"fhirServer": None}, {"fhirServer": ""}])
def test_an_authorization_without_server_is_refused(server: dict[str, Any]) -> None:
    document = request_of(fhirAuthorization=AUTHORIZATION) | server
    assert refusal(document).path == "$.fhirServer"


@pytest.mark.parametrize(
    "bundle",
    [
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": ORDER}]},
        {"resourceType": "Bundle", "entry": [{"resource": ORDER}]},
        {"entry": [{"resource": ORDER}]},
        {"resourceType": "Bundle", "entry": {"resource": ORDER}},
        {"resourceType": "Bundle", "entry": [ORDER, None, 5, {"resource": None}, {"resource": {"id": "x"}}]},
        {"resourceType": "Bundle", "entry": [{"resource": {"resource": ORDER}}]},
        {"resource": {"resourceType": "Bundle", "entry": [{"resource": ORDER}]}},
        ORDER,
    ],
)
def test_the_orders_are_found_in_whatever_is_around_them(bundle: dict[str, Any]) -> None:
    document = with_context(request_of("order-sign"), draftOrders=bundle)
    assert read(document, "order-sign").draft_orders == (ORDER,)


@pytest.mark.parametrize("bundle", [{}, {"entry": None}, {"resourceType": "Bundle"}, {"entry": []}])
def test_a_bundle_without_orders_is_accepted(bundle: dict[str, Any]) -> None:
    document = with_context(request_of("order-sign"), draftOrders=bundle)
    assert read(document, "order-sign").draft_orders == ()


@pytest.mark.parametrize("bundle", [[], "Bundle/1", 5, None])
def test_a_bundle_that_is_no_object_is_refused(bundle: object) -> None:
    document = with_context(request_of("appointment-book"), appointments=bundle)
    assert refusal(document, "appointment-book").path == "$.context.appointments"


def test_no_message_repeats_what_the_request_said() -> None:
    mark = "Marie Marker"
    document = with_context(request_of(hookInstance=[mark], prefetch=[mark]), patientId=mark, userId=[mark])
    problem = refusal(document)
    assert mark not in problem.message
    assert mark not in problem.path


ODD_VALUES = st.sampled_from(
    [None, "", "x", "Patient/p1", "p1", "p1\n", "Bearer", "bearer", "ſ", 0, 1, 1.0, True, [], [1], ["a"], {}]
)
MEMBERS = [
    ("hook",),
    ("hookInstance",),
    ("fhirServer",),
    ("prefetch",),
    ("context",),
    ("fhirAuthorization",),
    *(("context", name) for name in ("userId", "patientId", "encounterId", "selections", "draftOrders")),
    ("context", "appointments"),
    *(("fhirAuthorization", name) for name in AUTHORIZATION),
]


@settings(max_examples=400)
@given(
    st.sampled_from(HOOKS),
    st.lists(st.tuples(st.sampled_from(MEMBERS), st.one_of(st.just(...), ODD_VALUES)), max_size=3),
    st.booleans(),
)
def test_the_cheap_check_passes_nothing_that_the_schema_refuses(
    hook: str, changes: list[tuple[tuple[str, ...], object]], authorized: bool
) -> None:
    document = copy.deepcopy(request_of(hook))
    if authorized:
        document |= {"fhirServer": "https://fhir.example.org", "fhirAuthorization": dict(AUTHORIZATION)}
    for path, value in changes:
        holder: Any = document
        for name in path[:-1]:
            holder = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(path[-1], None)
            if value is not ...:
                holder[path[-1]] = value
    valid = fault_of(document, file="request", name=SCHEMA_NAMES[hook]) is None
    assert valid or not module._plainly_valid(document, hook)
