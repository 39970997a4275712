"""The pages that explain the service, served by itself: no script, style or picture comes from elsewhere.

``service/adr`` has the reasons. What they post is JSON; nothing of it is kept but what the store keeps of any
answer, and only where feedback on it may come (https://cds-hooks.hl7.org/2.0/#feedback).
"""

from __future__ import annotations

import functools
import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from jinja2 import Environment, FileSystemLoader
from werkzeug.exceptions import NotFound

from service.content_diff import ContentState, compared, kept, read_kept, state_in_force
from service.dossier import TEMPLATES, page_on
from service.errors import InputFileError, MalformedRequest
from service.hooks.hooks import SERVICE_OF, SERVICES
from service.json_body import read_object
from service.security.clients import ANONYMOUS
from service.site import Site
from service.store.report import FeedbackReport
from service.web.answers import answer, trace
from service.web.pages import playground
from service.web.pages.access import check_reader, check_same_origin
from service.web.pages.content import MOST_ENTRIES, entries_with, statements_of
from service.web.pages.insight import WEEKS, weeks_until
from service.web.pages.patients import request_for, synthetic_patients
from service.web.parts import Answered, RecordIssued

_HERE = Path(__file__).parent
_STATIC = {one.name: one for one in (_HERE / "static").iterdir()}
_TEMPLATES = Environment(
    loader=FileSystemLoader([_HERE / "templates", TEMPLATES]),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_POLICY = (
    "Content-Security-Policy",
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
)
_HTML = "text/html; charset=utf-8"

View = Callable[..., Response]


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages show.

    ``password`` is None where only this machine is answered. ``record_issued`` is there where feedback of the
    page is taken. ``report`` is that of the store; it raises StoreUnavailable.
    ``read_body`` gives the bytes of a body that was checked.
    """

    site: Site
    cards_dir: Path
    public_url: str
    password: str | None
    record_issued: RecordIssued | None
    report: Callable[..., FeedbackReport]


def add_pages(app: Flask, pages: Pages, read_body: Callable[[], bytes]) -> None:
    """Add the addresses of the pages to the application."""
    for address, view in (
        ("/", _first),
        ("/content", _content),
        ("/content/lists", _lists),
        ("/content/changes", _changes),
        ("/content/content.json", _kept),
        ("/content/<card_id>", _card),
        ("/insight", _insight),
        ("/playground/codes", _codes),
        ("/playground/patients/<name>/<hook>", _patient),
    ):
        _add(app, address, "GET", functools.partial(_seen, pages, view))
    _add(app, "/static/<name>", "GET", _static)
    for address, reply in (
        ("/playground/answer", _answer),
        ("/playground/request", _request),
        ("/content/changes", _compared),
    ):
        _add(app, address, "POST", functools.partial(_posted, pages, reply, read_body))


def _add(app: Flask, address: str, method: str, view: View) -> None:
    app.add_url_rule(address, f"{method} {address}", view, methods=[method], provide_automatic_options=False)


def _seen(pages: Pages, view: View, **values: str) -> Response:
    trace().note(endpoint="pages")
    check_reader(pages.password)
    return view(pages, **values)


def _posted(pages: Pages, view: View, read_body: Callable[[], bytes]) -> Response:
    trace().note(endpoint="pages")
    check_reader(pages.password)
    check_same_origin(pages.public_url)
    return view(pages, read_object(read_body()))


def _html(template: str, **values: Any) -> Response:
    page = _TEMPLATES.get_template(template).render(**values)
    return answer(page.encode(), content_type=_HTML, headers=[_POLICY])


def _static(name: str) -> Response:
    """A style, module or picture; they say nothing of anybody, and so are there for all who ask."""
    trace().note(endpoint="pages")
    if name not in _STATIC:
        raise NotFound
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return answer(_STATIC[name].read_bytes(), content_type=kind)


def _today() -> date:
    return datetime.now(UTC).date()


def _first(pages: Pages) -> Response:
    groups: dict[str, list[Any]] = {}
    for one in synthetic_patients().values():
        groups.setdefault(one.group, []).append(one)
    return _html(
        "playground.html",
        groups=groups,
        services=SERVICES,
        knowledge=pages.site.loaded,
        has_approved=any(state.is_approved for state in pages.site.loaded.states(_today()).values()),
        takes_feedback=pages.record_issued is not None,
    )


def _patient(_pages: Pages, name: str, hook: str) -> Response:
    found = synthetic_patients().get(name)
    if found is None or hook not in SERVICE_OF:
        raise NotFound
    return answer(dict(request_for(found, hook, today=_today())))


def _codes(pages: Pages) -> Response:
    """The listed codes that are called like the words of ``q``."""
    words = request.args.get("q", "")
    return answer({"codes": playground.codes_with(words, pages.site.loaded.terminology)})


def _request(_pages: Pages, document: Mapping[str, Any]) -> Response:
    return answer(playground.request_of_bundle(document))


def _answer(pages: Pages, document: Mapping[str, Any]) -> Response:
    hook_request, days = playground.asked(document)
    told = playground.answered(hook_request, pages.site, datetime.now(UTC) + timedelta(days=days))
    if pages.record_issued:
        answered = Answered(told.result.cards, shadowed=told.result.shadowed, phase=told.result.phase)
        cards = told.document["response"]["cards"]
        pages.record_issued(cards, answered=answered, request=hook_request, client=ANONYMOUS)
    return answer(dict(told.document))


def _content(pages: Pages) -> Response:
    knowledge, today = pages.site.loaded, _today()
    states = {name: knowledge.review_in_words(one) for name, one in knowledge.states(today).items()}
    return _html(
        "content.html",
        knowledge=knowledge,
        states=states,
        statements=statements_of(knowledge, pages.cards_dir),
    )


def _lists(pages: Pages) -> Response:
    """The entries of code and word lists that hold the words of ``q``."""
    wanted = request.args.get("q", "").strip()
    found = entries_with(wanted, pages.cards_dir)
    return _html("lists.html", wanted=wanted, found=found, most=MOST_ENTRIES, knowledge=pages.site.loaded)


def _changes(pages: Pages) -> Response:
    return _html("changes.html", knowledge=pages.site.loaded)


def _kept(pages: Pages) -> Response:
    """The state of the content as a file to keep."""
    return answer(kept(_in_force(pages)), content_type="application/json")


def _compared(pages: Pages, document: Mapping[str, Any]) -> Response:
    """What changed since a state was kept. Raises MalformedRequest for something else."""
    try:
        found = compared(read_kept(document), _in_force(pages))
    except InputFileError as problem:
        raise MalformedRequest(str(problem)) from None
    return answer({"changes": found.changes, "about": found.about})


def _in_force(pages: Pages) -> ContentState:
    return state_in_force(pages.site.loaded, pages.cards_dir, _today())


def _card(pages: Pages, card_id: str) -> Response:
    card = pages.site.loaded.cards.get(card_id)
    if card is None:
        raise NotFound
    page = page_on(card, pages.site.loaded, pages.cards_dir, _today())
    return _html("card.html", page=page, card=card, knowledge=pages.site.loaded)


def _insight(pages: Pages) -> Response:
    """The weeks up to now, the newest first, and the rules over all of them."""
    now = datetime.now(UTC)
    periods = weeks_until(now)
    return _html(
        "insight.html",
        whole=pages.report(since=periods[-1][0], until=now),
        versions=pages.report(since=periods[-1][0], until=now, by=("version",)),
        shadow=pages.report(since=periods[-1][0], until=now, is_shadow=True),
        weeks=[pages.report(since=since, until=until) for since, until in periods],
        titles={card.id: card.title for card in pages.site.loaded.cards.values()},
        most_weeks=WEEKS,
        knowledge=pages.site.loaded,
    )
