"""Settings: environment variables, read once into a frozen object.

``deploy/README.md`` has the table of them, which ``python -m service cards`` makes from what stands here.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from service.errors import ConfigurationError

_CHECKOUT = Path(__file__).resolve().parent.parent
_NO_CERTIFICATES = (
    "{!r} has to hold certificates in PEM form, each between -----BEGIN CERTIFICATE----- and "
    "-----END CERTIFICATE-----"
)


def _comma_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(item.strip() for item in value.split(",") if item.strip())


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"no file {str(path)!r}")
    return path


def _certificates(path: Path) -> Path:
    """A file from which OpenSSL can take certificates; found out now, and not at the first call."""
    _existing_file(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError(_NO_CERTIFICATES.format(str(path))) from None
    except OSError as problem:
        raise ValueError(f"{str(path)!r} cannot be read ({problem.strerror})") from None
    # A list of revoked certificates is loaded without complaint.
    if not context.cert_store_stats()["x509"]:
        raise ValueError(_NO_CERTIFICATES.format(str(path)))
    return path


def _existing_folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError(f"no folder {str(path)!r}")
    return path


def _base_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"has to be an http or https URL, not {text!r}")
    return text.rstrip("/")


class Settings(BaseModel):
    """What an operator can choose; the defaults are those of ``make run``."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    database_url: Annotated[
        str,
        Field(
            alias="NET_CDS_DATABASE_URL",
            description="Where issued cards, feedback and used tokens are kept: `sqlite:///FILE` "
            "(relative to the working folder; four slashes for an absolute path) or "
            "`postgresql+psycopg://USER:PASSWORD@HOST/DATABASE`.",
        ),
    ] = "sqlite:///net-cds.sqlite3"
    public_url: Annotated[
        str,
        AfterValidator(_base_url),
        Field(
            alias="NET_CDS_PUBLIC_URL",
            description="The base URL at which EHRs call the service, without `/cds-services`. The "
            "`aud` of their tokens is compared with it, never with the Host header.",
        ),
    ] = "http://127.0.0.1:8000"
    clients_file: Annotated[
        Annotated[Path, AfterValidator(_existing_file)] | None,
        Field(
            alias="NET_CDS_CLIENTS",
            description="TOML file of the registered EHRs. With it, every call has to carry a signed JWT.",
        ),
    ] = None
    authentication: Annotated[
        Literal["required", "off"] | None,
        Field(
            alias="NET_CDS_AUTH",
            description="`required`: refuse to start without registered EHRs. `off`: answer everybody, "
            "on any address; only behind something else that checks who calls. Without a "
            "list of FHIR servers, anybody who can call it can then have it read FHIR "
            "servers on its own machine. Not set: tokens are checked when EHRs are "
            "registered, otherwise only this machine is answered.",
        ),
    ] = None
    allowed_fhir_servers: Annotated[
        tuple[str, ...],
        BeforeValidator(_comma_list),
        Field(
            alias="NET_CDS_ALLOWED_FHIR_SERVERS",
            description="Comma list of FHIR base URLs that may be read for callers without a list of "
            "their own (`fhir_servers` of a registered EHR). Not set: a registered EHR "
            "without a list gets none read, an unregistered caller only servers on this "
            "machine.",
        ),
    ] = ()
    allowed_origins: Annotated[
        tuple[str, ...],
        BeforeValidator(_comma_list),
        Field(
            alias="NET_CDS_ALLOWED_ORIGINS",
            description="Comma list of web origins whose pages may call the service from a browser, as "
            "`https://ehr.example.org`; `*` is possible only where callers do not "
            "authenticate. Not set: no origin, or, while only this machine is answered, "
            "pages that this machine serves.",
        ),
    ] = ()
    workers: Annotated[
        int,
        Field(
            alias="NET_CDS_WORKERS",
            ge=1,
            le=64,
            description="Worker processes, 1 to 64. One for each processor core is a good start.",
        ),
    ] = 2
    threads: Annotated[
        int,
        Field(
            alias="NET_CDS_THREADS",
            ge=1,
            le=64,
            description="Threads in each worker, 1 to 64. More than one helps only where the service "
            "waits for FHIR servers.",
        ),
    ] = 1
    max_body_bytes: Annotated[
        int,
        Field(
            alias="NET_CDS_MAX_BODY_BYTES",
            ge=100,
            le=1024**3,
            description="The longest request body that is read, in bytes, for a body that comes with "
            "`Content-Encoding: gzip` those after unpacking; a longer one is answered with "
            "413.",
        ),
    ] = 10 * 1024 * 1024
    fetch_deadline_seconds: Annotated[
        float,
        Field(
            alias="NET_CDS_FETCH_DEADLINE_SECONDS",
            ge=0.1,
            le=60,
            description="The time in which everything that is asked of a FHIR server for one hook call "
            "has to arrive; what comes later counts as unreadable.",
        ),
    ] = 5.0
    results_by: Annotated[
        Literal["code", "category"],
        Field(
            alias="NET_CDS_RESULTS_BY",
            description="How Observations are asked for. `code`: by the codes that rules read; what is "
            "named by other codes or in words only never arrives. `category`: by the "
            "categories laboratory, imaging, procedure, exam, survey and therapy, so that "
            "results are read by their words as well; for sites whose results have these "
            "categories, and where a long query is not taken. Much more is read then.",
        ),
    ] = "code"
    authorities_file: Annotated[
        Annotated[Path, AfterValidator(_certificates)] | None,
        Field(
            alias="NET_CDS_CA_FILE",
            description="PEM file with the certificates of the authorities that vouch for FHIR servers "
            "and for the `jwks_url` of registered EHRs, where a hospital has an authority "
            "of its own. It takes the place of the public authorities: where both are "
            "needed, put both into it. `doctor` and `try` use it as well. That certificates "
            "are checked cannot be switched off.",
        ),
    ] = None
    retention_days: Annotated[
        int,
        Field(
            alias="NET_CDS_RETENTION_DAYS",
            ge=1,
            le=36500,
            description="After how many days issued cards and feedback are deleted. Workers do it every "
            "hour; so does `python -m service feedback purge`.",
        ),
    ] = 365
    content: Annotated[
        Literal["all", "approved"],
        Field(
            alias="NET_CDS_CONTENT",
            description="`all`: show cards whatever the state of their review. `approved`: show only "
            "those that a clinician has signed.",
        ),
    ] = "all"
    defaults_file: Annotated[
        Annotated[Path, AfterValidator(_existing_file)] | None,
        Field(
            alias="NET_CDS_DEFAULTS",
            description="TOML file of the form of `cards/defaults.toml` with the numbers that this site "
            "sets otherwise.",
        ),
    ] = None
    code_map_file: Annotated[
        Annotated[Path, AfterValidator(_existing_file)] | None,
        Field(
            alias="NET_CDS_CODE_MAP",
            description="The codes of this site's own that stand for codes of the lists: a CSV with the "
            "columns `local_system,local_code,system,code`, as `doctor --propose-map` writes it, or a FHIR "
            "ConceptMap (`.json`). They are read in every resource and asked of FHIR servers.",
        ),
    ] = None
    secret_file: Annotated[
        Path | None,
        Field(
            alias="NET_CDS_SECRET_FILE",
            description="File with the key, at least 32 bytes, of the digests that stand for patient "
            "and user in the store. It is made if it is not there. Not set: beside the "
            "SQLite file with the ending `.secret`, or `net-cds.secret` in the working "
            "folder for PostgreSQL.",
        ),
    ] = None
    pages: Annotated[
        Literal["on", "off"] | None,
        Field(
            alias="NET_CDS_PAGES",
            description="Whether the service shows the pages that explain it: the playground at `/`, "
            "`/content` and `/insight`. `on` needs `NET_CDS_PAGES_PASSWORD_FILE`. Not set: only while just "
            "this machine is answered, and only under `localhost` and `127.0.0.1`.",
        ),
    ] = None
    pages_password_file: Annotated[
        Annotated[Path, AfterValidator(_existing_file)] | None,
        Field(
            alias="NET_CDS_PAGES_PASSWORD_FILE",
            description="File with the password, at least 12 characters, for which browsers ask before they "
            "show the pages (any user name). Send it over TLS only.",
        ),
    ] = None
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Field(alias="NET_CDS_LOG_LEVEL", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`."),
    ] = "INFO"
    cards_dir: Annotated[
        Path,
        AfterValidator(_existing_folder),
        Field(alias="CARDS_DIR", description="Folder with the clinical content."),
    ] = _CHECKOUT / "cards"

    @property
    def authentication_required(self) -> bool:
        """Whether a caller has to present a signed JWT."""
        return self.authentication == "required" or (
            self.authentication is None and self.clients_file is not None
        )

    @property
    def shows_pages(self) -> bool:
        """Whether there are pages; unasked only where nobody but this machine is answered."""
        is_this_machine_only = not self.authentication_required and self.authentication is None
        return self.pages == "on" or (self.pages is None and is_this_machine_only)

    @property
    def certificate_authorities(self) -> str | bool:
        """Who may vouch for a server: the PEM file of this site, or True for the public authorities.

        There is no False: to send a token to a server that was not checked is to give it away.
        """
        return True if self.authorities_file is None else str(self.authorities_file)


def variables() -> dict[str, str]:
    """Environment variable -> the field of Settings that it sets."""
    return {str(field.alias): name for name, field in Settings.model_fields.items()}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read ``NET_CDS_*`` (and ``CARDS_DIR``) or raise ConfigurationError with every problem."""
    values = {name: text for name in variables() if (text := environment.get(name, "").strip())}
    problems: list[str] = []
    try:
        settings = Settings.model_validate(values)
    except ValidationError as refusal:
        problems += [_in_words(fault["loc"][0], fault) for fault in refusal.errors(include_url=False)]
    if values.get("NET_CDS_AUTH") == "required" and "NET_CDS_CLIENTS" not in values:
        problems.append(
            "NET_CDS_AUTH=required needs NET_CDS_CLIENTS: the TOML file of the registered clients"
        )
    if values.get("NET_CDS_PAGES") == "on" and "NET_CDS_PAGES_PASSWORD_FILE" not in values:
        problems.append("NET_CDS_PAGES=on needs NET_CDS_PAGES_PASSWORD_FILE: a file with a password")
    if problems:
        raise ConfigurationError(problems)
    return settings


def _in_words(variable: object, fault: Mapping[str, Any]) -> str:
    """The fault of one variable; a fault that pydantic words does not say what was given."""
    if fault["type"] == "value_error":
        return f"{variable}: {fault['ctx']['error']}"
    return f"{variable}: {fault['msg']}, not {fault['input']!r}"


def settings_table() -> Iterator[str]:
    """The rows of the table of settings in ``deploy/README.md``."""
    yield from ("| Setting | Meaning | Default |", "|---|---|---|")
    for field in Settings.model_fields.values():
        yield f"| `{field.alias}` | {field.description} | {_shown(field.default)} |"


def _shown(default: object) -> str:
    if isinstance(default, Path):
        default = default.relative_to(_CHECKOUT)
    return "none" if default in (None, ()) else f"`{default}`"
