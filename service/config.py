"""Settings: environment variables and a configuration file, read once into a frozen object.

``deploy/README.md`` has the table of them and ``deploy/.env.example`` the list, which
``python -m service cards`` makes from what stands here. A variable wins over the file.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from service.errors import ConfigurationError
from service.toml_file import TomlFile, fault_in_words, meant, read_toml

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
    if not _is_there(path, Path.is_file):
        raise ValueError(f"no file {str(path)!r}")
    return path


def _is_there(path: Path, kind: Callable[[Path], bool]) -> bool:
    """Whether the path leads to something of the kind; one that cannot even be looked for does not."""
    try:
        return kind(path)
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


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
    if not _is_there(path, Path.is_dir):
        raise ValueError(f"no folder {str(path)!r}")
    return path


def _base_url(text: str) -> str:
    """A base URL in one spelling: small letters where case means nothing, and no slash at its end."""
    address = _address(text)
    if address.query or address.fragment or "?" in text or "#" in text:
        raise ValueError(f"has to be a base URL without '?' and '#', not {text!r}")
    if address.path.rstrip("/").endswith("/cds-services"):
        raise ValueError(f"has to leave out /cds-services, which the service adds itself: {text!r}")
    host = address.netloc.lower()
    return urlunsplit((address.scheme, host, address.path.rstrip("/"), "", ""))


def _address(text: str) -> SplitResult:
    try:
        address = urlsplit(text)
        is_usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:  # a port that is no number, an IPv6 address without its bracket
        is_usable = False
    if not is_usable or not text.isprintable() or " " in text:
        raise ValueError(f"has to be an http or https URL with a host, not {text!r}")
    if "@" in address.netloc:
        raise ValueError("has to be a URL without a user and password")
    return address


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Settings(BaseModel):
    """What an operator can choose; the defaults are those of ``make run``."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        """No setting is true or false, and pydantic would read the one as 1; no name holds a NUL."""
        if isinstance(value, bool):
            raise ValueError(f"{str(value).lower()} is no value of this setting")
        if isinstance(value, str) and "\0" in value:
            raise ValueError("has to be a text without NUL")
        return value

    config_file: Annotated[
        Annotated[Path, AfterValidator(_existing_file)] | None,
        Field(
            alias="NET_CDS_CONFIG",
            description="TOML file that can hold all of these settings, the registered EHRs, the codes of "
            "this site and its decisions about rules: see *One file for all*. A variable wins over it.",
        ),
    ] = None
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
        BeforeValidator(_lower),
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
            ge=4,
            le=256,
            description="Threads in each worker, 4 to 256: how many calls it has in hand at the same time. "
            "Half of them at most wait for one FHIR server or for one registered EHR, and three quarters for "
            "any, so that the others are answered.",
        ),
    ] = 32
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
        BeforeValidator(_lower),
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
        BeforeValidator(_lower),
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
    read_languages: Annotated[
        tuple[str, ...],
        BeforeValidator(_comma_list),
        Field(
            alias="NET_CDS_READ_LANGUAGES",
            description="Comma list of the languages in which the words of charts are read beside English, "
            "by the folders of `cards/wordlists`, as `de,nl`. What is written in another is then not "
            "understood. Not set: all of them.",
        ),
    ] = ()
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
            "this machine is answered, and only under `localhost` and loopback addresses.",
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
        BeforeValidator(_upper),
        Field(alias="NET_CDS_LOG_LEVEL", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`."),
    ] = "INFO"
    metrics_readers: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        BeforeValidator(_comma_list),
        Field(
            alias="NET_CDS_METRICS_READERS",
            description="Comma list of the addresses and networks that may read `/metrics`, as "
            "`127.0.0.1,10.1.0.0/16`; for all others, and for what comes by way of a proxy, there is "
            "nothing at that address.",
        ),
    ] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1"))
    traced_fhir_servers: Annotated[
        tuple[str, ...],
        BeforeValidator(_comma_list),
        Field(
            alias="NET_CDS_TRACED_FHIR_SERVERS",
            description="Comma list of the base URLs of FHIR servers that are sent the `traceparent` of the "
            "call in which they are read; see *Tracing*. Not set: none.",
        ),
    ] = ()
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
    def is_local(self) -> bool:
        """Whether only programs on this machine are answered, as nobody has to say who calls."""
        return self.authentication is None and self.clients_file is None

    @property
    def shows_pages(self) -> bool:
        """Whether there are pages; unasked only where nobody but this machine is answered."""
        return self.pages == "on" or (self.pages is None and self.is_local)

    @property
    def certificate_authorities(self) -> str | bool:
        """Who may vouch for a server: the PEM file of this site, or True for the public authorities.

        There is no False: to send a token to a server that was not checked is to give it away.
        """
        return True if self.authorities_file is None else str(self.authorities_file)


def variables() -> dict[str, str]:
    """Environment variable -> the field of Settings that it sets."""
    return {str(field.alias): name for name, field in Settings.model_fields.items()}


_TABLES = ("settings", "client", "code_map", "site")
"""What a configuration file can hold."""

# Kubernetes and Docker tell a container of the services around it by variables, which begin with the name of
# a service: one that is called net-cds sets NET_CDS_SERVICE_HOST and NET_CDS_PORT.
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_OF_A_CLUSTER = re.compile(
    r"NET_CDS_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_ADDRESS_OF_A_CLUSTER = re.compile(r"(?:tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Given:
    """The settings as they were given: of each in ``unusable`` they have the default in its place.

    ``problems`` are all that is wrong with them, in words.
    """

    settings: Settings
    problems: tuple[str, ...] = ()
    unusable: frozenset[str] = frozenset()


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read ``NET_CDS_*``, ``CARDS_DIR`` and the configuration file; ConfigurationError with every problem."""
    given = given_settings(environment)
    if given.problems:
        raise ConfigurationError(given.problems)
    return given.settings


