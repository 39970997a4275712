from __future__ import annotations

import gzip
import tracemalloc
from io import BytesIO
from typing import Any
from unittest.mock import Mock

import orjson
import pytest
from werkzeug.test import TestResponse

from service.config import Settings
from service.errors import MissingData
from service.hooks.card import Source
from service.hooks.request import HookRequest
from service.hooks.response import EXPLANATION
from service.security.clients import ANONYMOUS, Client
from service.web.answers import JSON
from service.web.parts import Answered
from tests.web.support import (
    HOOKS,
    ORIGIN,
    SERVICE_OF,
    a_card,
    app_client,
    call,
    outcome_of,
    request_of,
)

ADDRESSES = ["/cds-services", "/cds-services/net-patient-view", "/cds-services/net-patient-view/feedback"]


def keep_nothing(document: Any, *, service_id: str, client: Client) -> int:
    return len(document["feedback"])


@pytest.mark.parametrize("address", ["/cds-services", "/cds-services/"])
def test_discovery_answers_with_and_without_a_slash_at_the_end(address: str) -> None:
    response = app_client().get(address)
    assert response.status_code == 200
    assert [service["id"] for service in response.get_json()["services"]] == list(SERVICE_OF.values())


@pytest.mark.parametrize("hook", HOOKS)
def test_each_service_answers_its_hook(hook: str) -> None:
    response = call(app_client([a_card()]), request_of(hook), hook=hook)
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert len(response.get_json()["cards"]) == 1


@pytest.mark.parametrize(
    "address",
    [
        "/cds-services/net-patient-view/",
        "/cds-services//net-patient-view",
        "/cds-services//net-patient-view/",
    ],
)
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_slashes_too_many_are_answered_without_redirect(address: str, method: str) -> None:
    response = app_client().open(address, method=method, json=request_of())
    assert response.status_code == {"POST": 200, "OPTIONS": 204}[method]


@pytest.mark.parametrize("slashes", ["/", "//"])
def test_feedback_answers_with_one_slash_and_with_two(slashes: str) -> None:
    client = app_client(record_feedback=keep_nothing)
    response = client.post(f"/cds-services{slashes}net-patient-view/feedback", json={"feedback": []})
    assert (response.status_code, response.get_json()) == (200, {})


def test_without_a_store_there_is_no_feedback_address() -> None:
    response = app_client().post("/cds-services/net-patient-view/feedback", json={"feedback": []})
    assert response.status_code == 404


@pytest.mark.parametrize("address", ["/cds-services/unknown", "/", "/cds-services/net-patient-view/other"])
def test_an_unknown_address_is_not_found(address: str) -> None:
    response = app_client().post(address, json=request_of())
    assert response.status_code == 404
    assert outcome_of(response)["code"] == "not-found"


def test_a_service_without_a_rule_is_unknown() -> None:
    assert call(app_client(hooks=["order-sign"]), request_of()).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_refused_and_told_which_are_allowed(method: str) -> None:
    response = app_client().open("/cds-services/net-patient-view", method=method)
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
    assert outcome_of(response)["code"] == "not-supported"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/fhir+json",
        "text/json",
    ],
)
def test_json_is_read_under_each_name_it_goes_by(content_type: str) -> None:
    response = app_client().post(
        "/cds-services/net-patient-view", data=orjson.dumps(request_of()), content_type=content_type
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
def test_a_body_that_says_it_is_no_json_is_refused(content_type: str) -> None:
    response = app_client().post(
        "/cds-services/net-patient-view", data=orjson.dumps(request_of()), content_type=content_type
    )
    assert response.status_code == 415
    assert outcome_of(response)["code"] == "not-supported"


def post_encoded(body: bytes, coding: str, **settings: int) -> TestResponse:
    return app_client(settings=Settings(**settings)).post(
        "/cds-services/net-patient-view",
        data=body,
        content_type="application/json",
        headers={"Content-Encoding": coding},
    )


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
def test_a_compressed_body_is_read(coding: str) -> None:
    assert post_encoded(gzip.compress(orjson.dumps(request_of())), coding).status_code == 200


@pytest.mark.parametrize("coding", ["deflate", "br", "zstd", "gzip, gzip", "gzip,identity", "x"])
def test_another_encoding_is_refused(coding: str) -> None:
    assert post_encoded(gzip.compress(orjson.dumps(request_of())), coding).status_code == 415


@pytest.mark.parametrize("extra", [0, 1])
def test_the_limit_is_that_of_the_content_of_a_compressed_body(extra: int) -> None:
    body = orjson.dumps(request_of())
    response = post_encoded(gzip.compress(body + b" " * extra), "gzip", max_body_bytes=len(body))
    assert response.status_code == (413 if extra else 200)


WHOLE = gzip.compress(orjson.dumps(request_of()), mtime=0)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", WHOLE[:-1], WHOLE[:20], WHOLE + b"x", WHOLE + WHOLE, WHOLE[:-8] + bytes(8), b"\x1f\x8b"],
)
def test_a_broken_gzip_stream_is_malformed(body: bytes) -> None:
    response = post_encoded(body, "gzip")
    assert response.status_code == 400
    assert "one whole gzip stream" in outcome_of(response)["details"]["text"]


