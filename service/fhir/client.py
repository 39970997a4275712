"""Reads from the EHR's FHIR server what did not come as prefetch.

https://cds-hooks.hl7.org/2.0/#fhir-resource-access, https://hl7.org/fhir/R4/http.html. A server's fault is
never an exception: each key gets its data, whether they are complete, and otherwise a reason.
"""

from __future__ import annotations

import functools
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from service import tracing
from service.errors import MalformedRequest
from service.fhir.access import FhirAccess
from service.fhir.neighbours import Conversation, Neighbours, NotAsked
from service.fhir.reasons import Reason, Why
from service.fhir.references import ID
from service.fhir.scopes import Permission, permission
from service.fhir.searches import Search, searches
from service.fhir.transport import (
    Allowance,
    Answer,
    Exchange,
    ExchangeFailed,
    get,
    origin_of,
    run_within,
)
from service.json_body import read_object
from service.metrics import EXCHANGES

Resource = Mapping[str, Any]
"""A resource or a Bundle as parsed JSON."""

SameBase = Callable[[str, str], bool]
"""``(base URL, URL) -> bool``: whether the URL lies at or under the base, on the same origin."""

FHIR_JSON = ("application/fhir+json", "application/json", "application/json+fhir", "text/json")
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING_STATUSES = (502, 503, 504)
_NOT_UNDERSTOOD = (400, 422, 501)  # what a search with a parameter that is not supported is answered with
_NOT_SUPPORTED = (*_NOT_UNDERSTOOD, 403, 404, 405, 410, 500)
_CAN_DO_WITHOUT = ("_count", "_sort", "_include")
_LARGE_BYTES = 1024 * 1024
_ONE_LARGE_ANSWER = threading.Lock()
"""Parsing takes many times the memory of the answer, and keeps all other threads of the process waiting."""
_PAUSE_SECONDS = 0.05  # before a failed request is tried once more
_USABLE_TOKEN = re.compile(r"[\x21-\x7e]+")
_QUERY = re.compile(rf"(?P<type>[A-Z][A-Za-z]+)(?:/(?P<id>(?!\.+$){ID})|\?[\x21-\x7e]*)?")
_REASONS = {
    401: Why.TOKEN_NOT_ACCEPTED,
    403: Why.NOT_PERMITTED,
    404: Why.NOT_KNOWN,
    410: Why.DELETED,
    429: Why.TOO_LONG_A_WAIT,
}


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much is read: pages and bytes for one key, bytes and JSON values for one call with all its keys.

    A value takes far more memory than the few bytes that it is written in, so these are counted apart; one of
    FHIR takes some 15 bytes. ``certificate_authorities`` is a PEM file, or True for the usual ones;
    ``traced_servers`` are base URLs of those that are told in which trace they are asked.
    """

    max_pages: int = 20
    max_bytes: int = 16 * 1024 * 1024
    max_bytes_of_call: int = 32 * 1024 * 1024
    max_values_of_call: int = 1_000_000
    certificate_authorities: str | bool = True
    traced_servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchOutcome:
    """What the server said to one query.

    ``resource`` is the resource, or one searchset Bundle with the entries of all pages, and None when
    nothing could be read. ``reason`` says why not, or why not all; ``complete`` means that nothing is
    missing.
    """

    resource: Resource | None = None
    complete: bool = False
    reason: Reason | None = None

    @property
    def kind(self) -> str:
        """How it ended, in one word."""
        if self.complete:
            return "complete"
        return "failed" if self.resource is None else "partial"


@dataclass(frozen=True, slots=True)
class _Server:
    """Where and how to ask: the same for every query of one hook call, but for the type that is asked for."""

    access: FhirAccess
    same_base: SameBase
    limits: FetchLimits
    bytes_left: Allowance
    values_left: Allowance
    conversation: Conversation
    resource_type: str = ""


@dataclass(slots=True)
class _Search:
    """The pages of one search as they come in."""

    entries: list[Any] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    bytes_read: int = 0
    total: int | None = None
    pages: int = 0
    refused: list[str] = field(default_factory=list)


def fetch_all(
    access: FhirAccess,
    queries: Mapping[str, str],
    *,
    deadline_seconds: float,
    same_base: SameBase,
    limits: FetchLimits | None = None,
    neighbours: Neighbours | None = None,
    client: str = "",
) -> dict[str, FetchOutcome]:
    """Ask all ``queries`` (key -> URL relative to the base) in parallel, within ``deadline_seconds``.

    A query is put as one search or as several, the answers to which are put together.

    Whether the base URL may be read at all is for the caller to decide before. The token goes with every
    request, and only to URLs that ``same_base`` finds under the base URL. Where there are ``neighbours``, the
    call needs a place among them for the server and for ``client``, the issuer.
    """
    try:
        with _conversation(neighbours, access, client) as conversation:
            server = _server(access, same_base, limits or FetchLimits(), conversation)
            outcomes = _asked(server, queries, deadline_seconds)
    except NotAsked as refusal:
        outcomes = dict.fromkeys(queries, FetchOutcome(reason=refusal.reason))
    for key, outcome in outcomes.items():
        EXCHANGES.labels(queries[key].partition("?")[0].partition("/")[0], outcome.kind).inc()
    return outcomes


def _conversation(
    neighbours: Neighbours | None, access: FhirAccess, client: str
) -> AbstractContextManager[Conversation]:
    if neighbours is None:
        return nullcontext(Conversation())
    return neighbours.conversation(origin_of(access.base_url), client)


def _server(
    access: FhirAccess, same_base: SameBase, limits: FetchLimits, conversation: Conversation
) -> _Server:
    bytes_left, values_left = Allowance(limits.max_bytes_of_call), Allowance(limits.max_values_of_call)
    return _Server(access, same_base, limits, bytes_left, values_left, conversation)


def _asked(server: _Server, queries: Mapping[str, str], deadline_seconds: float) -> dict[str, FetchOutcome]:
    parsed = {key: _QUERY.fullmatch(relative) for key, relative in queries.items()}
    refused = {key: refusal for key, query in parsed.items() if (refusal := _refusal(server, query))}
    jobs = {
        (key, search): tracing.carried(functools.partial(_fetch, server, search))
        for key in queries.keys() - refused.keys()
        for search in searches(queries[key])
    }
    parts: dict[str, list[FetchOutcome]] = {key: [] for key in queries}
    late = FetchOutcome(reason=Reason(Why.LATE))
    lane = origin_of(server.access.base_url)
    for (key, _search), outcome in run_within(deadline_seconds, jobs, lane=lane).items():
        parts[key].append(outcome or late)
    return {key: refused.get(key) or _together(found) for key, found in parts.items()}


def _together(parts: list[FetchOutcome]) -> FetchOutcome:
    """The outcome of a query that was put as several searches."""
    if len(parts) == 1:
        return parts[0]
    read = [one.resource["entry"] for one in parts if one.resource is not None]
    bundle = _bundle([entry for entries in read for entry in entries]) if read else None
    reason = next((one.reason for one in parts if one.reason), None)
    return FetchOutcome(bundle, complete=all(one.complete for one in parts), reason=reason)


def _refusal(server: _Server, query: re.Match[str] | None) -> FetchOutcome | None:
    """Why this query is not even sent."""
    if query is None or not server.same_base(server.access.base_url, _absolute(server, query)):
        return FetchOutcome(reason=Reason(Why.NO_QUERY))
    if server.access.token is not None and not _USABLE_TOKEN.fullmatch(server.access.token):
        return FetchOutcome(reason=Reason(Why.TOKEN_NOT_USABLE))
    if _permission(server, query) is Permission.NONE:
        return FetchOutcome(reason=Reason(Why.SCOPE_LACKS, query["type"]))
    return None


def _permission(server: _Server, query: re.Match[str]) -> Permission:
    return permission(server.access.scopes, query["type"], search=query["id"] is None)


def _absolute(server: _Server, query: re.Match[str]) -> str:
    return f"{server.access.base_url.rstrip('/')}/{query.string}"


def _fetch(server: _Server, search: Search, exchange: Exchange) -> FetchOutcome:
    query = _QUERY.fullmatch(search.query)
    if query is None:
        return FetchOutcome(reason=Reason(Why.NO_QUERY))
    server.conversation.was_asked = True
    server = replace(server, resource_type=query["type"])
    if query["id"] is not None:
        return _read(server, query, exchange)
    read = _search_for_components if search.is_extra else _search
    outcome = read(server, _absolute(server, query), exchange)
    if outcome.complete and _permission(server, query) is Permission.PART:
        return FetchOutcome(outcome.resource, reason=Reason(Why.SCOPE_IN_PART))
    return outcome


def _read(server: _Server, query: re.Match[str], exchange: Exchange) -> FetchOutcome:
    try:
        resource, _ = _resource(server, _absolute(server, query), exchange, server.limits.max_bytes)
    except ExchangeFailed as failure:
        return FetchOutcome(reason=failure.reason)
    if (resource.get("resourceType"), resource.get("id")) != (query["type"], query["id"]):
        return FetchOutcome(reason=Reason(_unexpected(resource)))
    return FetchOutcome(resource, complete=True)


def _search(server: _Server, url: str, exchange: Exchange) -> FetchOutcome:
    search = _Search()
    try:
        _read_pages(server, url, search, exchange)
    except ExchangeFailed as failure:
        if search.pages == 0:
            return FetchOutcome(reason=failure.reason)
        reason = Reason(_why_not_all(search), because=failure.reason)
        return FetchOutcome(_bundle(search.entries), reason=reason)
    if _is_short(search):
        return FetchOutcome(_bundle(search.entries), reason=Reason(Why.COUNTS_MORE))
    return FetchOutcome(_bundle(search.entries), complete=True)


def _search_for_components(server: _Server, url: str, exchange: Exchange) -> FetchOutcome:
    """Results by the codes of their components; nothing, where the server does not know that parameter.

    A server that passes over it sends results without a component as well.
    """
    search = _Search()
    try:
        following = _next_page(server, url, search, exchange)
        while following is not None and _all_have_components(search.entries):
            following = _next_page(server, following, search, exchange)
    except ExchangeFailed as failure:
        if search.pages == 0 and failure.status in _NOT_SUPPORTED:
            return FetchOutcome(complete=True)
        return FetchOutcome(reason=Reason(Why.COMPONENTS, because=failure.reason))
    found = search.entries if _all_have_components(search.entries) else []
    return FetchOutcome(_bundle(found) if found else None, complete=True)


def _all_have_components(entries: list[Any]) -> bool:
    found = [entry.get("resource") for entry in entries if isinstance(entry, dict)]
    results = [one for one in found if isinstance(one, dict) and one.get("resourceType") == "Observation"]
    return all(one.get("component") for one in results)


def _read_pages(server: _Server, url: str, search: _Search, exchange: Exchange) -> None:
    following = _first_page(server, url, search, exchange)
    while following is not None:
        following = _next_page(server, following, search, exchange)


def _first_page(server: _Server, url: str, search: _Search, exchange: Exchange) -> str | None:
    """Read the first page; a search that is not understood is put again without what it can do without."""
    for name in _CAN_DO_WITHOUT:
        if f"&{name}=" in url:
            try:
                return _next_page(server, url, search, exchange)
            except ExchangeFailed as failure:
                if failure.status not in _NOT_UNDERSTOOD:
                    raise
            search.refused.append(name)
            url = re.sub(rf"&{name}=[^&]*", "", url)
    return _next_page(server, url, search, exchange)


def _why_not_all(search: _Search) -> Why:
    return Why.NOT_ALL_PAGES_NOR_NEWEST if "_sort" in search.refused else Why.NOT_ALL_PAGES


def _is_short(search: _Search) -> bool:
    """Whether the server counts more than it sent; some count what was included as well."""
    total = search.total
    return total is not None and total > _matches(search.entries) and total != len(search.entries)


def _next_page(server: _Server, url: str, search: _Search, exchange: Exchange) -> str | None:
    """Read one page into ``search``; the URL of the page after it."""
    search.seen.add(url)
    page, size = _resource(server, url, exchange, server.limits.max_bytes - search.bytes_read)
    entries = [] if page.get("entry") is None else page["entry"]
    if (
        page.get("resourceType") != "Bundle"
        or page.get("type") != "searchset"
        or not isinstance(entries, list)
    ):
        raise ExchangeFailed(Reason(_unexpected(page)))
    search.bytes_read += size
    search.pages += 1
    search.entries += entries
    total = page.get("total")
    if isinstance(total, int):
        search.total = total
    return _following(server, url, page, search)


def _following(server: _Server, url: str, page: Resource, search: _Search) -> str | None:
    links = page.get("link")
    found = [one for one in links if isinstance(one, dict)] if isinstance(links, list) else []
    links = [one.get("url") for one in found if one.get("relation") == "next"]
    if not links:
        return None
    target = links[0] if isinstance(links[0], str) else ""
    following = _joined(url, target)
    if not target or not server.same_base(server.access.base_url, following):
        raise ExchangeFailed(Reason(Why.LINK_LEADS_AWAY))
    if following in search.seen:
        raise ExchangeFailed(Reason(Why.LINKS_IN_A_CIRCLE))
    if search.pages >= server.limits.max_pages:
        raise ExchangeFailed(Reason(Why.MANY_PAGES, str(server.limits.max_pages)))
    return following


def _joined(url: str, reference: str) -> str:
    try:
        return urljoin(url, reference)
    except ValueError:
        return ""


def _bundle(entries: list[Any]) -> Resource:
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}


def _matches(entries: list[Any]) -> int:
    searches = [entry.get("search") for entry in entries if isinstance(entry, dict)]
    modes = [one.get("mode") if isinstance(one, dict) else None for one in searches]
    return sum(mode not in ("include", "outcome") for mode in modes)


def _unexpected(resource: Resource) -> Why:
    return Why.OUTCOME if resource.get("resourceType") == "OperationOutcome" else Why.SOMETHING_ELSE


def _resource(server: _Server, url: str, exchange: Exchange, max_bytes: int) -> tuple[Resource, int]:
    """The JSON object at ``url`` and its size in bytes."""
    answer = _answer_after_redirect(server, url, exchange, max_bytes)
    if answer.status != 200:
        raise ExchangeFailed(_reason(answer.status), status=answer.status)
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in FHIR_JSON:
        raise ExchangeFailed(Reason(Why.NOT_FHIR_JSON))
    server.values_left.take(_most_values(answer.body))
    with _ONE_LARGE_ANSWER if len(answer.body) > _LARGE_BYTES else nullcontext():
        # Other answers may have been parsed meanwhile.
        exchange.seconds_left()
        return _json_object(answer.body), len(answer.body)


def _reason(status: int) -> Reason:
    why = _REASONS.get(status)
    return Reason(why) if why else Reason(Why.STATUS, str(status))


def _most_values(body: bytes) -> int:
    """At least the number of values in a JSON text: each but the first follows one of these characters."""
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def _json_object(body: bytes) -> Resource:
    try:
        return read_object(body)
    except MalformedRequest as fault:
        # The path ends in the name of a member, and that was written by the server.
        why = Why.NOT_ONE_OBJECT if fault.path == "$" else Why.MEMBER_TWICE
        raise ExchangeFailed(Reason(why)) from None


def _answer_after_redirect(server: _Server, url: str, exchange: Exchange, max_bytes: int) -> Answer:
    answer = _answer(server, url, exchange, max_bytes)
    if answer.status not in _REDIRECTS:
        return answer
    target = _joined(url, answer.headers.get("location", ""))
    if target == url or not server.same_base(server.access.base_url, target):
        raise ExchangeFailed(Reason(Why.REDIRECTS_AWAY))
    return _answer(server, target, exchange, max_bytes)


def _answer(server: _Server, url: str, exchange: Exchange, max_bytes: int) -> Answer:
    """The answer to one GET, or to a POST of the same search where its URL is too long for the server."""
    answer = _tried_twice(server, url, exchange, max_bytes)
    server.conversation.was_answered = True
    if answer.status != 414:
        return answer
    address, _, form = url.partition("?")
    return _tried_twice(server, f"{address}/_search", exchange, max_bytes, form=form)


def _tried_twice(
    server: _Server, url: str, exchange: Exchange, max_bytes: int, *, form: str | None = None
) -> Answer:
    """The answer to one request, tried once more where the fault may have passed by then."""
    attempt = functools.partial(
        _exchanged,
        server,
        url,
        exchange=exchange,
        max_bytes=max_bytes,
        allowance=server.bytes_left,
        certificate_authorities=server.limits.certificate_authorities,
        form=form,
    )
    try:
        answer = attempt()
    except ExchangeFailed as failure:
        if not failure.passing:
            raise
        time.sleep(min(_PAUSE_SECONDS, exchange.seconds_left()))
        return attempt()
    pause = _pause_before_retry(answer)
    if pause is None or pause >= exchange.seconds_left():
        return answer
    time.sleep(pause)
    return attempt()


def _exchanged(server: _Server, url: str, **how: Any) -> Answer:
    """One request and its answer, as a span that names neither the address nor who is asked about."""
    method = "GET" if how["form"] is None else "POST"
    where = urlsplit(server.access.base_url)
    of_span = {"http.request.method": method, "server.address": where.hostname or ""}
    with tracing.step(f"{method} {server.resource_type}", of_span):
        try:
            answer = get(url, _headers(server), **how)
        except ExchangeFailed as failure:
            tracing.note({"net_cds.reason": failure.reason.why.value})
            raise
        tracing.note({"http.response.status_code": answer.status}, failed=answer.status >= 400)
        return answer


def _headers(server: _Server) -> Mapping[str, str]:
    """What goes with every request to this server."""
    base = server.access.base_url
    token = {} if server.access.token is None else {"Authorization": f"Bearer {server.access.token}"}
    is_traced = any(server.same_base(one, base) for one in server.limits.traced_servers)
    trace = tracing.outgoing_headers() if is_traced else {}
    return {"Accept": "application/fhir+json", **token, **trace}


def _pause_before_retry(answer: Answer) -> float | None:
    """Seconds to wait before the request is worth repeating, None when it is not."""
    asked = _retry_after(answer.headers.get("retry-after", "").strip())
    if answer.status in _PASSING_STATUSES:
        return _PAUSE_SECONDS if asked is None else asked
    return asked if answer.status == 429 else None


def _retry_after(text: str) -> float | None:
    """Seconds of a Retry-After header, which gives seconds or a date (RFC 9110 section 10.2.3)."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
