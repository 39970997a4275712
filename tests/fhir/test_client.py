from __future__ import annotations

import gzip
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from service.fhir.access import FhirAccess
from service.fhir.client import FetchLimits, FetchOutcome, fetch_all
from service.fhir.reasons import Reason, Why
from service.security.urls import same_base
from tests.fhir import misbehaving
from tests.fhir.misbehaving import Raw, Reply, Server, misbehaving_server

TOKEN = "secret-token"
LATE = Reason(Why.LATE)
QUERY = "Condition?patient=1&_count=2"


def bundle(*identities: str, following: str | None = None, **members: Any) -> bytes:
    links = [] if following is None else [{"relation": "next", "url": following}]
    entries = [{"resource": {"resourceType": "Condition", "id": identity}} for identity in identities]
    document = {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries, **members}
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


GOOD = Reply(body=bundle("a"))


def ask(
    server: Server,
    query: str = QUERY,
    *,
    seconds: float = 5,
    limits: FetchLimits | None = None,
    scopes: str = "",
) -> FetchOutcome:
    access = FhirAccess(f"{server.url}/fhir", token=TOKEN, scopes=scopes)
    return fetch_all(access, {"key": query}, deadline_seconds=seconds, same_base=same_base, limits=limits)[
        "key"
    ]


def identities(outcome: FetchOutcome) -> list[str]:
    assert outcome.resource is not None
    assert (outcome.resource["resourceType"], outcome.resource["type"]) == ("Bundle", "searchset")
    return [entry["resource"]["id"] for entry in outcome.resource["entry"]]


def not_all_pages(because: Reason) -> Reason:
    return Reason(Why.NOT_ALL_PAGES, because=because)


def outcome_of(*replies: Reply | Raw, **options: Any) -> tuple[FetchOutcome, Server]:
    with misbehaving_server({"/fhir/Condition": list(replies)}) as server:
        return ask(server, **options), server


OPERATION_OUTCOME = b'{"resourceType": "OperationOutcome", "issue": []}'
NOT_FHIR = Reason(Why.NOT_FHIR_JSON)
NO_OBJECT = Reason(Why.NOT_ONE_OBJECT)
TWICE = Reason(Why.MEMBER_TWICE)
UNEXPECTED = Reason(Why.SOMETHING_ELSE)


def status(code: int, **headers: str) -> Reply:
    return Reply(code, OPERATION_OUTCOME, headers={k.replace("_", "-"): v for k, v in headers.items()})


