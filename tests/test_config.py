from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.config import read_settings
from service.errors import ConfigurationError
from tests.certificates import of_private_authority

CA_FILE = "NET_CDS_CA_FILE"


def problem_with(path: Path) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        read_settings({CA_FILE: str(path)})
    (problem,) = refusal.value.problems
    return problem


def revocation_list() -> bytes:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a hospital")]))
        .last_update(now)
        .next_update(now + datetime.timedelta(days=1))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_the_public_authorities_vouch_unless_a_file_is_named(tmp_path: Path) -> None:
    trusted, _ = of_private_authority(tmp_path)

    assert read_settings({}).certificate_authorities is True
    assert read_settings({CA_FILE: str(trusted)}).certificate_authorities == str(trusted)


def test_a_file_of_authorities_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "authorities.pem"

    assert problem_with(path) == f"{CA_FILE}: no file '{path}'"


@pytest.mark.parametrize(
    "content",
    [b"", b"ca.example.org\n", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", b"0\x82"],
    ids=["empty", "text", "damaged", "DER"],
)
def test_a_file_of_authorities_without_certificates_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "authorities.pem"
    path.write_bytes(content)

    assert problem_with(path).startswith(f"{CA_FILE}: '{path}' has to hold certificates in PEM form")


def test_a_list_of_revoked_certificates_vouches_for_nobody(tmp_path: Path) -> None:
    path = tmp_path / "authorities.pem"
    path.write_bytes(revocation_list())

    assert "has to hold certificates in PEM form" in problem_with(path)


def test_a_damaged_certificate_after_a_good_one_is_refused(tmp_path: Path) -> None:
    trusted, _ = of_private_authority(tmp_path)
    with trusted.open("ab") as file:
        file.write(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")

    assert "has to hold certificates in PEM form" in problem_with(trusted)


@pytest.mark.parametrize("text", ["off", "false", "0", "none"])
def test_certificates_cannot_be_left_unchecked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)

    assert problem_with(Path(text)) == f"{CA_FILE}: no file '{text}'"


def test_every_setting_at_fault_is_named_at_once(tmp_path: Path) -> None:
    environment = {
        "NET_CDS_WORKERS": "many",
        "NET_CDS_THREADS": "3",
        "NET_CDS_FETCH_DEADLINE_SECONDS": "nan",
        "NET_CDS_CONTENT": "some",
        "NET_CDS_PUBLIC_URL": "cds.example.org",
        "NET_CDS_AUTH": "required",
        "CARDS_DIR": str(tmp_path / "absent"),
    }

    with pytest.raises(ConfigurationError) as refusal:
        read_settings(environment)

    assert [problem.partition(":")[0] for problem in refusal.value.problems] == [
        "NET_CDS_PUBLIC_URL",
        "NET_CDS_WORKERS",
        "NET_CDS_THREADS",
        "NET_CDS_FETCH_DEADLINE_SECONDS",
        "NET_CDS_CONTENT",
        "CARDS_DIR",
        "NET_CDS_AUTH=required needs NET_CDS_CLIENTS",
    ]


def test_lists_are_separated_by_commas() -> None:
    settings = read_settings({"NET_CDS_ALLOWED_ORIGINS": " https://a.example, ,https://b.example "})

    assert settings.allowed_origins == ("https://a.example", "https://b.example")


def problems_of(environment: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        read_settings(environment)
    return list(refusal.value.problems)


def file_of(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "net-cds.toml"
    path.write_text(text, encoding="utf-8")
    return {"NET_CDS_CONFIG": str(path)}


@pytest.mark.parametrize(
    ("name", "nearest"), [("NET_CDS_CLIENT", "NET_CDS_CLIENTS"), ("NET_CDS_LOGLEVEL", "NET_CDS_LOG_LEVEL")]
)
def test_a_variable_whose_name_is_mistyped_is_refused(name: str, nearest: str) -> None:
    assert problems_of({name: "x"}) == [f"{name}: is no setting; did you mean {nearest!r}?"]


def test_a_port_that_somebody_sets_is_refused_as_well() -> None:
    assert problems_of({"NET_CDS_PORT": "8080"})[0].startswith("NET_CDS_PORT: is no setting")


@pytest.mark.parametrize(
    "variable",
    [
        "NET_CDS_SERVICE_HOST",
        "NET_CDS_SERVICE_PORT_HTTP",
        "NET_CDS_PORT",
        "NET_CDS_PORT_8000_TCP_ADDR",
        "NET_CDS_POSTGRESQL_SERVICE_HOST",
        "NET_CDS_POSTGRESQL_PORT",
    ],
)
def test_what_a_cluster_tells_of_a_service_of_this_name_is_no_setting(variable: str) -> None:
    assert read_settings({variable: "tcp://10.0.0.1:8000"}) == read_settings({})


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("https://cds.example.org/", "https://cds.example.org"),
        ("HTTPS://CDS.Example.org/Net/", "https://cds.example.org/Net"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_the_public_url_has_one_spelling(text: str, read: str) -> None:
    assert read_settings({"NET_CDS_PUBLIC_URL": text}).public_url == read


@pytest.mark.parametrize(
    "text",
    [
        "https://",
        "https:///net",
        "https://cds.example.org:port",
        "https://[::1",
        "https://cds.example.org?x=1",
        "https://cds.example.org/#x",
        "https://user:secret@cds.example.org",
        "https://cds.example.org/cds-services",
        "https://cds example.org",
        "ftp://cds.example.org",
    ],
)
def test_a_public_url_that_no_token_could_name_is_refused(text: str) -> None:
    (problem,) = problems_of({"NET_CDS_PUBLIC_URL": text})

    assert problem.startswith("NET_CDS_PUBLIC_URL: has to ")
    assert "secret" not in problem


def test_case_does_not_matter_where_it_means_nothing() -> None:
    environment = {"NET_CDS_LOG_LEVEL": "info", "NET_CDS_AUTH": "OFF", "NET_CDS_CONTENT": "All"}
    settings = read_settings(environment | {"NET_CDS_RESULTS_BY": "Category"})

    assert (settings.log_level, settings.authentication) == ("INFO", "off")
    assert (settings.content, settings.results_by) == ("all", "category")


def test_every_setting_can_stand_in_the_file_and_a_variable_wins(tmp_path: Path) -> None:
    file = file_of(
        tmp_path, '[settings]\nworkers = 5\nthreads = 3\nallowed_origins = ["https://a.example"]\n'
    )

    settings = read_settings(file | {"NET_CDS_THREADS": "7"})

    assert (settings.workers, settings.threads) == (5, 7)
    assert settings.allowed_origins == ("https://a.example",)


def test_files_that_the_file_names_lie_beside_it(tmp_path: Path) -> None:
    (tmp_path / "limits.toml").write_text("", encoding="utf-8")

    settings = read_settings(file_of(tmp_path, '[settings]\ndefaults_file = "limits.toml"\n'))

    assert settings.defaults_file == tmp_path / "limits.toml"


def test_clients_in_the_file_are_the_clients_unless_a_variable_names_others(tmp_path: Path) -> None:
    others = tmp_path / "clients.toml"
    others.write_text("", encoding="utf-8")
    file = file_of(tmp_path, '[[client]]\niss = "x"\n')

    assert read_settings(file).clients_file == tmp_path / "net-cds.toml"
    assert read_settings(file).authentication_required
    assert read_settings(file | {"NET_CDS_CLIENTS": str(others)}).clients_file == others


def test_all_faults_of_variables_and_file_are_named_at_once_each_where_it_stands(tmp_path: Path) -> None:
    file = file_of(
        tmp_path, '[settings]\nwokers = 3\nthreads = "many"\nauthentication = "required"\n\n[sites]\nx = 1\n'
    )

    assert problems_of(file | {"NET_CDS_WORKER": "2", "NET_CDS_RETENTION_DAYS": "0"}) == [
        "NET_CDS_WORKER: is no setting; did you mean 'NET_CDS_WORKERS'?",
        "net-cds.toml, line 6, sites: is unknown; did you mean 'site'?",
        "net-cds.toml, line 2, settings.wokers: is unknown; did you mean 'workers'?",
        "net-cds.toml, line 3, settings.threads: Input should be a valid integer, unable to parse string as "
        "an integer, not 'many'",
        "NET_CDS_RETENTION_DAYS: Input should be greater than or equal to 1, not '0'",
        "NET_CDS_AUTH=required needs NET_CDS_CLIENTS: the TOML file of the registered clients",
    ]
