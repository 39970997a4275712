"""``python -m service content``: what a committee needs to answer for the content of the cards.

``status`` shows which cards are approved and which approvals have lapsed, ``diff`` says in words what
changed between two states of the content, ``approve`` signs a card, ``dossier`` writes what there is to read.
``cards/README.md`` describes the procedure.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import yaml
from rich.text import Text

from service.approvals import Review, Signed, State, review_faults, same_person
from service.cards import Knowledge
from service.cases import asked
from service.commands import exits
from service.commands.dossier import write_dossier
from service.commands.terminal import rows, terminal
from service.config import Settings
from service.content_diff import differences
from service.errors import InputFileError
from service.front_matter import read_markdown
from service.translations import load_translations
from service.web.wiring import knowledge_of

_Subparsers = argparse._SubParsersAction  # the type that add_subparsers returns has no public name


def add_commands(subparsers: _Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``content``."""
    parser = subparsers.add_parser("content", help="review, compare and approve the content of the cards")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add_status(actions)
    _add_diff(actions)
    _add_approve(actions)
    _add_dossier(actions)


def _add_status(actions: _Subparsers[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("status", help="which cards are approved, until when, and what has lapsed")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=_status)


def _add_diff(actions: _Subparsers[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("diff", help="what changed between two states of the content, in words")
    for name in ("before", "after"):
        parser.add_argument(name, help="a checkout, a folder of cards, a git revision or a kept content.json")
    parser.set_defaults(run=_diff)


def _add_approve(actions: _Subparsers[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("approve", help="sign a card as it is now")
    parser.add_argument("card", metavar="CARD", help="the id of its rule")
    parser.add_argument("--by", required=True, metavar="NAME", help="who answers for what it says")
    parser.add_argument("--checked-by", required=True, metavar="NAME", help="who checked it: somebody else")
    parser.add_argument("--language", metavar="TAG", help="sign its translation into this language, as in de")
    parser.add_argument("--next-review", metavar="DATE", type=_day, help="default: as late as is allowed")
    parser.add_argument("--effective-from", metavar="DATE", type=_day, help="default: at once")
    parser.add_argument("--effective-until", metavar="DATE", type=_day, help="default: until the next review")
    parser.set_defaults(run=_approve)


def _add_dossier(actions: _Subparsers[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser("dossier", help="write a printable page on each card")
    parser.add_argument("cards", metavar="CARD", nargs="*", help="ids of rules; default: all")
    parser.add_argument("--to", metavar="FOLDER", required=True, type=Path, help="is made if it is not there")
    parser.set_defaults(run=_dossier)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a date like 2027-05-31: {text!r}") from None


def _content(settings: Settings) -> Knowledge:
    """All cards, also where the server shows only approved ones."""
    return replace(knowledge_of(settings), only_approved=False)


def _today() -> date:
    return datetime.now(UTC).date()


def _status(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the review of every card; exit code 1 where an approval has lapsed. Raises ContentError."""
    knowledge = _content(settings)
    cards, translations = _signatures(settings, knowledge)
    if arguments.json:
        sys.stdout.write(_status_as_json(knowledge, cards, translations))
    else:
        _print_status(knowledge, cards, translations)
    has_lapsed = any(one.state.has_lapsed for one in (*cards, *translations))
    return exits.FINDINGS if has_lapsed else exits.DONE


@dataclass(frozen=True, slots=True)
class _Signature:
    """Where the review of a card, or of a translated file such as ``de/tnm.md``, stands today."""

    name: str
    state: State
    digest: str
    in_words: str


def _signatures(settings: Settings, knowledge: Knowledge) -> tuple[list[_Signature], list[_Signature]]:
    """Those of the cards, and those of the files that translate them; in English words."""
    today = _today()
    cards = [
        _Signature(name, state, knowledge.card_digest(name), knowledge.review_in_words(state))
        for name, state in knowledge.states(today).items()
    ]
    translations = [
        _Signature(f"{language}/{name}", state, translated[name].digest, knowledge.review_in_words(state))
        for language, found in load_translations(settings.cards_dir, knowledge).items()
        for translated in [found.knowledge.translated]
        for name, state in found.knowledge.translation_states(today).items()
    ]
    return cards, translations


def _status_as_json(
    knowledge: Knowledge, cards: Sequence[_Signature], translations: Sequence[_Signature]
) -> str:
    document = {
        "version": knowledge.version,
        "cards": [{"card": one.name, **_as_json(one)} for one in cards],
        "translations": [{"file": one.name, **_as_json(one)} for one in translations],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _as_json(one: _Signature) -> dict[str, object]:
    return {
        "state": one.state.standing.value,
        "review": one.in_words,
        "isDue": one.state.is_due,
        "nextReview": one.state.review.next_review,
        "approvedDigest": one.state.review.digest,
        "digest": one.digest,
    }


def _print_status(
    knowledge: Knowledge, cards: Sequence[_Signature], translations: Sequence[_Signature]
) -> None:
    console = terminal()
    console.print(rows(_status_row(one) for one in (*cards, *translations)))
    approved = sum(one.state.is_approved for one in cards)
    translated = sum(one.state.is_approved for one in translations)
    lapsed = sum(one.state.has_lapsed for one in (*cards, *translations))
    console.print(
        Text(
            f"\nContent {knowledge.version}: {approved} of {len(cards)} cards and {translated} of "
            f"{len(translations)} translated files are approved, {lapsed} approvals have lapsed.",
            style="bold",
        )
    )


def _status_row(one: _Signature) -> tuple[str, ...]:
    due = f"; review due by {one.state.review.next_review}" if one.state.is_due else ""
    return one.name, f"{one.in_words}{due}", one.digest[:12]


def _diff(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what changed; exit code 1 where an approval ends with it. Raises InputFileError."""
    found = differences(arguments.before, arguments.after, cards_dir=settings.cards_dir, today=_today())
    gap = [""] if found.changes else []
    for line in (*found.changes, *gap, *found.about):
        sys.stdout.write(f"{line}\n")
    return exits.FINDINGS if found.ended else exits.DONE


def _approve(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the review of a card or of its translation. Raises InputFileError with all that is against it."""
    knowledge = _content(settings)
    signed, path = _to_sign(arguments, settings, knowledge)
    block = _review(arguments, signed, knowledge, _today())
    # A translation decides nothing: the cases are those of the English card.
    failing = () if arguments.language else _failing(arguments.card, knowledge)
    problems = [*_refusals(arguments, block, _today(), knowledge), *failing]
    if problems:
        raise InputFileError("\n".join([f"{arguments.card} is not approved:", *problems]))
    written = yaml.safe_dump({"review": block}, sort_keys=False, allow_unicode=True)
    path.write_text(read_markdown(path).replaced("review", written), encoding="utf-8")
    sys.stdout.write(
        f"{arguments.card}: approved as it is now, until its review on {block['next_review']}; "
        f"digest {block['digest']}.\n"
    )
    return exits.DONE


def _to_sign(arguments: argparse.Namespace, settings: Settings, knowledge: Knowledge) -> tuple[Signed, Path]:
    """The review as it stands, and its file. Raises InputFileError where there is none."""
    card, language, folder = arguments.card, arguments.language, settings.cards_dir
    if language is None and card in knowledge.cards:
        return Signed(knowledge.cards[card].review, knowledge.card_digest(card)), folder / f"{card}.md"
    found = load_translations(folder, knowledge).get(language) if language else None
    signed = found.knowledge.translated.get(f"{card}.md") if found else None
    if signed is None:
        in_language = f" in {language}" if language else ""
        raise InputFileError(f"{card}: there is no such card{in_language}; content status lists them.")
    return signed, folder / "translations" / language / f"{card}.md"


def _review(
    arguments: argparse.Namespace, signed: Signed, knowledge: Knowledge, today: date
) -> dict[str, Any]:
    """The entries of the review, as they will stand in the file."""
    longest = today + timedelta(days=knowledge.defaults.review_max_days)
    entries = {
        "status": "approved",
        "authored_by": arguments.by.strip(),
        "checked_by": arguments.checked_by.strip(),
        "date_reviewed": today,
        "next_review": arguments.next_review or longest,
        "effective_from": arguments.effective_from,
        "effective_until": arguments.effective_until,
        "digest": signed.digest,
        "last_updated": signed.review.last_updated,
    }
    return {name: value for name, value in entries.items() if value is not None}


def _refusals(
    arguments: argparse.Namespace, block: Mapping[str, Any], today: date, knowledge: Knowledge
) -> Iterator[str]:
    if not block["authored_by"] or not block["checked_by"]:
        yield "--by and --checked-by: have to be names"
    if same_person(arguments.by, arguments.checked_by):
        yield "--checked-by: has to be somebody else than --by"
    if arguments.effective_until and arguments.effective_until < today:
        yield "--effective-until: is past"
    review = Review(**block)
    for name, fault in review_faults(review, most_days=knowledge.defaults.review_max_days):
        if name not in ("authored_by", "checked_by"):
            yield f"--{name.replace('_', '-')}: {fault}"


def _failing(card_id: str, knowledge: Knowledge) -> Iterator[str]:
    for one in asked(knowledge.cards[card_id], knowledge):
        if not one.passes:
            yield f"case {one.case.name!r}: has to be {one.case.expected!r} and is {one.found!r}"


def _dossier(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the pages, and the state that they show.

    Raises InputFileError where a card is unknown or the folder cannot be written.
    """
    knowledge = _content(settings)
    if unknown := [name for name in arguments.cards if name not in knowledge.cards]:
        raise InputFileError(f"{', '.join(unknown)}: there is no such card; content status lists them.")
    names = arguments.cards or list(knowledge.cards)
    pages = write_dossier(names, knowledge, settings, folder=arguments.to, today=_today())
    sys.stdout.write(f"{len(pages)} pages in {arguments.to}.\n")
    return exits.DONE