# What the server does -> (replies, reason, number of requests). All are unknown: nothing was read.
FAULTS: dict[str, tuple[list[Reply | Raw], Reason, int]] = {
    "401": ([status(401)], Reason(Why.TOKEN_NOT_ACCEPTED), 1),
    "403": ([status(403)], Reason(Why.NOT_PERMITTED), 1),
    "404": ([status(404)], Reason(Why.NOT_KNOWN), 1),
    "410": ([status(410)], Reason(Why.DELETED), 1),
    "500": ([status(500)], Reason(Why.STATUS, "500"), 1),
    "503 twice": ([status(503)], Reason(Why.STATUS, "503"), 2),
    "503 for a long time": (
        [status(503, Retry_After="60")],
        Reason(Why.STATUS, "503"),
        1,
    ),
    "504 twice": ([status(504)], Reason(Why.STATUS, "504"), 2),
    "429 for a long time": (
        [status(429, Retry_After="120")],
        Reason(Why.TOO_LONG_A_WAIT),
        1,
    ),
    "429 without a time": (
        [status(429)],
        Reason(Why.TOO_LONG_A_WAIT),
        1,
    ),
    "429 with nonsense": (
        [status(429, Retry_After="9" * 5000)],
        Reason(Why.TOO_LONG_A_WAIT),
        1,
    ),
    "204": ([Reply(204, b"")], Reason(Why.STATUS, "204"), 1),
    "a list": ([Reply(body=b"[]")], NO_OBJECT, 1),
    "nested as deeply as can just be read": (
        [Reply(body=GOOD.body[:-1] + b', "x": ' + b"[" * 300 + b"]" * 300 + b"}")],
        NO_OBJECT,
        1,
    ),
    "nested without end": (
        [Reply(body=b"[" * 100_000)],
        NO_OBJECT,
        1,
    ),
    "a member twice": ([Reply(body=GOOD.body.replace(b'"id"', b'"id": "b", "id"'))], TWICE, 1),
    "HTML with 200": ([Reply(body=b"<html>login</html>", content_type="text/html")], NOT_FHIR, 1),
    "XML": ([Reply(body=b"<Bundle/>", content_type="application/fhir+xml")], NOT_FHIR, 1),
    "no content type": ([Reply(body=GOOD.body, content_type=None)], NOT_FHIR, 1),
    "another resource": ([Reply(body=b'{"resourceType": "Condition"}')], UNEXPECTED, 1),
    "another kind of Bundle": ([Reply(body=bundle("a", type="history"))], UNEXPECTED, 1),
    "entries no list": ([Reply(body=bundle(entry={"resource": {}}))], UNEXPECTED, 1),
    "OperationOutcome with 200": (
        [Reply(body=OPERATION_OUTCOME)],
        Reason(Why.OUTCOME),
        1,
    ),
    "truncated body": ([misbehaving.truncated], Reason(Why.CONNECTION), 2),
    "connection reset": ([misbehaving.reset], Reason(Why.CONNECTION), 2),
    "something else than HTTP": ([misbehaving.not_http], Reason(Why.CONNECTION), 2),
    "headers without end": ([misbehaving.many_headers], Reason(Why.CONNECTION), 2),
    "endless body": ([misbehaving.endless_body], Reason(Why.TOO_LARGE), 1),
    "gzip that is none": (
        [Reply(body=GOOD.body, headers={"Content-Encoding": "gzip"})],
        Reason(Why.COMPRESSION),
        1,
    ),
    "redirect without a target": ([Reply(302)], Reason(Why.REDIRECTS_AWAY), 1),
    "redirect in a circle": (
        [Reply(302, headers={"Location": "/fhir/Condition?again"})],
        Reason(Why.STATUS, "302"),
        2,
    ),
    "redirect out of the base": (
        [Reply(302, headers={"Location": "/admin"})],
        Reason(Why.REDIRECTS_AWAY),
        1,
    ),
    "redirect to a broken URL": (
        [Reply(302, headers={"Location": "http://[::1"})],
        Reason(Why.REDIRECTS_AWAY),
        1,
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_the_server_leaves_the_section_unknown_with_its_reason(
    fault: tuple[list[Reply | Raw], Reason, int],
) -> None:
    replies, reason, requests = fault
    outcome, server = outcome_of(*replies, limits=FetchLimits(max_bytes=1024 * 1024))
    assert outcome == FetchOutcome(None, complete=False, reason=reason)
    assert len(server.requests) == requests


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceType": "Bundle",',
        b"",
        b"\0" * 100,
        GOOD.body.replace(b'"a"', b'"a\0"'),
        GOOD.body.replace(b'"a"', b"NaN"),
        GOOD.body.decode().encode("utf-16"),
    ],
    ids=["cut off", "empty", "null bytes", "null byte in a text", "NaN", "UTF-16"],
)
def test_an_answer_that_is_no_json_leaves_the_section_unknown(body: bytes) -> None:
    outcome, _ = outcome_of(Reply(body=body))
    assert outcome == FetchOutcome(None, complete=False, reason=NO_OBJECT)


def test_a_page_that_is_refused_leaves_those_before_it() -> None:
    second = Reply(body=bundle("b").replace(b'"id"', b'"id": "c", "id"'))
    outcome, _ = outcome_of(Reply(body=bundle("a", following="?page=2")), second)
    assert identities(outcome) == ["a"]
    assert (outcome.complete, outcome.reason) == (False, not_all_pages(TWICE))


