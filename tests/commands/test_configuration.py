from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from service.__main__ import main
from service.commands import exits
from service.config import variables
from tests.commands.servers import server
from tests.security.keys import ISSUER, elliptic, key_set, public

CAPABLE = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": []}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs ``config`` with a configuration file, in a folder of its own."""

    def running(action: str, text: str, **variables: str) -> tuple[int, Any]:
        path = tmp_path / "net-cds.toml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        for name, value in {"NET_CDS_CONFIG": str(path), **variables}.items():
            monkeypatch.setenv(name, value)
        code = main(["config", action, "--json"])
        printed = capsys.readouterr()
        return code, orjson.loads(printed.out) if printed.out else printed.err

    return running


def with_client(keys: str, *more: str) -> str:
    lines = ["[settings]", 'public_url = "https://cds.example.org/net"', "[[client]]", f'iss = "{ISSUER}"']
    return "\n".join([*lines, keys, *more]) + "\n"


def said(report: Any, level: str) -> list[str]:
    return [f"{one['where']}: {one['says']}" for one in report["findings"] if one["level"] == level]


def test_the_audience_of_each_service_is_told(run: Any, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(public(elliptic(), "ec-1")))

    code, report = run("check", with_client('jwks_file = "keys.json"', 'services = ["net-order-sign"]'))

    assert (code, report["status"]) == (exits.DONE, "in order")
    assert [line for line in said(report, "ok") if "aud of net-" in line] == [
        f"{ISSUER}: aud of net-order-sign: https://cds.example.org/net/cds-services/net-order-sign "
        "(feedback also: https://cds.example.org/net/cds-services/net-order-sign/feedback)"
    ]


def test_the_store_that_a_start_would_make_is_not_made(run: Any, tmp_path: Path) -> None:
    _, report = run("check", "")

    assert "store: sqlite:///net-cds.sqlite3 is not there yet; the start makes it" in said(report, "ok")
    assert [path.name for path in tmp_path.iterdir()] == ["net-cds.toml"]


def test_a_store_without_tables_of_this_version_is_something_to_mend(run: Any, tmp_path: Path) -> None:
    (tmp_path / "net-cds.sqlite3").write_bytes(b"")

    code, report = run("check", "")

    assert code == exits.FINDINGS
    assert "run: python -m service migrate" in said(report, "mend")[0]


def test_a_store_in_no_folder_would_be_refused_by_a_start(run: Any, tmp_path: Path) -> None:
    code, complaint = run("check", "", NET_CDS_DATABASE_URL="sqlite:///absent/net-cds.sqlite3")

    assert code == exits.UNUSABLE
    assert f"NET_CDS_DATABASE_URL: no folder '{tmp_path}/absent' for the SQLite file" in complaint


def test_what_a_start_reads_of_passwords_and_keys_is_read(run: Any, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("too short")
    (tmp_path / "key").write_bytes(b"too short as well")

    code, complaint = run(
        "check",
        '[settings]\npages = "on"\npages_password_file = "password"\nsecret_file = "key"\n'
        'public_url = "https://cds.example.org"\nauthentication = "off"\n',
    )

    assert code == exits.UNUSABLE
    assert [line.split(":")[0] for line in complaint.splitlines()] == [
        "NET_CDS_PAGES_PASSWORD_FILE",
        "NET_CDS_SECRET_FILE",
    ]


def test_faults_of_every_part_are_said_at_once(run: Any) -> None:
    code, complaint = run(
        "check",
        """[settings]
workers = "many"
[[client]]
iss = "https://ehr.example.org"
jwks_file = "absent.json"
[[code_map]]
local_code = "CGA"
[site]
reason = "we know better"
[site.rules.hiia]
state = "off"
[[site.when]]
client = "https://other.example.org"
most_cards = 3
""",
    )

    assert code == exits.UNUSABLE
    assert complaint.splitlines()[0].startswith("net-cds.toml, line 2, settings.workers: ")
    said_of = [line.split(": ")[0] for line in complaint.splitlines()[1:]]
    assert said_of == [
        *["net-cds.toml, line 6, code_map[1]"] * 2,
        "net-cds.toml, client 1, jwks_file",
        "net-cds.toml, line 9, site.reason",
        "net-cds.toml, line 10, site.rules.hiia",
    ]
    assert "site.reason: is unknown\n" in complaint


def test_a_fault_of_the_clients_brings_none_for_what_names_one(run: Any) -> None:
    _, complaint = run(
        "check",
        '[settings]\nclients_file = "absent.toml"\n[[site.when]]\nclient = "x"\nmost_cards = 3\n',
    )

    assert [line.split(": ")[0] for line in complaint.splitlines()] == [
        "net-cds.toml, line 2, settings.clients_file"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000,
        "a = " + "9" * 5000,
        "\x00",
        "settings = 3",
        "[[settings]]",
        "client = 3",
        "client = []",
        "[client]",
        "code_map = 3",
        "code_map = [3]",
        "site = 3",
        "[[site]]",
        "[site]\nwhen = 3",
        "[site]\nwhen = [3]",
        "[site.rules]\nhiaa = 3",
        "[settings]\nclients_file = 'a\\u0000b'",
        '[settings]\nsecret_file = "a\\u0000b"',
        "[settings]\nworkers = 1979-05-27",
        '[[client]]\niss = "x"\njwks_file = "a\\u0000b"',
        f'[settings]\nclients_file = "{"a" * 5000}"',
        f'[settings]\nsecret_file = "{"a" * 5000}"',
        f'[settings]\ndatabase_url = "sqlite:///{"a" * 5000}/x.sqlite3"',
        f'[settings]\ndatabase_url = "sqlite:///{"a" * 5000}"',
    ],
)
def test_whatever_the_file_holds_ends_in_words(run: Any, text: str) -> None:
    code, complaint = run("check", text)

    assert code == exits.UNUSABLE
    assert "net-cds.toml" in complaint or "NET_CDS_" in complaint


