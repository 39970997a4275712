"""``python -m service try BASE_URL``: act as an EHR against any CDS Hooks service.

Reads the discovery of the service, fills its prefetch templates from a Bundle, calls it, and checks what it
says against the schemas of :mod:`service.hooks.schemas`: https://cds-hooks.hl7.org/2.0/#calling-a-cds-service.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import requests
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from rich.console import Console
from rich.text import Text

from service.charts import Chart, context, name_of, read_chart, read_document, request_document
from service.commands import exits
from service.commands.evaluate import hook_of
from service.commands.prefetch import Unresolvable, resolve
from service.commands.signing import Signer, signer
from service.commands.terminal import heading, print_cards, rows, terminal
from service.commands.validity import find_defects
from service.config import Settings
from service.documents import Document, elements, mapping, string
from service.errors import InputFileError, ServiceError
from service.fhir.r4 import TYPES
from service.hook_names import PATIENT_VIEW
from service.hooks.schemas import definitions
from service.hooks.text import one_line
from service.security.urls import parse_url
from service.why import HOOKS

_Subparsers = argparse._SubParsersAction  # the type that add_subparsers returns has no public name
_SECONDS = 30
_JSON_TYPES = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}
_MOST_FINDINGS = 50


class ServerUnusable(ServiceError):
    """The server that the user named does not answer, or not with JSON."""


@dataclass(frozen=True, slots=True)
class _Server:
    """Where the services are, who vouches for them, and the token or key whose tokens go there only."""

    url: str
    token: str | None
    certificate_authorities: str | bool
    signer: Signer | None = None

    def authorization(self, url: str) -> dict[str, str]:
        """The header with which to call ``url``."""
        token = self.signer.token(url) if self.signer else self.token
        return {"Authorization": f"Bearer {token}"} if token else {}


def add_commands(subparsers: _Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``try``."""
    parser = subparsers.add_parser(
        "try",
        help="act as an EHR against any CDS Hooks service",
        description="Read the discovery of a CDS Hooks service, fill its prefetch templates from a patient "
        "Bundle, call it and check its answers. Exit code 1 when something does not conform.",
    )
    parser.add_argument("base_url", metavar="BASE_URL", type=base_url, help="with or without /cds-services")
    sent = parser.add_mutually_exclusive_group(required=True)
    sent.add_argument("--bundle", metavar="FILE", help="FHIR R4 Bundle; - is standard input")
    sent.add_argument("--request", metavar="FILE", help="a hook request to send, with a new hookInstance")
    parser.add_argument(
        "--hook", type=hook_of, choices=HOOKS, help="default: that of the request, patient-view for a Bundle"
    )
    parser.add_argument("--service", metavar="ID", help="only this service; default: every one of the hook")
    parser.add_argument("--patient", metavar="ID", help="which patient, where the Bundle has several")
    parser.add_argument(
        "--user", default="Practitioner/example", help="context.userId (default: %(default)s)"
    )
    parser.add_argument(
        "--token-env", metavar="NAME", help="environment variable with the JWT to authenticate with"
    )
    parser.add_argument(
        "--sign-with", type=Path, metavar="KEY.pem", help="private key that signs a new token for each call"
    )
    parser.add_argument("--iss", metavar="URL", help="the issuer by which the service knows the key")
    parser.add_argument("--kid", metavar="ID", help="the id by which its key set knows the key")
    parser.add_argument(
        "--origin", metavar="ORIGIN", help="also ask whether pages of this origin may call (CORS)"
    )
    parser.add_argument(
        "--feedback", action="store_true", help="also report each card as overridden; it may count there"
    )
    parser.add_argument(
        "--save-request", type=Path, metavar="FILE", help="write the request body that was sent"
    )
    parser.set_defaults(run=run)


def base_url(text: str) -> str:
    """A base URL without a slash at its end."""
    if parse_url(text) is None:
        raise argparse.ArgumentTypeError(f"not an http or https URL with a host: {text!r}")
    return text.rstrip("/")