def test_no_more_of_a_compressed_body_is_unpacked_than_may_be_read() -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    tracemalloc.start()
    response = post_encoded(bomb, "gzip", max_body_bytes=1_000_000)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert response.status_code == 413
    assert most < 20_000_000


@pytest.mark.parametrize("extra", [0, 1])
def test_the_largest_body_is_read_and_one_byte_more_is_refused(extra: int) -> None:
    body = orjson.dumps(request_of())
    client = app_client(settings=Settings(max_body_bytes=len(body)))
    response = client.post("/cds-services/net-patient-view", data=body + b" " * extra, content_type=JSON)
    assert response.status_code == (413 if extra else 200)


@pytest.mark.parametrize("extra", [0, 1])
def test_a_chunked_body_has_the_same_limit(extra: int) -> None:
    body = orjson.dumps(request_of())
    client = app_client(settings=Settings(max_body_bytes=len(body)))
    response = client.post(
        "/cds-services/net-patient-view",
        input_stream=BytesIO(body + b" " * extra),
        content_type=JSON,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == (413 if extra else 200)
    if extra:
        assert outcome_of(response)["code"] == "too-long"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"hook":1,"hook":2}', b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    response = app_client().post("/cds-services/net-patient-view", data=body, content_type="application/json")
    assert response.status_code == 400
    assert outcome_of(response)["diagnostics"].startswith("$")


def test_a_malformed_request_is_answered_with_the_path_of_the_fault() -> None:
    issue = outcome_of(call(app_client(), request_of(context={"userId": "Practitioner/1"})))
    assert issue["diagnostics"] == "$.context.patientId"
    assert issue["details"]["text"].startswith("$.context.patientId: is missing")


@pytest.mark.parametrize(
    ("allowed", "server", "kept"),
    [
        (("https://fhir.example.org/r4",), "https://fhir.example.org/r4", True),
        (("https://fhir.example.org/r4",), "https://other.example.org/r4", False),
        ((), "http://127.0.0.1:8080/fhir", True),
        ((), "https://fhir.example.org/r4", False),
        ((), "no url at all", False),
    ],
)
def test_a_fhir_server_that_may_not_be_read_counts_as_none(
    allowed: tuple[str, ...], server: str, kept: bool
) -> None:
    seen: list[HookRequest] = []

    def respond(request: HookRequest, client: Client) -> Answered:
        seen.append(request)
        return Answered(())

    client = app_client(respond=respond, settings=Settings(allowed_fhir_servers=allowed))
    assert call(client, request_of(fhirServer=server)).status_code == 200
    assert (seen[0].fhir_access is not None) is kept


def test_issued_cards_are_handed_to_the_store_as_they_were_sent() -> None:
    kept: list[Any] = []

    def record(wire_cards: Any, **_: Any) -> None:
        kept.extend(wire_cards)

    response = call(app_client([a_card()], record_issued=record), request_of())
    assert kept == response.get_json()["cards"]