def test_a_file_of_limits_that_is_nested_too_deeply_is_a_fault(run: Any, tmp_path: Path) -> None:
    (tmp_path / "limits.toml").write_text("a = " + "[" * 5000)

    code, complaint = run("check", '[settings]\ndefaults_file = "limits.toml"\n')

    assert (code, complaint) == (exits.UNUSABLE, "limits.toml: is nested too deeply to be read\n")


def test_keys_and_fhir_servers_are_reached(run: Any) -> None:
    def answer(_method: str, path: str, _body: bytes, _headers: Any) -> tuple[int, Any]:
        return 200, CAPABLE if path.endswith("/metadata") else orjson.loads(
            key_set(public(elliptic(), "ec-1"))
        )

    with server(answer) as url:
        code, report = run("check", with_client(f'jwks_url = "{url}/keys"', f'fhir_servers = ["{url}/fhir"]'))

    found = said(report, "ok")
    assert f"{ISSUER}: key set {url}/keys: 1 usable keys" in found
    assert f"{url}/fhir: FHIR 4.0.1" in found
    assert code in (exits.DONE, exits.FINDINGS)


def test_keys_that_cannot_be_read_leave_the_service_not_ready(run: Any) -> None:
    with server(lambda *_: (404, {})) as url:
        code, report = run("check", with_client(f'jwks_url = "{url}/keys"', f'fhir_servers = ["{url}/fhir"]'))

    assert code == exits.NOT_READY
    assert said(report, "fault") == [f"{ISSUER}: key set {url}/keys: could not be read"]
    assert said(report, "mend")[0].startswith(f"{url}/fhir: what the server can do is not known")


def test_all_for_which_a_start_would_be_refused_is_said_at_once(run: Any) -> None:
    code, complaint = run(
        "check",
        with_client('jwks_file = "absent.json"', "[site.rules.hiia]", 'state = "off"'),
        NET_CDS_ALLOWED_FHIR_SERVERS="fhir.example.org",
    )

    assert code == exits.UNUSABLE
    assert [line.split(":")[0] for line in complaint.strip().splitlines()] == [
        "NET_CDS_ALLOWED_FHIR_SERVERS",
        "net-cds.toml, client 1, jwks_file",
        "net-cds.toml, line 6, site.rules.hiia",
    ]


def test_decisions_of_the_site_are_listed(run: Any) -> None:
    _, report = run("check", '[site.rules.hiaa]\nstate = "off"\nreason = "sent elsewhere"\n')

    assert "site: hiaa: switched off by this site (sent elsewhere)" in said(report, "ok")


def test_settings_are_shown_with_where_they_were_set_and_without_passwords(run: Any) -> None:
    database = "postgresql+psycopg://net:hunter2@db/net?sslpassword=hunter3"
    code, shown = run("show", "[settings]\nworkers = 5\n", NET_CDS_DATABASE_URL=database)

    assert code == exits.DONE
    assert list(shown) == list(variables().values())
    assert shown["workers"] == {"value": "5", "set by": "net-cds.toml, line 2, settings.workers"}
    assert shown["threads"]["set by"] == "default"
    assert shown["database_url"]["set by"] == "NET_CDS_DATABASE_URL"
    assert "net:***@db" in shown["database_url"]["value"]
    assert "hunter" not in str(shown)