def given_settings(environment: Mapping[str, str]) -> Given:
    """Read ``NET_CDS_*``, ``CARDS_DIR`` and the configuration file, whatever is wrong with some of them."""
    problems = list(_unknown_variables(environment))
    given = {name: text for name in variables() if (text := environment.get(name, "").strip())}
    file = _configuration_file(given.get("NET_CDS_CONFIG"), problems)
    by_variable = {variables()[name]: value for name, value in given.items()}
    values = (_settings_of(file, problems) if file else {}) | by_variable
    faults = _faults(values)
    problems += [f"{_named(name, file, by_variable)}: {words}" for name, words in faults]
    problems += _lacking(values)
    unusable = {name for name, _ in faults}
    if file is None and "config_file" in values:
        # Whatever else the file would have said is as unknown as it is itself.
        unusable |= {"config_file", "clients_file", "code_map_file"}
    usable = {name: value for name, value in values.items() if name not in unusable}
    return Given(Settings.model_validate(usable), tuple(problems), frozenset(unusable))


def _unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """A name that is mistyped would otherwise leave its default, and nobody would notice."""
    for name in sorted(environment):
        if (
            name.startswith("NET_CDS_")
            and name not in variables()
            and not _is_of_a_cluster(name, environment)
        ):
            yield f"{name}: is no setting{meant(name, variables())}"


def _is_of_a_cluster(name: str, environment: Mapping[str, str]) -> bool:
    if name.endswith("_PORT") and _ADDRESS_OF_A_CLUSTER.match(environment[name]):
        return True
    return _OF_A_CLUSTER.fullmatch(name) is not None


def _configuration_file(name: str | None, problems: list[str]) -> TomlFile | None:
    if name is None or not _is_there(Path(name), Path.is_file):
        return None  # that it is not there is a fault of the setting itself
    try:
        file = read_toml(Path(name))
    except ConfigurationError as fault:
        problems.extend(fault.problems)
        return None
    problems += [
        f"{file.where(key)}: is unknown{meant(key, _TABLES)}" for key in file.tables if key not in _TABLES
    ]
    return file


def _settings_of(file: TomlFile, problems: list[str]) -> dict[str, Any]:
    """The settings of the file by field, files and folders as seen from where it lies."""
    table = file.tables.get("settings", {})
    if not isinstance(table, dict):
        problems.append(f"{file.where('settings')}: has to be a table")
        return {}
    known = [name for name in Settings.model_fields if name != "config_file"]
    problems += [
        f"{file.where('settings', key)}: is unknown{meant(key, known)}" for key in table if key not in known
    ]
    placed = {key: _beside(file, key, value) for key, value in table.items() if key in known}
    return _tables_as_files(file) | placed


def _beside(file: TomlFile, key: str, value: Any) -> Any:
    is_path = key.endswith(("_file", "_dir")) and isinstance(value, str)
    return str(file.path.parent / value) if is_path else value


def _tables_as_files(file: TomlFile) -> dict[str, Any]:
    """The file stands for those that it makes needless."""
    names = {"client": "clients_file", "code_map": "code_map_file"}
    return {field: str(file.path) for table, field in names.items() if table in file.tables}


def _faults(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with which setting, by its field."""
    try:
        Settings.model_validate(values)
    except ValidationError as refusal:
        found = refusal.errors(include_url=False)
        return [(_field(str(fault["loc"][0])), fault_in_words(fault)) for fault in found]
    return []


def _field(name: str) -> str:
    """The field of a setting that pydantic calls by its field or by its variable."""
    return variables().get(name, name)


def _lacking(values: Mapping[str, Any]) -> Iterator[str]:
    """What a setting needs of another one that was not given."""
    if str(values.get("authentication", "")).lower() == "required" and not values.get("clients_file"):
        yield "NET_CDS_AUTH=required needs NET_CDS_CLIENTS: the TOML file of the registered clients"
    if str(values.get("pages", "")).lower() == "on" and not values.get("pages_password_file"):
        yield "NET_CDS_PAGES=on needs NET_CDS_PAGES_PASSWORD_FILE: a file with a password"


def _named(field: str, file: TomlFile | None, by_variable: Mapping[str, Any]) -> str:
    """A setting as its author wrote it: a variable, or a line of the file."""
    if file is None or field in by_variable:
        return next((name for name, known in variables().items() if known == field), field)
    return file.where("settings", field)


def settings_table() -> Iterator[str]:
    """The rows of the table of settings in ``deploy/README.md``."""
    yield from ("| Setting | Meaning | Default |", "|---|---|---|")
    for field in Settings.model_fields.values():
        yield f"| `{field.alias}` | {field.description} | {_shown(field.default)} |"


def _shown(default: object) -> str:
    if isinstance(default, Path):
        default = default.relative_to(_CHECKOUT)
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    return "none" if default in (None, "") else f"`{default}`"


def example_of_variables() -> Iterator[str]:
    """The lines of ``deploy/.env.example``: every variable with its default, none of them set."""
    yield "# Every setting of net-cds; deploy/README.md explains them. Take away the '#' where you set one."
    for field in Settings.model_fields.values():
        shown = _shown(field.default).strip("`")
        yield f"#{field.alias}={'' if shown == 'none' else shown}"