def test_a_call_without_cards_is_handed_to_the_store_to_be_counted() -> None:
    counted: list[Any] = []

    def record(wire_cards: Any, **_: Any) -> None:
        counted.append(wire_cards)

    assert call(app_client(record_issued=record), request_of()).get_json() == {"cards": []}
    assert counted == [[]]


def test_a_client_is_refused_a_service_that_it_is_not_registered_for() -> None:
    registered = Client(issuer="https://ehr.example.org", services=("net-order-sign",))
    client = app_client(authenticate=lambda header, audiences: registered)
    assert call(client, request_of()).status_code == 403
    assert call(client, request_of("order-sign"), hook="order-sign").status_code == 200
    assert [service["id"] for service in client.get("/cds-services").get_json()["services"]] == [
        "net-order-sign"
    ]


def test_the_cards_of_a_client_with_a_profile_are_written_as_it_takes_them() -> None:
    registered = Client(issuer="https://ehr.example.org", profile="epic")
    card = a_card(source=Source("Guideline", "https://guideline.example.org/net", "sstr-imaging", "SSTR"))
    client = app_client([card], authenticate=lambda header, audiences: registered)
    (written,) = call(client, request_of()).get_json()["cards"]
    assert written["source"]["topic"]["code"] == "sstrimaging"
    assert written["extension"][EXPLANATION]["recommendations"] == ["sstr-imaging", "ki67"]


def test_the_public_url_and_not_the_host_header_says_what_aud_must_be() -> None:
    asked: list[tuple[str, ...]] = []

    def authenticate(header: str | None, audiences: Any) -> Client:
        asked.append(tuple(audiences))
        return Client(issuer="https://ehr.example.org")

    client = app_client(
        authenticate=authenticate,
        settings=Settings(public_url="https://cds.example.org/net", authentication="off"),
        record_feedback=keep_nothing,
    )
    headers = {"Host": "evil.example.org", "X-Forwarded-Host": "evil.example.org"}
    client.get("/cds-services", headers=headers)
    call(client, request_of(), headers=headers)
    client.post("/cds-services/net-patient-view/feedback", json={"feedback": []}, headers=headers)
    base = "https://cds.example.org/net/cds-services"
    assert asked == [
        (base,),
        (f"{base}/net-patient-view",),
        (f"{base}/net-patient-view/feedback", f"{base}/net-patient-view"),
    ]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_has_the_security_headers(address: str) -> None:
    client = app_client(record_feedback=keep_nothing)
    for method in ("GET", "POST", "OPTIONS"):
        headers = client.open(address, method=method, headers={"Origin": ORIGIN}).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Referrer-Policy"] == "no-referrer"


def test_health_tells_alive_from_ready() -> None:
    client = app_client()
    assert client.get("/health/live").get_json() == {"status": "live"}
    assert client.get("/health/ready").get_json() == {"status": "ready"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example:8000"},
        {"Host": "192.0.2.1"},
        {"Host": ""},
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Proto": "https"},
        {"X-Real-IP": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
    ],
    ids=str,
)
def test_an_open_service_answers_only_what_comes_from_this_machine_to_this_machine(
    headers: dict[str, str],
) -> None:
    respond = Mock()
    client = app_client(respond=respond)
    for answer in (call(client, request_of(), headers=headers), client.get("/cds-services", headers=headers)):
        assert answer.status_code == 421
        assert "only this machine" in outcome_of(answer)["details"]["text"]
    assert client.get("/health/live", headers=headers).status_code == 200
    respond.assert_not_called()


def test_a_call_from_another_machine_is_refused_while_the_service_is_open() -> None:
    other = {"REMOTE_ADDR": "192.0.2.1"}
    assert app_client().get("/cds-services", environ_overrides=other).status_code == 421
    guarded = app_client(settings=Settings(authentication="off"))
    assert guarded.get("/cds-services", environ_overrides=other).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]"])