def test_the_name_of_a_member_that_is_there_twice_is_not_repeated() -> None:
    outcome, _ = outcome_of(Reply(body=b'{"Jane Doe": 1, "Jane Doe": 2}'))
    assert outcome.reason == TWICE


def test_a_number_beyond_all_limits_comes_as_it_does_by_prefetch() -> None:
    outcome, _ = outcome_of(Reply(body=GOOD.body.replace(b'"a"', b"1e999")))
    assert identities(outcome) == ["1e999"]
    assert outcome.complete


@pytest.mark.parametrize(
    "first",
    [
        status(502),
        status(503),
        status(503, Retry_After="0"),
        status(504),
        status(429, Retry_After="0"),
        status(429, Retry_After=formatdate(usegmt=True)),
        misbehaving.reset,
        misbehaving.truncated,
    ],
    ids=["502", "503", "503 with a time", "504", "429", "429 until a date", "reset", "truncated"],
)
def test_a_fault_that_has_passed_is_got_over(first: Reply | Raw) -> None:
    outcome, server = outcome_of(first, GOOD)
    assert (identities(outcome), outcome.complete, outcome.reason) == (["a"], True, None)
    assert len(server.requests) == 2


def test_the_time_that_the_server_asks_for_is_waited() -> None:
    _, server = outcome_of(status(429, Retry_After="1"), GOOD)
    first, second = server.requests
    assert second.at - first.at >= 1


SLOW: dict[str, Raw] = {
    "no answer": misbehaving.silent,
    "headers byte by byte": misbehaving.trickling_head,
    "body byte by byte": misbehaving.trickling_body,
}


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW.keys())
def test_a_slow_server_is_given_up_at_the_deadline_and_hung_up_on(slow: Raw) -> None:
    hung_up = threading.Event()

    def until_hung_up(wire: socket.socket) -> None:
        try:
            slow(wire)
        finally:
            hung_up.set()

    with misbehaving_server({"/fhir/Condition": [until_hung_up], "/fhir/Procedure": [GOOD]}) as server:
        access = FhirAccess(f"{server.url}/fhir")
        outcomes = fetch_all(
            access,
            {"slow": QUERY, "fast": "Procedure?patient=1"},
            deadline_seconds=0.5,
            same_base=same_base,
        )
        # Left alone, the slow answers would go on for 20 s.
        assert hung_up.wait(5)
    assert outcomes["slow"] == FetchOutcome(reason=LATE)
    assert outcomes["fast"].complete


def test_a_slow_second_page_leaves_the_first() -> None:
    first = Reply(body=bundle("a", following="Condition?page=2"))
    outcome, _ = outcome_of(first, misbehaving.trickling_body, seconds=2)
    assert identities(outcome) == ["a"]
    assert not outcome.complete
    assert outcome.reason == not_all_pages(LATE)


def test_a_server_that_does_not_accept_connections_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        # The queue of connections is filled, so that the next one hangs while it connects.
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        server = Server(f"http://127.0.0.1:{full.getsockname()[1]}")
        outcome = ask(server, seconds=0.3)
        for filler in fillers:
            filler.close()
    assert outcome == FetchOutcome(reason=LATE)


def test_nobody_listens() -> None:
    assert ask(Server("http://127.0.0.1:1")) == FetchOutcome(reason=Reason(Why.CONNECTION))


def test_a_name_looked_up_too_late_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo
    ended = threading.Event()

    def slow_look_up(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.6)
        ended.set()
        return look_up(*arguments, **options)

    with misbehaving_server({"/fhir/Condition": [GOOD]}) as server:
        monkeypatch.setattr(socket, "getaddrinfo", slow_look_up)
        assert ask(server, seconds=0.2) == FetchOutcome(reason=LATE)
        assert ended.wait(5)
        monkeypatch.undo()
        # A second call on the same server shows that the first had its chance to arrive.
        ask(server, "Condition?second")
        assert [request.path for request in server.requests] == ["/fhir/Condition?second"]


