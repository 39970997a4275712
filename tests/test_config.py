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
