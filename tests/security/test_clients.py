from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from service.errors import ConfigurationError, NotPermitted
from service.security.clients import ANONYMOUS, Client, read_clients, require_service
from tests.security.keys import edwards, elliptic, key_set, public, rsa_key

SERVICES = ("net-patient-view", "net-order-sign")


def read(path: Path, **known: Any) -> Mapping[str, Client]:
    return read_clients(path, known_services=SERVICES, fetch_key_set=_no_network, **known)


def _no_network(url: str) -> bytes | None:
    raise AssertionError(f"{url} was read, and no key was asked for")


def clients_file(folder: Path, text: str) -> Path:
    (folder / "keys.json").write_bytes(key_set(public(elliptic(), "ec-1"), public(rsa_key(), "rsa-1")))
    path = folder / "clients.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        read(clients_file(folder, text), known_profiles=("epic",))
    return list(refusal.value.problems)


def test_a_client_with_everything(tmp_path: Path) -> None:
    path = clients_file(
        tmp_path,
        """
        [[client]]
        iss = "https://ehr.example.org"
        jwks_file = "keys.json"
        algorithms = ["ES256", "RS384"]
        services = ["net-patient-view"]
        fhir_servers = ["https://ehr.example.org/fhir/r4"]
        tenants = ["north"]
        """,
    )
    client = read(path)["https://ehr.example.org"]
    assert client.algorithms == ("ES256", "RS384")
    assert client.services == ("net-patient-view",)
    assert client.fhir_servers == ("https://ehr.example.org/fhir/r4",)
    assert client.tenants == ("north",)
    assert client.key_set_url is None
    assert client.find_key("ec-1") is not None
    assert client.find_key("ec-2") is None


_EPIC = '[[client]]\niss = "x"\njwks_file = "keys.json"\n'


def test_how_the_cards_of_a_client_are_written(tmp_path: Path) -> None:
    own = "profile = 'epic'\norder_codes = {'http://loinc.org|1-8' = 'urn:own|CT'}"
    path = clients_file(tmp_path, _EPIC + own)
    client = read(path, known_profiles=["epic"])["x"]
    assert (client.profile, client.order_codes) == ("epic", {"http://loinc.org|1-8": "urn:own|CT"})


def test_the_language_of_a_client_is_one_that_there_is(tmp_path: Path) -> None:
    path = clients_file(tmp_path, f"{_EPIC}language = 'de'")

    assert read(path, known_languages=["en", "de"])["x"].language == "de"
    with pytest.raises(ConfigurationError) as refusal:
        read(path, known_languages=["en", "fr"])
    assert refusal.value.problems == ("clients.toml, client 1, language: 'de' is not one of en, fr",)


@pytest.mark.parametrize("codes", ["1", "{'1-8' = 'urn:own|CT'}", "{'http://loinc.org|1-8' = 2}"])
def test_a_profile_that_is_none_and_codes_without_a_system(tmp_path: Path, codes: str) -> None:
    problems = problems_of(tmp_path, f"{_EPIC}profile = 'epik'\norder_codes = {codes}")
    assert problems == [
        "clients.toml, client 1, profile: 'epik' is not one of epic",
        'clients.toml, client 1, order_codes: must be a table of lines like "system|code" = "system|code"',
    ]


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    path = clients_file(
        tmp_path, '[[client]]\niss = "https://ehr.example.org"\njwks_url = "https://ehr.example.org/k"\n'
    )
    client = read(path)["https://ehr.example.org"]
    assert client.algorithms == ("ES384", "RS384")
    assert (client.services, client.fhir_servers, client.tenants) == ((), (), ())
    assert client.key_set_url == "https://ehr.example.org/k"


def test_all_that_is_wrong_is_reported_at_once_with_table_and_key(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path,
        """
        [[client]]
        iss = "https://a.example"
        jwks_file = "none.json"
        algorithms = ["HS256", "none"]
        service = ["net-patient-view"]

        [[client]]
        iss = "https://a.example"
        jwks_url = "http://ehr.example.org/keys"
        services = ["net-patient-veiw"]
        fhir_servers = ["ehr.example.org/fhir"]
        tenants = []

        [[client]]
        jwks_file = "keys.json"
        jwks_url = "https://ehr.example.org/keys"
        """,
    )
    beginnings = [
        "clients.toml, client 1, service: is unknown; did you mean 'services'?",
        "clients.toml, client 1, jwks_file: 'none.json' cannot be read",
        "clients.toml, client 1, algorithms: 'HS256' is not one of",
        "clients.toml, client 1, algorithms: 'none' is not one of",
        "clients.toml, client 2, jwks_url: 'http://ehr.example.org/keys' is not an https URL",
        "clients.toml, client 2, services: 'net-patient-veiw' is not one of",
        "clients.toml, client 2, fhir_servers: 'ehr.example.org/fhir' is not a base URL",
        "clients.toml, client 2, tenants: must be a list of at least one text",
        "clients.toml, client 2, iss: 'https://a.example' is registered twice",
        "clients.toml, client 3, jwks_file: give either jwks_file or jwks_url",
        "clients.toml, client 3, iss: is missing",
    ]
    assert len(problems) == len(beginnings)
    for problem, beginning in zip(problems, beginnings, strict=True):
        assert problem.startswith(beginning)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no [[client]] table"),
        ("client = 1", "no [[client]] table"),
        ("client = []", "no [[client]] table"),
        ("[[clients]]\niss = 'x'", "'clients' is unknown"),
        ("[[client]]\niss = ", "is not TOML: "),
        ("[[client]]\niss = 5\njwks_file = 'keys.json'", "client 1, iss: must be a text"),
        ("[[client]]\niss = 'x'\njwks_file = 5", "client 1, jwks_file: must be a text"),
        ("[[client]]\niss = 'x'\njwks_url = []", "client 1, jwks_url: must be a text"),
        ("[[client]]\niss = 'x'\njwks_file = 'clients.toml'", "is not a JSON Web Key Set"),
        ("[[client]]\niss = 'x'\njwks_file = 'keys.json'\ntenants = 'north'", "tenants: must be a list"),
    ],
)
def test_a_file_that_registers_nobody_properly(tmp_path: Path, text: str, words: str) -> None:
    assert any(words in problem for problem in problems_of(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read(tmp_path / "clients.toml")
    assert refusal.value.problems[0].startswith("clients.toml: cannot be read")
    assert str(tmp_path) not in str(refusal.value)


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "clients.toml"
    path.write_bytes('[[client]]\niss = "é"'.encode("latin-1"))
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        read(path)


def test_keys_of_a_kind_that_is_not_used_are_passed_over(tmp_path: Path) -> None:
    path = clients_file(tmp_path, '[[client]]\niss = "x"\njwks_file = "more.json"\n')
    encryption = public(rsa_key("other"), "enc-1", use="enc")
    entries = (public(elliptic(), "ec-1", use="sig"), encryption, public(edwards(), "ed-1"))
    (tmp_path / "more.json").write_bytes(key_set(*entries))
    find_key = read(path)["x"].find_key
    assert find_key("ec-1") is not None
    assert find_key("enc-1") is None
    assert find_key("ed-1") is None


def test_a_client_is_kept_to_its_services() -> None:
    limited = Client(issuer="x", services=("net-order-sign",))
    require_service(limited, "net-order-sign")
    with pytest.raises(NotPermitted):
        require_service(limited, "net-patient-view")


@pytest.mark.parametrize("client", [ANONYMOUS, Client(issuer="x")])
def test_without_a_list_every_service_may_be_called(client: Client) -> None:
    require_service(client, "net-patient-view")