def test_a_compressed_answer() -> None:
    compressed = Reply(body=gzip.compress(GOOD.body), headers={"Content-Encoding": "gzip"})
    outcome, server = outcome_of(compressed)
    assert identities(outcome) == ["a"]
    assert server.requests[0].headers["Accept-Encoding"] == "gzip"


def test_a_small_answer_that_unpacks_to_a_large_one() -> None:
    bomb = Reply(
        body=gzip.compress(b" " * 200_000_000, compresslevel=1), headers={"Content-Encoding": "gzip"}
    )
    outcome, _ = outcome_of(bomb)
    assert outcome == FetchOutcome(reason=Reason(Why.TOO_LARGE))


def test_answers_that_are_too_much_together() -> None:
    replies: dict[str, list[Reply | Raw]] = {
        "/fhir/Condition": [Reply(body=bundle("a") + b" " * 600_000)],
        "/fhir/Procedure": [Reply(body=bundle("a") + b" " * 600_000)],
    }
    queries = {"conditions": "Condition?patient=p", "procedures": "Procedure?patient=p"}
    with misbehaving_server(replies) as server:
        access = FhirAccess(f"{server.url}/fhir", token=TOKEN)
        limits = FetchLimits(max_bytes_of_call=1_000_000)
        found = fetch_all(access, queries, deadline_seconds=5, same_base=same_base, limits=limits)
    assert sorted(outcome.complete for outcome in found.values()) == [False, True]
    assert Reason(Why.TOO_LARGE_TOGETHER) in {one.reason for one in found.values()}


def test_answers_of_too_many_values() -> None:
    body = bundle("a")[:-1] + b',"x":[' + b"{}," * 1000 + b"0]}"
    outcome, _ = outcome_of(Reply(body=body), limits=FetchLimits(max_values_of_call=1500))
    assert outcome == FetchOutcome(reason=Reason(Why.TOO_LARGE_TOGETHER))
    outcome, _ = outcome_of(Reply(body=body), limits=FetchLimits(max_values_of_call=2100))
    assert outcome.complete


@pytest.mark.parametrize(
    "content_type", ["text/json", "application/json; charset=utf-8", "text/json;charset=UTF-8"]
)
def test_json_under_other_names(content_type: str) -> None:
    outcome, _ = outcome_of(Reply(body=GOOD.body, content_type=content_type))
    assert outcome.complete


def test_an_answer_with_a_byte_order_mark() -> None:
    outcome, _ = outcome_of(Reply(body=b"\xef\xbb\xbf" + GOOD.body))
    assert identities(outcome) == ["a"]


def test_a_huge_answer() -> None:
    outcome, _ = outcome_of(Reply(body=b" " * (16 * 1024 * 1024 + 1)))
    assert outcome == FetchOutcome(reason=Reason(Why.TOO_LARGE))


def test_all_pages_are_read_with_the_token() -> None:
    pages = [
        Reply(body=bundle("a", "b", following="Condition?page=2", total=5)),
        Reply(body=bundle("c", following="/fhir/Condition?page=3")),
        Reply(body=bundle("d", "e")),
    ]
    outcome, server = outcome_of(*pages)
    assert identities(outcome) == ["a", "b", "c", "d", "e"]
    assert (outcome.complete, outcome.reason) == (True, None)
    assert [request.path for request in server.requests] == [
        f"/fhir/{QUERY}",
        "/fhir/Condition?page=2",
        "/fhir/Condition?page=3",
    ]
    assert {request.headers["Authorization"] for request in server.requests} == {f"Bearer {TOKEN}"}