def token_from(variable: str | None) -> str | None:
    """The token in an environment variable; it is never taken from the command line, which others can see."""
    if variable is None:
        return None
    token = os.environ.get(variable, "").strip()
    if not token:
        raise InputFileError(f"The environment variable {variable} is empty; put the token there.")
    return token


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Call the services of one hook and print what they say. Raises InputFileError, ServerUnusable."""
    given = read_chart(arguments.bundle, patient=arguments.patient) if arguments.bundle else _given(arguments)
    arguments.hook = arguments.hook or PATIENT_VIEW
    server = _Server(
        arguments.base_url.removesuffix("/cds-services") + "/cds-services",
        token_from(arguments.token_env),
        settings.certificate_authorities,
        _signer(arguments),
    )
    console = terminal()
    discovery, findings = _discover(server)
    services = _chosen(discovery, arguments.hook, arguments.service)
    for service in services:
        target = _save_path(arguments.save_request, service, alone=len(services) == 1)
        findings += _try_one(console, server, service, given, arguments, save=target)
    return _conclude(console, findings)


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The request in a file, whose hook is the one to call."""
    document = read_document(arguments.request)
    hook = document.get("hook")
    if not isinstance(hook, str) or arguments.hook not in (None, hook):
        raise InputFileError(f"{name_of(arguments.request)}: $.hook has to name the hook, that of --hook.")
    arguments.hook = hook
    return document


def _signer(arguments: argparse.Namespace) -> Signer | None:
    if arguments.sign_with is None:
        return None
    if not arguments.iss or not arguments.kid or arguments.token_env:
        raise InputFileError("--sign-with needs --iss and --kid, and no --token-env.")
    return signer(arguments.sign_with, issuer=arguments.iss, key_id=arguments.kid)


def _conclude(console: Console, findings: Sequence[str]) -> int:
    if not findings:
        console.print(Text("Nothing to object."))
        return exits.DONE
    console.print(heading(f"{len(findings)} findings"))
    console.print(rows(("-", finding) for finding in findings[:_MOST_FINDINGS]))
    if len(findings) > _MOST_FINDINGS:
        console.print(Text(f"and {len(findings) - _MOST_FINDINGS} more"))
    return exits.FINDINGS


def _discover(server: _Server) -> tuple[dict[str, Any], list[str]]:
    answer = _exchange("GET", server.url, server)
    if answer.status_code != 200:
        hint = "is it the base of a CDS service?"
        if answer.status_code == 401:
            hint = "sign with --sign-with KEY.pem --iss URL --kid ID, or name a token with --token-env"
        raise ServerUnusable(f"{server.url} answered with HTTP status {answer.status_code}; {hint}")
    document = _json(answer)
    if not isinstance(document, dict):
        raise ServerUnusable(
            f"{server.url} did not answer with a JSON object; is it the base of a CDS service?"
        )
    found = [
        f"discovery {fault}" for fault in schema_faults(document, file="discovery", name="DiscoveryResponse")
    ]
    ids = [string(one.get("id")) for one in elements(document.get("services"))]
    found += [f"discovery: the id {name!r} is there more than once" for name in sorted(_repeated(ids))]
    return document, found + [f"discovery: {fault}" for fault in _transport_faults(answer)]


def _chosen(discovery: Document, hook: str, wanted: str | None) -> list[Document]:
    services = [one for one in elements(discovery.get("services")) if string(one.get("id"))]
    found = [
        one for one in services if one.get("hook") == hook and (wanted is None or one.get("id") == wanted)
    ]
    if not found:
        offered = (
            ", ".join(
                sorted(f"{one_line(one['id'])} ({one_line(string(one.get('hook')))})" for one in services)
            )
            or "none"
        )
        which = f"called {wanted!r} " if wanted else ""
        raise InputFileError(f"There is no service {which}for {hook}; offered: {offered}.")
    return found


def _save_path(path: Path | None, service: Document, *, alone: bool) -> Path | None:
    """One file per service; the name tells them apart where there are several."""
    if path is None or alone:
        return path
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in service["id"])
    return path.with_name(f"{path.stem}.{safe}{path.suffix}")


