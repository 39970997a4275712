from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from service.__main__ import main
from service.commands import exits
from service.config import Settings
from service.web.wiring import wired_app
from tests.asking import CARDS
from tests.certificates import of_private_authority, server_side
from tests.commands.servers import Answer, Say, server
from tests.security.keys import elliptic

CHECKOUT = Path(__file__).resolve().parents[2]
BUNDLE = str(CHECKOUT / "fhir_fixtures" / "bundles" / "carcinoid-syndrome-embolisation-tomorrow.json")
CARD = {"summary": "Hello", "indicator": "info", "source": {"label": "Somebody"}}
SERVICE: dict[str, Any] = {
    "hook": "patient-view",
    "id": "greeter",
    "description": "Says hello",
    "prefetch": {
        "patient": "Patient/{{context.patientId}}",
        "conditions": "Condition?patient={{context.patientId}}&_count=1",
        "odd": "Observation?patient={{context.patientId}}&value-quantity=gt5",
    },
}

Try = Callable[..., int]


def service(
    *, discovery: Any = None, response: Any = None, status: int = 200, calls: list[Any] | None = None
) -> Say:
    """A CDS service of somebody else."""

    def say(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if calls is not None:
            calls.append((method, path, body, headers))
        if path == "/cds-services":
            return 200, {"services": [SERVICE]} if discovery is None else discovery
        return status, {"cards": [CARD]} if response is None else response

    return say


def attempt(say: Say, *arguments: str, media_type: str = "application/json", suffix: str = "") -> int:
    with server(say, media_type=media_type) as url:
        return main(["try", url + suffix, "--bundle", BUNDLE, *arguments])


def test_a_service_of_others_is_called_with_its_own_prefetch(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    calls: list[Any] = []
    saved = tmp_path / "request.json"

    assert (
        attempt(service(calls=calls), "--user", "Practitioner/7", "--save-request", str(saved)) == exits.DONE
    )

    request = orjson.loads(calls[1][2])
    assert [call[:2] for call in calls] == [("GET", "/cds-services"), ("POST", "/cds-services/greeter")]
    assert request == orjson.loads(saved.read_bytes())
    assert request["context"] == {"userId": "Practitioner/7", "patientId": "patient-1"}
    assert set(request["prefetch"]) == {"patient", "conditions"}
    assert request["prefetch"]["conditions"]["total"] == 3
    printed = capsys.readouterr().out
    assert "[INFO] Hello" in printed
    assert "left out" in printed
    assert "Nothing to object." in printed


def test_the_address_may_end_in_the_name_of_discovery() -> None:
    assert attempt(service(), suffix="/cds-services/") == exits.DONE


def test_a_service_of_a_private_authority_is_called_once_the_authority_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, served = of_private_authority(tmp_path)
    calls: list[Any] = []
    with server(service(calls=calls), media_type="application/json", encryption=server_side(served)) as url:
        assert main(["try", url, "--bundle", BUNDLE]) == exits.UNUSABLE
        assert "its certificate or encryption was refused" in capsys.readouterr().err
        assert not calls
        monkeypatch.setenv("NET_CDS_CA_FILE", str(trusted))
        assert main(["try", url, "--bundle", BUNDLE]) == exits.DONE


def test_the_token_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setenv("EHR_TOKEN", "abc.def.ghi")

    assert attempt(service(calls=calls), "--token-env", "EHR_TOKEN") == exits.DONE
    assert {call[3]["authorization"] for call in calls} == {"Bearer abc.def.ghi"}


@pytest.mark.parametrize(
    ("say", "finding"),
    [
        (service(response={"cards": [{**CARD, "summary": "x" * 140}]}), "$.cards[0].summary"),
        (service(response={"cards": [{**CARD, "indicator": "hard-stop"}]}), "$.cards[0].indicator"),
        (
            service(response={"cards": [{"summary": "x", "indicator": "info"}]}),
            "'source' is a required property",
        ),
        (service(response={}), "'cards' is a required property"),
        (service(response=[1]), "did not answer with a JSON object"),
        (service(response=b"<html>"), "did not answer with a JSON object"),
        (
            service(status=412, response={"issue": [{"diagnostics": "send more"}]}),
            "HTTP status 412: send more",
        ),
        (service(status=302), "HTTP status 302"),
        (service(discovery={"services": [{**SERVICE, "description": 7}]}), "$.services[0].description"),
        (service(discovery={"services": [SERVICE, SERVICE]}), "the id 'greeter' is there more than once"),
    ],
)
def test_what_does_not_conform_is_a_finding(
    capsys: pytest.CaptureFixture[str], say: Say, finding: str
) -> None:
    assert attempt(say) == exits.FINDINGS
    assert finding in " ".join(capsys.readouterr().out.split())


def test_repeated_uuids_are_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    twice = {**CARD, "uuid": "3f1c6f0e-2f0a-4f0e-9f57-6d3c9a1b2e44"}

    assert attempt(service(response={"cards": [twice, twice]})) == exits.FINDINGS
    assert "more than once" in capsys.readouterr().out


def test_a_suggested_resource_that_is_no_fhir_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    action = {
        "type": "create",
        "description": "x",
        "resource": {"resourceType": "ServiceRequest", "status": "odd"},
    }
    card = {**CARD, "selectionBehavior": "any", "suggestions": [{"label": "Order", "actions": [action]}]}

    assert attempt(service(response={"cards": [card]})) == exits.FINDINGS
    assert "is not valid FHIR R4" in " ".join(capsys.readouterr().out.split())


def test_another_media_type_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert attempt(service(), media_type="text/plain") == exits.FINDINGS
    assert "text/plain" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("say", "arguments", "message"),
    [
        (service(), ["--hook", "order-sign"], "no service for order-sign; offered: greeter (patient-view)"),
        (service(), ["--service", "other"], "no service called 'other'"),
        (service(discovery=[]), [], "JSON object"),
        (service(discovery=b"<html>"), [], "JSON object"),
        (service(), ["--token-env", "NO_SUCH_TOKEN"], "NO_SUCH_TOKEN"),
        (service(), ["--save-request", "no/such/folder/request.json"], "cannot be written"),
    ],
)
def test_what_cannot_be_tried_is_one_message(
    capsys: pytest.CaptureFixture[str], say: Say, arguments: list[str], message: str
) -> None:
    assert attempt(say, *arguments) == exits.UNUSABLE
    assert message in capsys.readouterr().err


def test_an_address_where_nobody_listens_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", "http://127.0.0.1:1", "--bundle", BUNDLE]) == exits.UNUSABLE
    assert "could not be reached" in capsys.readouterr().err


def test_a_folder_in_place_of_a_request_is_called_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["try", "http://127.0.0.1:1", "--request", str(tmp_path)]) == exits.UNUSABLE
    assert capsys.readouterr().err == f"{tmp_path}: is a folder; name one file.\n"