def test_an_absolute_link_to_the_base_itself_is_followed() -> None:
    replies: dict[str, list[Reply | Raw]] = {"/fhir": [Reply(body=bundle("b"))]}
    with misbehaving_server(replies) as server:
        replies["/fhir/Condition"] = [Reply(body=bundle("a", following=f"{server.url}/fhir?_getpages=1"))]
        outcome = ask(server)
    assert outcome.complete
    assert identities(outcome) == ["a", "b"]


def test_links_to_the_next_page_in_a_circle() -> None:
    outcome, server = outcome_of(Reply(body=bundle("a", following=QUERY)))
    assert identities(outcome) == ["a"]
    assert outcome.reason == not_all_pages(Reason(Why.LINKS_IN_A_CIRCLE))
    assert len(server.requests) == 1


def test_pages_without_end() -> None:
    pages = [Reply(body=bundle(f"c{n}", following=f"Condition?page={n}")) for n in range(50)]
    outcome, server = outcome_of(*pages, limits=FetchLimits(max_pages=7))
    assert len(identities(outcome)) == len(server.requests) == 7
    assert outcome.reason == not_all_pages(Reason(Why.MANY_PAGES, "7"))


def test_pages_that_are_too_much_together() -> None:
    pages = [Reply(body=bundle("a", following="Condition?page=2")), Reply(body=bundle("b"))]
    outcome, _ = outcome_of(*pages, limits=FetchLimits(max_bytes=len(pages[0].body) + 10))
    assert identities(outcome) == ["a"]
    assert outcome.reason == not_all_pages(Reason(Why.TOO_LARGE))


@pytest.mark.parametrize(
    "link", ["http://127.0.0.1:{port}/fhir/Condition?page=2", "//127.0.0.1:{port}/fhir/x"]
)
def test_a_page_on_another_origin_is_not_read(link: str) -> None:
    with misbehaving_server({"/fhir/Condition": [GOOD]}) as other:
        port = other.url.rpartition(":")[2]
        outcome, _ = outcome_of(Reply(body=bundle("a", following=link.format(port=port))))
        assert other.connections == 0
    assert identities(outcome) == ["a"]
    assert not outcome.complete
    assert outcome.reason == not_all_pages(Reason(Why.LINK_LEADS_AWAY))


@pytest.mark.parametrize("link", ["", "/admin", "../../admin", "file:///etc/passwd", "http://[", 5, None])
def test_a_link_that_leads_nowhere_allowed_leaves_the_search_partial(link: Any) -> None:
    links = [{"relation": "next", "url": link}]
    outcome, server = outcome_of(Reply(body=bundle("a", link=links)))
    assert identities(outcome) == ["a"]
    assert not outcome.complete
    assert len(server.requests) == 1


def test_a_fault_on_the_second_page_leaves_the_search_partial() -> None:
    outcome, _ = outcome_of(Reply(body=bundle("a", following="Condition?page=2")), status(500))
    assert identities(outcome) == ["a"]
    assert outcome.reason == not_all_pages(Reason(Why.STATUS, "500"))


def test_a_redirect_to_another_origin_is_not_followed() -> None:
    with misbehaving_server({"/fhir/Condition": [GOOD]}) as other:
        outcome, _ = outcome_of(Reply(307, headers={"Location": f"{other.url}/fhir/Condition"}))
        assert other.connections == 0
    assert outcome == FetchOutcome(reason=Reason(Why.REDIRECTS_AWAY))


def test_a_redirect_on_the_same_origin_is_followed_once() -> None:
    outcome, server = outcome_of(Reply(307, headers={"Location": "/fhir/Condition?moved"}), GOOD)
    assert identities(outcome) == ["a"]
    assert server.requests[1].headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_bundle_without_entries_is_known_and_empty() -> None:
    outcome, _ = outcome_of(Reply(body=bundle(entry=None, total=0)))
    assert identities(outcome) == []
    assert outcome.complete