def test_an_open_service_answers_to_every_name_of_this_machine(host: str) -> None:
    assert app_client().get("/cds-services", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("content_type", [None, "text/plain", ";;;", "application/x-www-form-urlencoded"])
def test_what_a_page_of_another_site_can_send_is_refused_while_the_service_is_open(
    content_type: str | None,
) -> None:
    respond = Mock()
    answer = app_client(respond=respond).post(
        "/cds-services/net-patient-view", data=orjson.dumps(request_of()), content_type=content_type
    )
    assert answer.status_code == 415
    respond.assert_not_called()


def test_a_call_without_conditions_is_told_what_of_it_could_not_be_used() -> None:
    def lack(_request: HookRequest, _client: Client) -> Answered:
        raise MissingData("The patient's conditions are needed.")

    client = app_client(
        respond=lack, settings=Settings(allowed_fhir_servers=("https://ehr.example.org/fhir",))
    )
    request = request_of(
        fhirServer="https://other.example.org/fhir", prefetch={"item1": None, "Mrs Secret": None}
    )
    text = outcome_of(call(client, request))["details"]["text"]
    assert text == (
        "The patient's conditions are needed. The fhirServer of this call is not on the list of servers that "
        "may be read for this client. 2 keys of prefetch (item1) are not those of discovery."
    )


def test_metrics_are_for_those_who_may_read_them() -> None:
    client = app_client([a_card()])
    call(client, request_of())
    text = client.get("/metrics").text
    assert 'net_cds_calls_total{client="",service="net-patient-view",status="200"}' in text
    assert 'net_cds_cards_total{indicator="warning",rule="ki67"}' in text
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
    settings = Settings(metrics_readers="192.0.2.0/24")
    scraped = app_client(settings=settings).get("/metrics", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert scraped.status_code == 200


def test_feedback_has_a_bound_of_its_own_in_bytes() -> None:
    kept: list[Any] = []

    def record(document: Any, **_: Any) -> int:
        kept.append(document)
        return 1

    client = app_client(record_feedback=record)
    address = "/cds-services/net-patient-view/feedback"
    most = {"feedback": [], "x": "a" * (1_048_576 - len('{"feedback":[],"x":""}'))}
    for document, status in ((most, 200), ({**most, "x": most["x"] + "a"}, 413)):
        body = orjson.dumps(document)
        assert client.post(address, data=body, content_type="application/json").status_code == status
    assert len(kept) == 1


def in_languages(client: Client, *languages: str, **headers: str) -> tuple[str, TestResponse]:
    """The language that the engine was asked for, and the answer."""
    asked: list[str] = []

    def respond(_request: HookRequest, caller: Client) -> Answered:
        asked.append(caller.language)
        return Answered([a_card()])

    app = app_client(respond=respond, languages=languages, authenticate=lambda *_: client)
    response = call(app, request_of(), headers=headers)
    (language,) = asked
    return language, response


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE;q=0.4, fr;q=0.9", "de"),
        ("en;q=0.5, de", "de"),
        ("de;q=0.5, en-GB", "en"),
        ("de-DE, en;q=0.5", "de"),
        ("fr, es", "en"),
        ("de;q=0", "en"),
        ("*", "en"),
        ("", "en"),
        ("\u00e4;;q=x", "en"),
    ],
)
def test_the_caller_chooses_among_the_languages(wanted: str, language: str) -> None:
    asked, response = in_languages(ANONYMOUS, "en", "de", **{"Accept-Language": wanted})

    assert asked == language
    assert response.headers["Content-Language"] == language
    assert "Accept-Language" in response.headers.getlist("Vary")


def test_without_a_wish_the_cards_are_english() -> None:
    assert in_languages(ANONYMOUS, "en", "de")[0] == "en"


def test_the_setting_of_a_client_is_stronger_than_the_wish_of_its_caller() -> None:
    asked, response = in_languages(Client("x", language="de"), "en", "de", **{"Accept-Language": "en"})

    assert asked == response.headers["Content-Language"] == "de"
    assert "Accept-Language" not in response.headers.getlist("Vary")


def test_where_there_is_one_language_nothing_varies() -> None:
    _asked, response = in_languages(ANONYMOUS, "en", **{"Accept-Language": "de"})

    assert response.headers["Content-Language"] == "en"
    assert "Accept-Language" not in response.headers.getlist("Vary")