def test_a_page_that_is_no_service_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert attempt(lambda *_: (404, b"not here")) == exits.UNUSABLE
    assert "HTTP status 404" in capsys.readouterr().err


def test_cards_of_others_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    card = {**CARD, "summary": "\x1b[2JHello", "detail": "**a** \x1b]8;;http://x\x07b"}

    attempt(service(response={"cards": [card]}))

    assert "\x1b" not in capsys.readouterr().out


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Say:
    folder = tmp_path_factory.mktemp("store")
    client = wired_app(
        Settings(database_url=f"sqlite:///{folder / 'store.sqlite3'}", cards_dir=CARDS)
    ).test_client()

    def say(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        answer = client.open(path, method=method, data=body, headers={"Content-Type": "application/json"})
        return answer.status_code, answer.get_data()

    return say


@pytest.mark.parametrize("hook", ["patient-view", "order-sign", "encounter-start"])
def test_this_service_conforms(capsys: pytest.CaptureFixture[str], own_service: Say, hook: str) -> None:
    assert attempt(own_service, "--hook", hook) == exits.DONE, capsys.readouterr().out


def _key_file(folder: Path) -> Path:
    pem = elliptic().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    return folder / "key.pem"


def test_each_call_has_a_token_of_its_own_for_its_own_address(tmp_path: Path) -> None:
    calls: list[Any] = []
    sign = ("--sign-with", str(_key_file(tmp_path)), "--iss", "https://ehr.example.org", "--kid", "ec-1")
    assert attempt(service(calls=calls), *sign) == exits.DONE
    tokens = [headers["authorization"].removeprefix("Bearer ") for _, _, _, headers in calls]
    claims = [jwt.decode(token, options={"verify_signature": False}) for token in tokens]
    assert [one["aud"].partition("/cds-services")[2] for one in claims] == ["", "/greeter"]
    assert len({one["jti"] for one in claims}) == 2
    assert [jwt.get_unverified_header(token)["kid"] for token in tokens] == ["ec-1", "ec-1"]


def test_a_key_that_cannot_sign_is_refused_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[Any] = []
    (tmp_path / "key.pem").write_text("not a key")
    for more in (("--iss", "a", "--kid", "b"), ()):
        assert (
            attempt(service(calls=calls), "--sign-with", str(tmp_path / "key.pem"), *more) == exits.UNUSABLE
        )
    assert calls == []
    assert "--sign-with" in capsys.readouterr().err


def test_a_request_in_a_file_is_sent_with_a_new_hook_instance(tmp_path: Path) -> None:
    calls: list[Any] = []
    request = {"hook": "patient-view", "hookInstance": "old", "context": {"patientId": "1", "userId": "P/1"}}
    (tmp_path / "request.json").write_bytes(orjson.dumps(request))
    with server(service(calls=calls)) as url:
        for _ in range(2):
            assert main(["try", url, "--request", str(tmp_path / "request.json")]) == exits.DONE
    sent = [orjson.loads(body) for method, _, body, _ in calls if method == "POST"]
    assert [one["context"] for one in sent] == [request["context"]] * 2
    assert len({one["hookInstance"] for one in sent} | {"old"}) == 3


def test_feedback_and_pages_of_an_origin_are_tried_where_asked(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[Any] = []
    card = CARD | {"uuid": "7f1a1d1e-3c1a-4a6e-9d55-111111111111"}
    say = service(response={"cards": [card]}, calls=calls)
    assert attempt(say, "--feedback", "--origin", "https://ehr.example.org") == exits.FINDINGS
    printed = capsys.readouterr().out
    assert "Access-Control-Allow-Origin" in printed
    (feedback,) = [orjson.loads(body) for _, path, body, _ in calls if path.endswith("/feedback")]
    assert feedback["feedback"][0]["card"] == card["uuid"]
    (preflight,) = [headers for method, _, _, headers in calls if method == "OPTIONS"]
    assert "authorization" not in preflight


def test_a_fault_of_type_is_named_and_not_what_the_schema_says_of_the_member(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say = service(response={"cards": [CARD | {"source": "me"}]})
    assert attempt(say) == exits.FINDINGS
    assert "$.cards[0].source: is a string, and has to be object" in capsys.readouterr().out
