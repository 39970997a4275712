from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from jwt.algorithms import ECAlgorithm

from service.security.key_sets import MAX_BYTES, RemoteKeySet, fetch_key_set, read_key_set
from tests.asking import knowledge
from tests.fhir.misbehaving import Reply, misbehaving_server
from tests.security.keys import elliptic, key_set, public, rsa_key

URL = "https://ehr.example.org/keys"


class Ehr:
    """Stands for the network and the clock: the keys published now, and how often they were asked for."""

    def __init__(self, *key_ids: str) -> None:
        self.published: bytes | None = self.of(*key_ids)
        self.asked = 0
        self.now = 1000.0
        self.key_set = RemoteKeySet(URL, fetch=self.fetch, clock=lambda: self.now)

    @staticmethod
    def of(*key_ids: str) -> bytes:
        return key_set(*(public(elliptic(key_id), key_id) for key_id in key_ids))

    def fetch(self, url: str) -> bytes | None:
        assert url == URL
        self.asked += 1
        return self.published

    def knows(self, key_id: str) -> bool:
        return self.key_set.find(key_id) is not None


def test_keys_are_fetched_when_first_needed_and_then_remembered() -> None:
    ehr = Ehr("a")
    assert ehr.asked == 0
    assert all(ehr.knows("a") for _ in range(5))
    assert ehr.asked == 1


def test_an_unknown_key_id_makes_the_set_be_read_again() -> None:
    ehr = Ehr("a")
    assert ehr.knows("a")
    ehr.published = ehr.of("b")
    ehr.now += 31
    assert ehr.knows("b")
    assert not ehr.knows("a")


def test_unknown_key_ids_cannot_hammer_the_url() -> None:
    ehr = Ehr("a")
    for number in range(1000):
        assert not ehr.knows(f"guess-{number}")
    assert ehr.asked == 1
    assert ehr.knows("a")


def test_a_key_that_was_withdrawn_is_refused_once_the_set_has_aged() -> None:
    ehr = Ehr("a", "b")
    assert ehr.knows("a")
    ehr.published = ehr.of("b")
    ehr.now += 601
    assert not ehr.knows("a")


def test_an_outage_of_the_url_is_bridged_for_an_hour_only(caplog: pytest.LogCaptureFixture) -> None:
    ehr = Ehr("a")
    assert ehr.knows("a")
    ehr.published = None
    ehr.now += 3599
    assert ehr.knows("a")
    ehr.now += 2
    assert not ehr.knows("a")
    assert "cannot be read" in caplog.text


def test_after_a_failure_the_next_attempt_waits() -> None:
    ehr = Ehr("a")
    published, ehr.published = ehr.published, None
    assert not ehr.knows("a")
    ehr.published = published
    assert not ehr.knows("a")
    ehr.now += 31
    assert ehr.knows("a")
    assert ehr.asked == 2


def test_a_broken_set_does_not_replace_a_good_one() -> None:
    ehr = Ehr("a")
    assert ehr.knows("a")
    ehr.published = b"<html>"
    ehr.now += 601
    assert ehr.knows("a")


PRIVATE = {**json.loads(ECAlgorithm.to_jwk(elliptic())), "kid": "p"}
GOOD = public(elliptic(), "g")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({**GOOD, "kid": ""}, "has no kid"),
        ({**GOOD, "kid": 5}, "has no kid"),
        ({"kty": "oct", "kid": "s", "k": "c2VjcmV0"}, "shared secret"),
        (PRIVATE, "private key"),
        (public(rsa_key("small", 1024), "small"), "fewer than 2048 bits"),
        ({**GOOD, "key_ops": ["encrypt"]}, "not meant for checking signatures"),
        ({**GOOD, "key_ops": 3}, "not meant for checking signatures"),
        ({**GOOD, "crv": "secp256k1"}, "unknown curve"),
        ({**GOOD, "crv": ["P-384"]}, "unknown curve"),
        ({**GOOD, "alg": "ES256"}, "does not fit"),
        ({**GOOD, "alg": "HS384"}, "does not fit"),
        ({**GOOD, "x": "AAAA"}, "make no key"),
        ({**GOOD, "x": None}, "make no key"),
    ],
)
def test_a_key_that_is_not_used_and_why(entry: dict[str, Any], words: str) -> None:
    keys, problems = read_key_set(key_set(entry))
    assert keys == {}
    assert words in problems[0]
    assert problems[-1] == "holds no usable signature key"


def test_two_keys_with_one_id() -> None:
    keys, problems = read_key_set(key_set(GOOD, public(elliptic("other"), "g")))
    assert set(keys) == {"g"}
    assert problems == ["key 2: its kid is that of another key"]


@pytest.mark.parametrize("document", [b"", b"[]", b"5", b"{}", b'{"keys": 5}', b'{"keys": null}', b"\xff"])
def test_what_is_no_key_set(document: bytes) -> None:
    keys, problems = read_key_set(document)
    assert keys == {}
    assert problems


def test_a_key_set_is_read_over_http() -> None:
    with misbehaving_server({"/keys": [Reply(body=Ehr.of("a"))]}) as server:
        document = fetch_key_set(f"{server.url}/keys", True, knowledge().phrases)
    assert document == Ehr.of("a")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500),
        Reply(status=302, headers={"Location": "/other"}),
        Reply(body=b" " * (MAX_BYTES + 1)),
    ],
    ids=["fault", "redirect", "too large"],
)
def test_a_key_set_that_is_not_read(reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    other = Reply(body=Ehr.of("a"))
    with misbehaving_server({"/keys": [reply], "/other": [other]}) as server:
        assert fetch_key_set(f"{server.url}/keys", True, knowledge().phrases) is None
        assert [request.path for request in server.requests] == ["/keys"]


def test_a_key_set_on_a_machine_that_does_not_answer() -> None:
    assert fetch_key_set("http://127.0.0.1:1/keys", True, knowledge().phrases) is None