def test_a_bundle_with_fewer_entries_than_the_server_counts_is_partial() -> None:
    outcome, _ = outcome_of(Reply(body=bundle("a", total=2)))
    assert identities(outcome) == ["a"]
    assert outcome == FetchOutcome(outcome.resource, complete=False, reason=Reason(Why.COUNTS_MORE))


@pytest.mark.parametrize(("total", "is_complete"), [(1, True), (2, True), (3, False)])
def test_a_total_may_count_what_was_included(total: int, is_complete: bool) -> None:
    entries = [{"resource": {"id": "a"}}, {"resource": {"id": "b"}, "search": {"mode": "include"}}]
    outcome, _ = outcome_of(Reply(body=bundle(entry=entries, total=total)))
    assert outcome.complete is is_complete


def test_entries_that_are_null_are_none() -> None:
    outcome, _ = outcome_of(Reply(body=bundle().replace(b"[]", b"null")))
    assert (identities(outcome), outcome.complete) == ([], True)


@pytest.mark.parametrize(
    "asked",
    [
        ["&_count=2&_sort=-date&_include=x", "&_sort=-date&_include=x"],
        ["&_count=2&_sort=-date&_include=x", "&_sort=-date&_include=x", "&_include=x"],
        ["&_count=2&_sort=-date&_include=x", "&_sort=-date&_include=x", "&_include=x", ""],
    ],
)
def test_what_a_server_refuses_is_asked_again_without(asked: list[str]) -> None:
    replies: list[Reply | Raw] = [status(400)] * (len(asked) - 1) + [GOOD]
    outcome, server = outcome_of(*replies, query=f"Condition?patient=1{asked[0]}")
    assert (identities(outcome), outcome.complete) == (["a"], True)
    assert [one.path for one in server.requests] == [f"/fhir/Condition?patient=1{one}" for one in asked]


def test_without_an_order_the_newest_may_be_among_what_is_missing() -> None:
    replies = [status(400), Reply(body=bundle("a", following="?page=2")), status(500)]
    outcome, _ = outcome_of(*replies, query="Condition?patient=1&_sort=-date")
    assert outcome.reason == Reason(Why.NOT_ALL_PAGES_NOR_NEWEST, because=Reason(Why.STATUS, "500"))


def test_a_search_that_is_refused_for_another_reason_says_so() -> None:
    outcome, server = outcome_of(status(400), query="Condition?patient=1&_count=2&_sort=-date")
    assert outcome.reason == Reason(Why.STATUS, "400")
    assert len(server.requests) == 3


def test_a_url_that_is_too_long_is_put_by_post() -> None:
    found: dict[str, list[Reply | Raw]] = {
        "/fhir/Condition": [status(414)],
        "/fhir/Condition/_search": [GOOD],
    }
    with misbehaving_server(found) as server:
        assert identities(ask(server, "Condition?code=http://a|1&patient=1")) == ["a"]
    assert server.requests[1].body == "code=http://a%7C1&patient=1"
    assert server.requests[1].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert server.requests[1].headers["Authorization"] == f"Bearer {TOKEN}"


PANEL = {"resourceType": "Observation", "id": "panel", "component": [{}]}
PLAIN = {"resourceType": "Observation", "id": "plain"}


def results(*found: dict[str, Any]) -> Reply:
    return Reply(body=bundle(entry=[{"resource": one} for one in found]))


@pytest.mark.parametrize(
    ("second", "found", "is_complete"),
    [
        (results(PANEL), ["panel", "plain"], True),
        (results(PANEL, PLAIN), ["plain"], True),
        (results(), ["plain"], True),
        (status(400), ["plain"], True),
        (status(403), ["plain"], True),
        (status(500), ["plain"], True),
        (status(503), ["plain"], False),
        (misbehaving.silent, ["plain"], False),
    ],
    ids=["found", "passed over", "nothing", "400", "403", "500", "503", "late"],
)
def test_results_are_searched_for_by_component_as_well(
    second: Reply | Raw, found: list[str], is_complete: bool
) -> None:
    def reply_to(path: str) -> Reply | Raw:
        return second if "component-code" in path else results(PLAIN)

    with misbehaving_server({"/fhir/Observation": reply_to}) as server:
        outcome = ask(server, "Observation?patient=1&_sort=-date&_count=100&code=http://a|1", seconds=2)
    assert sorted(identities(outcome)) == found
    assert outcome.complete is is_complete
    assert "/fhir/Observation?patient=1&component-code=http://a%7C1" in {one.path for one in server.requests}