def _try_one(
    console: Console,
    server: _Server,
    service: Document,
    given: Chart | dict[str, Any],
    arguments: argparse.Namespace,
    *,
    save: Path | None,
) -> list[str]:
    """Call one service and print its cards; what does not conform."""
    name = one_line(service["id"])
    if isinstance(given, Chart):
        request = filled_request(service, given, hook=arguments.hook, user=arguments.user)
    else:
        request = Filled({**given, "hookInstance": str(uuid4())}, ())
    console.print(heading(f"{name} ({arguments.hook})"))
    console.print(rows(request.report))
    body = orjson.dumps(request.document, option=orjson.OPT_INDENT_2)
    if save is not None:
        _write(save, body)
    url = f"{server.url}/{service['id']}"
    answer = _exchange("POST", url, server, body)
    document = _json(answer)
    milliseconds = answer.elapsed.total_seconds() * 1000
    console.print(Text(f"HTTP status {answer.status_code} after {milliseconds:.0f} ms\n"))
    if isinstance(document, dict) and answer.status_code == 200:
        print_cards(console, elements(document.get("cards")))
    faults = [*answer_faults(answer, document)]
    if arguments.origin:
        faults += _cors_faults(server, url, arguments.origin)
    if arguments.feedback:
        faults += _feedback_faults(server, url, document)
    return [f"{name} {fault}" for fault in faults]


def _cors_faults(server: _Server, url: str, origin: str) -> Iterator[str]:
    """What keeps a page of this origin from calling: https://fetch.spec.whatwg.org/#http-cors-protocol."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = _exchange("OPTIONS", url, server, headers=asked)
    if not 200 <= answer.status_code < 300:
        yield f"answered OPTIONS with HTTP status {answer.status_code}, so that no page can call it (CORS)"
    wanted = {"Origin": {origin.lower()}, "Methods": {"post"}, "Headers": {"authorization", "content-type"}}
    for name, values in wanted.items():
        listed = answer.headers.get(f"Access-Control-Allow-{name}", "").lower().split(",")
        allowed = {one.strip() for one in listed}
        if not (values <= allowed or (name == "Origin" and "*" in allowed)):
            yield f"does not allow {', '.join(sorted(values))} in Access-Control-Allow-{name} (CORS)"


def _feedback_faults(server: _Server, url: str, document: Any) -> Iterator[str]:
    """Whether the service takes feedback: https://cds-hooks.hl7.org/2.0/#feedback."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    cards = [string(card.get("uuid")) for card in elements(mapping(document).get("cards"))]
    reports = [{"card": uuid, "outcome": "overridden", "outcomeTimestamp": now} for uuid in cards if uuid]
    if not reports:
        return
    answer = _exchange("POST", f"{url}/feedback", server, orjson.dumps({"feedback": reports}))
    if answer.status_code != 200:
        yield f"answered feedback with HTTP status {answer.status_code}{_diagnostics(_json(answer))}"


@dataclass(frozen=True, slots=True)
class Filled:
    """A request body, and per prefetch key what came of its template."""

    document: dict[str, Any]
    report: tuple[tuple[str, str], ...]


def filled_request(service: Document, chart: Chart, *, hook: str, user: str) -> Filled:
    """The request for a service as discovered; a template that cannot be resolved is left out."""
    prefetch: dict[str, Any] = {}
    report: list[tuple[str, str]] = []
    filled_context = context(chart, hook=hook, user=user)
    for key, template in mapping(service.get("prefetch")).items():
        try:
            prefetch[key] = resolve(string(template), chart, context=filled_context, now=datetime.now(UTC))
            report.append((key, _described(prefetch[key])))
        except Unresolvable as reason:
            report.append((key, f"left out: {reason}"))
    return Filled(request_document(chart, hook=hook, user=user, prefetch=prefetch), tuple(report))


def _described(value: Any) -> str:
    if value is None:
        return "null"
    if value.get("resourceType") == "Bundle":
        sent, total = len(value.get("entry", ())), value["total"]
        return f"{sent} resources" if sent == total else f"{sent} of {total} resources"
    return string(value.get("resourceType"))


def _write(path: Path, body: bytes) -> None:
    try:
        path.write_bytes(body + b"\n")
    except OSError as problem:
        raise InputFileError(f"{path}: cannot be written ({problem.strerror}).") from None


