"""Settings: environment variables, read once into a frozen object.

Every setting is described in ``deploy/README.md``; a test holds the two together.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from service.errors import ConfigurationError

_CHECKOUT = Path(__file__).resolve().parent.parent
_DEFAULT_DATABASE = "sqlite:///net-cds.sqlite3"
_NO_CERTIFICATES = (
    "{!r} has to hold certificates in PEM form, each between -----BEGIN CERTIFICATE----- and "
    "-----END CERTIFICATE-----"
)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can choose; the defaults are those of ``make run``."""

    database_url: str = _DEFAULT_DATABASE
    public_url: str = "http://127.0.0.1:8000"
    clients_file: Path | None = None
    authentication: str | None = None
    allowed_fhir_servers: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    workers: int = 2
    threads: int = 1
    max_body_bytes: int = 10 * 1024 * 1024
    fetch_deadline_seconds: float = 5.0
    authorities_file: Path | None = None
    chart_memory_seconds: int = 60
    retention_days: int = 365
    content: str = "all"
    cards_dir: Path = field(default=_CHECKOUT / "cards")
    defaults_file: Path | None = None
    secret_file: Path | None = None
    log_level: str = "INFO"

    @property
    def authentication_required(self) -> bool:
        """Whether a caller has to present a signed JWT."""
        return self.authentication == "required" or (
            self.authentication is None and self.clients_file is not None
        )

    @property
    def certificate_authorities(self) -> str | bool:
        """Who may vouch for a server: the PEM file of this site, or True for the public authorities.

        There is no False: to send a token to a server that was not checked is to give it away.
        """
        return True if self.authorities_file is None else str(self.authorities_file)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read ``NET_CDS_*`` (and ``CARDS_DIR``) or raise ConfigurationError with every problem."""
    problems: list[str] = []
    values: dict[str, object] = {}
    for variable, (name, convert) in VARIABLES.items():
        text = environment.get(variable, "").strip()
        if not text:
            continue
        try:
            values[name] = convert(text)
        except ValueError as problem:
            problems.append(f"{variable}: {problem}")
    if problems:
        raise ConfigurationError(problems)
    settings = Settings(**values)  # type: ignore[arg-type]  # each converter returns its field's type
    if settings.authentication == "required" and settings.clients_file is None:
        raise ConfigurationError(
            ["NET_CDS_AUTH=required needs NET_CDS_CLIENTS: the TOML file of the registered clients"]
        )
    return settings


def _comma_list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _between(lowest: float, highest: float, kind: Callable[[str], _Value]) -> Callable[[str], _Value]:
    def convert(text: str) -> _Value:
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(f"must be a number from {lowest:g} to {highest:g}, not {text!r}") from None
        if not lowest <= value <= highest:  # type: ignore[operator]
            raise ValueError(f"must be a number from {lowest:g} to {highest:g}, not {text!r}")
        return value

    return convert


def _one_of(*choices: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {text!r}")
        return text

    return convert


def _existing_file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"no file {text!r}")
    return path


def _certificates(text: str) -> Path:
    """A file from which OpenSSL can take certificates; found out now, and not at the first call."""
    path = _existing_file(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError(_NO_CERTIFICATES.format(text)) from None
    except OSError as problem:
        raise ValueError(f"{text!r} cannot be read ({problem.strerror})") from None
    # A list of revoked certificates is loaded without complaint.
    if not context.cert_store_stats()["x509"]:
        raise ValueError(_NO_CERTIFICATES.format(text))
    return path


def _existing_folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ValueError(f"no folder {text!r}")
    return path


def _base_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"must be an http or https URL, not {text!r}")
    return text.rstrip("/")


VARIABLES: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "NET_CDS_DATABASE_URL": ("database_url", str),
    "NET_CDS_PUBLIC_URL": ("public_url", _base_url),
    "NET_CDS_CLIENTS": ("clients_file", _existing_file),
    "NET_CDS_AUTH": ("authentication", _one_of("required", "off")),
    "NET_CDS_ALLOWED_FHIR_SERVERS": ("allowed_fhir_servers", _comma_list),
    "NET_CDS_ALLOWED_ORIGINS": ("allowed_origins", _comma_list),
    "NET_CDS_WORKERS": ("workers", _between(1, 64, int)),
    "NET_CDS_THREADS": ("threads", _between(1, 64, int)),
    "NET_CDS_MAX_BODY_BYTES": ("max_body_bytes", _between(1024, 1024**3, int)),
    "NET_CDS_FETCH_DEADLINE_SECONDS": ("fetch_deadline_seconds", _between(0.1, 60, float)),
    "NET_CDS_CA_FILE": ("authorities_file", _certificates),
    "NET_CDS_CHART_MEMORY_SECONDS": ("chart_memory_seconds", _between(0, 600, int)),
    "NET_CDS_RETENTION_DAYS": ("retention_days", _between(1, 36500, int)),
    "NET_CDS_CONTENT": ("content", _one_of("all", "approved")),
    "NET_CDS_DEFAULTS": ("defaults_file", _existing_file),
    "NET_CDS_SECRET_FILE": ("secret_file", Path),
    "NET_CDS_LOG_LEVEL": ("log_level", _one_of("DEBUG", "INFO", "WARNING", "ERROR")),
    "CARDS_DIR": ("cards_dir", _existing_folder),
}
"""Environment variable -> (field of Settings, converter)."""