def test_a_long_query_is_put_in_parts() -> None:
    codes = ",".join(f"http://loinc.org|{number}-1" for number in range(100, 200))
    with misbehaving_server({"/fhir/Condition": [GOOD]}) as server:
        outcome = ask(server, f"Condition?patient=1&code={codes}")
    assert (identities(outcome), outcome.complete) == (["a", "a"], True)
    assert {len(one.path) < 2048 for one in server.requests} == {True}
    asked = {code for one in server.requests for code in one.path.partition("code=")[2].split(",")}
    assert asked == {one.replace("|", "%7C") for one in codes.split(",")}


def test_a_part_that_cannot_be_read_leaves_the_others() -> None:
    codes = ",".join(f"http://loinc.org|{number}-1" for number in range(100, 200))
    with misbehaving_server({"/fhir/Condition": [GOOD, status(500)]}) as server:
        outcome = ask(server, f"Condition?patient=1&code={codes}")
    assert identities(outcome) == ["a"]
    assert (outcome.complete, outcome.reason) == (False, Reason(Why.STATUS, "500"))


@pytest.mark.parametrize("content_type", ["application/fhir+json; charset=utf-8", "Application/JSON"])
def test_the_content_types_of_fhir_json(content_type: str) -> None:
    outcome, _ = outcome_of(Reply(body=GOOD.body, content_type=content_type))
    assert outcome.complete


PATIENT = Reply(body=b'{"resourceType": "Patient", "id": "1"}')


def test_one_resource_is_read_by_its_id() -> None:
    with misbehaving_server({"/fhir/Patient/1": [PATIENT]}) as server:
        outcome = ask(server, "Patient/1")
    assert outcome == FetchOutcome({"resourceType": "Patient", "id": "1"}, complete=True)


@pytest.mark.parametrize(
    "body", [b'{"resourceType": "Patient", "id": "2"}', b'{"resourceType": "Group", "id": "1"}', GOOD.body]
)
def test_another_resource_than_the_one_asked_for_is_not_taken(body: bytes) -> None:
    with misbehaving_server({"/fhir/Patient/1": [Reply(body=body)]}) as server:
        assert ask(server, "Patient/1") == FetchOutcome(reason=UNEXPECTED)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "/etc/passwd",
        "../Condition?patient=1",
        "Patient/../../admin",
        "Patient/..",
        "Patient/1/$everything",
        "http://127.0.0.1/Condition?x",
        "Condition?patient=1#x",
        "Condition?patient=1 2",
        "Condition?patient=1\r\nX: y",
        "Condition?patient=ä",
        "//127.0.0.1/Patient/1",
    ],
)
def test_a_query_that_could_leave_the_base_is_not_sent(query: str) -> None:
    with misbehaving_server({}) as server:
        outcome = ask(server, query)
        assert server.connections == 0
    assert outcome == FetchOutcome(reason=Reason(Why.NO_QUERY))


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "ä"])
def test_a_token_that_is_none_is_not_sent(token: str) -> None:
    with misbehaving_server({"/fhir/Condition": [GOOD]}) as server:
        outcomes = fetch_all(
            FhirAccess(f"{server.url}/fhir", token=token),
            {"key": QUERY},
            deadline_seconds=5,
            same_base=same_base,
        )
        assert server.connections == 0
    assert outcomes["key"] == FetchOutcome(reason=Reason(Why.TOKEN_NOT_USABLE))