def _exchange(
    method: str,
    url: str,
    server: _Server,
    body: bytes | None = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    """One request; redirects are not followed, because the token and the chart are for this server only."""
    headers = {"Accept": "application/json", **(headers or {})}
    headers |= {"Content-Type": "application/json"} if body else {}
    # A preflight is sent by the browser, which knows no token.
    headers |= server.authorization(url) if method != "OPTIONS" else {}
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.request(
                method,
                url,
                data=body,
                headers=headers,
                timeout=_SECONDS,
                allow_redirects=False,
                verify=server.certificate_authorities,
            )
        except (requests.RequestException, ValueError) as problem:
            raise ServerUnusable(f"{url} could not be reached: {_reason(problem)}.") from None


def _reason(problem: Exception) -> str:
    if isinstance(problem, requests.Timeout):
        return f"no answer within {_SECONDS} s"
    if isinstance(problem, requests.exceptions.SSLError):
        return "its certificate or encryption was refused"
    if isinstance(problem, requests.ConnectionError):
        return "the connection failed"
    return "the address or the token cannot be used"


def _json(answer: requests.Response) -> Any:
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None


def answer_faults(answer: requests.Response, document: Any) -> Iterator[str]:
    """What does not conform in the answer to a hook call."""
    if answer.status_code != 200:
        yield f"answered with HTTP status {answer.status_code}{_diagnostics(document)}"
        return
    if not isinstance(document, dict):
        yield "did not answer with a JSON object"
        return
    yield from _transport_faults(answer)
    yield from schema_faults(document, file="response", name="ServiceResponse")
    cards = elements(document.get("cards"))
    uuids = [string(one.get("uuid")) for one in cards]
    uuids += [string(one.get("uuid")) for card in cards for one in elements(card.get("suggestions"))]
    yield from (f"uses the uuid {name} more than once" for name in sorted(_repeated(uuids)))
    for number, card in enumerate(cards):
        yield from (f"$.cards[{number}]{fault}" for fault in _resource_faults(card))


def _diagnostics(document: Any) -> str:
    texts = [
        string(issue.get("diagnostics")) or string(mapping(issue.get("details")).get("text"))
        for issue in elements(mapping(document).get("issue"))
    ]
    shown = "; ".join(text for text in texts if text)
    return f": {one_line(shown)[:300]}" if shown else ""


def _transport_faults(answer: requests.Response) -> Iterator[str]:
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        yield f"is sent as {one_line(media_type) or 'no media type'}, not as application/json"


@cache
def validator(file: str, name: str) -> Draft202012Validator:
    """The compiled schema ``name`` of ``file``; formats such as date-time are not checked."""
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions(file)})


def schema_faults(document: object, *, file: str, name: str) -> Iterator[str]:
    """Every fault of a document, with its JSON path and what is expected there."""
    for error in validator(file, name).iter_errors(document):
        yield f"{error.json_path}: {one_line(_fault(error))[:300]}"


def _fault(error: ValidationError) -> str:
    """What is wrong, without the value where that can be a whole card."""
    if error.validator == "type":
        wanted: Any = error.validator_value
        kinds = wanted if isinstance(wanted, str) else " or ".join(wanted)
        return f"is {_JSON_TYPES.get(type(error.instance), 'of another type')}, and has to be {kinds}"
    if error.validator == "pattern":
        return f"{str(error.instance)[:60]!r} does not have the form {error.validator_value}"
    return error.message


def _resource_faults(card: Document) -> Iterator[str]:
    """Suggested resources that are not valid FHIR R4, of the types that the service reads."""
    for one, suggestion in enumerate(elements(card.get("suggestions"))):
        for two, action in enumerate(elements(suggestion.get("actions"))):
            resource = mapping(action.get("resource"))
            if string(resource.get("resourceType")) in TYPES:
                for defect in find_defects(resource):
                    path = f".suggestions[{one}].actions[{two}].resource.{defect.path}"
                    yield f"{path}: is not valid FHIR R4"


def _repeated(names: Sequence[str]) -> set[str]:
    return {name for name in names if name and names.count(name) > 1}
