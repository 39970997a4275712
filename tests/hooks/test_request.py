from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from service.errors import MalformedRequest
from service.hooks.hooks import SERVICE_OF
from service.hooks.request import HookRequest, read_request
from service.hooks.shapes import SCHEMA_NAMES, checked, schemas
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


@pytest.mark.parametrize("patient_id", ["p", "x" * 255, "a.b_c~d-1", "0"])
def test_ids_as_clients_write_them_are_read(patient_id: str) -> None:
    assert read(with_context(request_of(), patientId=patient_id)).patient_id == patient_id


@pytest.mark.parametrize("user_id", ["COREPRACTITIONER1", "Device/9", "-", "practitioner/1", "Practitioner/"])
def test_a_user_of_an_odd_form_is_accepted_and_logged(user_id: str) -> None:
    found = read(with_context(request_of(), userId=user_id))
    assert (found.user_id, found.deviations) == (user_id, ("context.userId",))


@pytest.mark.parametrize("user_id", ["Practitioner/1", "https://ehr.example.org/r4/PractitionerRole/2"])
def test_a_user_of_the_usual_form_is_no_deviation(user_id: str) -> None:
    assert read(with_context(request_of(), userId=user_id)).deviations == ()


@pytest.mark.parametrize(
    ("name", "value"), [("userId", "x" * 1001), ("encounterId", "x" * 256), ("patientId", "x" * 256)]
)
def test_no_id_may_be_endless(name: str, value: str) -> None:
    assert refusal(with_context(request_of(), **{name: value})).path == f"$.context.{name}"
    assert refusal(request_of(hookInstance="x" * 256)).path == "$.hookInstance"


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


@pytest.mark.parametrize("selections", [[], None])
def test_selections_may_be_empty(selections: object) -> None:
    document = with_context(request_of("order-select"), selections=selections)
    assert read(document, "order-select").selections == ()


@pytest.mark.parametrize("selections", ["ServiceRequest/1", [1], [None], {}])
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


def authorized(**changes: object) -> HookRequest:
    authorization = {name: value for name, value in (AUTHORIZATION | changes).items() if value is not ...}
    return read(request_of(fhirServer="https://fhir.example.org", fhirAuthorization=authorization))


@pytest.mark.parametrize(
    "changes",
    [
        *(
            {"access_token": value}
            for value in (..., None, [], {}, True, "", "two\r\nlines", "ü", "t" * 20_000)
        ),
        {"token_type": "mac"},
        {"token_type": ""},
    ],
)
def test_a_token_that_cannot_be_used_is_left_out_and_logged(changes: dict[str, object]) -> None:
    found = authorized(**changes)
    assert found.fhir_access is not None
    assert (found.fhir_access.token, found.fhir_access.scopes) == (None, "")
    assert found.deviations == tuple(f"fhirAuthorization.{name}" for name in changes)


@pytest.mark.parametrize("name", ["token_type", "expires_in", "scope", "subject"])
@pytest.mark.parametrize("value", [..., None, [], {}, True, 1.5])
def test_what_is_not_needed_of_an_authorization_is_not_demanded(name: str, value: object) -> None:
    found = authorized(**{name: value})
    assert found.fhir_access is not None
    assert found.fhir_access.token == "some-opaque-token"
    assert found.fhir_access.scopes == ("" if name == "scope" else "patient/*.rs")
    assert found.deviations == (f"fhirAuthorization.{name}",)


def test_a_whole_authorization_is_no_deviation() -> None:
    assert authorized().deviations == authorized(patient=...).deviations == ()


@pytest.mark.parametrize("authorization", [[], "some-opaque-token", 5, True])
def test_an_authorization_that_is_no_object_is_refused(authorization: object) -> None:
    document = request_of(fhirServer="https://fhir.example.org", fhirAuthorization=authorization)
    assert refusal(document).path == "$.fhirAuthorization"


@pytest.mark.parametrize("patient", [5, "p2", "", "Patient/p1"])
def test_a_token_for_another_patient_is_refused(patient: object) -> None:
    authorization = AUTHORIZATION | {"patient": patient}
    document = request_of(fhirServer="https://fhir.example.org", fhirAuthorization=authorization)
    assert refusal(document).path == "$.fhirAuthorization.patient"
    assert (
        refusal(document | {"fhirAuthorization": {"patient": patient}}).path == "$.fhirAuthorization.patient"
    )


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
    drafts = read(document, "order-sign").draft_orders
    assert [one.resource for one in drafts if "resourceType" in one.resource] == [ORDER]


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


@pytest.mark.parametrize(
    ("hook", "name"), [("order-sign", "draftOrders"), ("appointment-book", "appointments")]
)
def test_a_thousand_resources_are_read_and_no_more(hook: str, name: str) -> None:
    def document(count: int) -> dict[str, Any]:
        bundle = {"resourceType": "Bundle", "entry": [{"resource": ORDER}] * count}
        return with_context(request_of(hook), **{name: bundle})

    found = read(document(1000), hook)
    assert len(found.draft_orders + found.appointments) == 1000
    assert refusal(document(1001), hook).path == f"$.context.{name}"


def test_five_thousand_selections_are_read_and_no_more() -> None:
    def document(count: int) -> dict[str, Any]:
        return with_context(request_of("order-select"), selections=["ServiceRequest/1"] * count)

    assert len(read(document(5000), "order-select").selections) == 5000
    assert refusal(document(5001), "order-select").path == "$.context.selections"


def test_each_message_says_what_is_expected() -> None:
    assert refusal({}).message == "is missing; it has to be 'patient-view' on this service"
    assert refusal(with_context(request_of(), patientId="Patient/p1")).message.startswith(
        "has to be the bare id"
    )
    assert refusal(
        with_context(request_of("order-select"), selections=[1]), "order-select"
    ).message.startswith("has to be an array of at most 5000 references")


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
def test_what_is_published_and_what_is_checked_agree(
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
    published = Draft202012Validator({"$ref": f"#/$defs/{SCHEMA_NAMES[hook]}", "$defs": schemas()})
    if published.is_valid(document):
        checked(document, hook=hook)
    else:
        with pytest.raises(MalformedRequest) as caught:
            checked(document, hook=hook)
        assert caught.value.path.startswith("$.")


@pytest.mark.parametrize("hook", HOOKS)
def test_every_member_is_described_in_words_that_can_answer_it(hook: str) -> None:
    shape = schemas()[SCHEMA_NAMES[hook]]
    context = schemas()[SCHEMA_NAMES[hook].replace("Request", "Context")]
    described = shape["properties"] | context["properties"]
    assert all(member["description"].startswith("has to be ") for member in described.values())
    assert {one.name for one in SERVICE_OF[hook].context} <= set(context["required"])