def test_what_the_token_does_not_permit_is_not_asked_for() -> None:
    with misbehaving_server({"/fhir/Condition": [GOOD], "/fhir/Patient/1": [PATIENT]}) as server:
        access = FhirAccess(f"{server.url}/fhir", token=TOKEN, scopes="launch user/Condition.rs")
        outcomes = fetch_all(
            access, {"patient": "Patient/1", "conditions": QUERY}, deadline_seconds=5, same_base=same_base
        )
        assert [request.path for request in server.requests] == [f"/fhir/{QUERY}"]
    assert outcomes["conditions"].complete
    assert outcomes["patient"] == FetchOutcome(reason=Reason(Why.SCOPE_LACKS, "Patient"))


def test_a_token_for_a_part_never_yields_the_whole() -> None:
    outcome, _ = outcome_of(GOOD, scopes="patient/Condition.rs?category=problem-list-item")
    assert identities(outcome) == ["a"]
    assert outcome.reason == Reason(Why.SCOPE_IN_PART)
    assert not outcome.complete


def test_without_a_token_none_is_sent() -> None:
    with misbehaving_server({"/fhir/Condition": [GOOD]}) as server:
        fetch_all(FhirAccess(f"{server.url}/fhir/"), {"key": QUERY}, deadline_seconds=5, same_base=same_base)
        assert "Authorization" not in server.requests[0].headers
        assert server.requests[0].path == f"/fhir/{QUERY}"


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """What must have no influence: a proxy and stored passwords."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")


def test_no_cookie_proxy_or_password_comes_along(surroundings: None) -> None:
    cookie = Reply(body=GOOD.body, headers={"Set-Cookie": "of=the-first-caller; Path=/"})
    with misbehaving_server({"/fhir/Condition": [cookie]}) as server:
        access = FhirAccess(f"{server.url}/fhir")
        for _ in range(30):
            outcomes = fetch_all(access, {"key": QUERY}, deadline_seconds=5, same_base=same_base)
            assert outcomes["key"].complete
    for request in server.requests:
        assert "Cookie" not in request.headers
        assert "Authorization" not in request.headers


def test_connections_are_used_again() -> None:
    with misbehaving_server({"/fhir/Condition": [GOOD]}) as server:
        for _ in range(100):
            assert ask(server).complete
    assert len(server.requests) == 100
    assert server.connections <= 20


def test_queries_are_asked_in_parallel() -> None:
    together = threading.Barrier(10)

    def wait_for_the_others(wire: socket.socket) -> None:
        together.wait(5)
        wire.sendall(misbehaving.head(len(GOOD.body)) + GOOD.body)

    types = ["Condition", "Procedure", "Observation", "Flag", "CarePlan", "Composition", "Encounter"]
    types += ["Appointment", "ImagingStudy", "ServiceRequest"]
    with misbehaving_server({f"/fhir/{name}": [wait_for_the_others] for name in types}) as server:
        outcomes = fetch_all(
            FhirAccess(f"{server.url}/fhir"),
            {name: f"{name}?patient=1" for name in types},
            deadline_seconds=5,
            same_base=same_base,
        )
    assert all(outcome.complete for outcome in outcomes.values())


def test_a_process_that_was_forked_reads_too() -> None:
    with misbehaving_server({"/fhir/Condition": [GOOD]}) as server:
        assert ask(server).complete
        assert in_a_fork(lambda: ask(server).complete)


def in_a_fork(question: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0 if question() else 1)
    _, ending = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ending) == 0


def test_neither_the_token_nor_the_patient_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    replies: list[Reply | Raw] = [GOOD, misbehaving.many_headers, misbehaving.truncated, status(500)]
    for reply in replies:
        outcome, _ = outcome_of(reply, query="Condition?patient=marked-patient")
        for mark in (TOKEN, "marked-patient"):
            assert mark not in caplog.text
            assert mark not in f"{outcome.reason} {outcome!r}"
