"""``python -m service content``: what a committee needs to answer for the content of the cards.

``status`` shows which cards are approved and which approvals have lapsed, ``diff`` says in words what
changed between two states of the content, ``approve`` signs a card, ``dossier`` writes what there is to read.
``cards/README.md`` describes the procedure.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import yaml
from rich.text import Text

from service.approvals import Review, State, review_faults, same_person
from service.cards import Knowledge
from service.cases import asked
from service.commands import exits
from service.commands.dossier import write_dossier
from service.commands.terminal import rows, terminal
from service.config import Settings
from service.content_diff import differences
from service.errors import InputFileError
from service.front_matter import read_markdown
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
    states = knowledge.states(_today())
    if arguments.json:
        sys.stdout.write(_status_as_json(knowledge, states))
    else:
        _print_status(knowledge, states)
    return exits.FINDINGS if any(state.has_lapsed for state in states.values()) else exits.DONE


def _status_as_json(knowledge: Knowledge, states: Mapping[str, State]) -> str:
    document = {
        "version": knowledge.version,
        "cards": [
            {
                "card": name,
                "state": state.standing.value,
                "review": knowledge.review_in_words(state),
                "isDue": state.is_due,
                "nextReview": state.review.next_review,
                "approvedDigest": state.review.digest,
                "digest": knowledge.card_digest(name),
            }
            for name, state in states.items()
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _print_status(knowledge: Knowledge, states: Mapping[str, State]) -> None:
    console = terminal()
    console.print(rows(_status_row(knowledge, name, state) for name, state in states.items()))
    approved = sum(state.is_approved for state in states.values())
    lapsed = sum(state.has_lapsed for state in states.values())
    console.print(
        Text(
            f"\nContent {knowledge.version}: {approved} of {len(states)} cards are approved, "
            f"{lapsed} approvals have lapsed.",
            style="bold",
        )
    )


def _status_row(knowledge: Knowledge, name: str, state: State) -> tuple[str, ...]:
    due = f"; review due by {state.review.next_review}" if state.is_due else ""
    return name, f"{knowledge.review_in_words(state)}{due}", knowledge.card_digest(name)[:12]


def _diff(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what changed; exit code 1 where an approval ends with it. Raises InputFileError."""
    found = differences(arguments.before, arguments.after, cards_dir=settings.cards_dir, today=_today())
    gap = [""] if found.changes else []
    for line in (*found.changes, *gap, *found.about):
        sys.stdout.write(f"{line}\n")
    return exits.FINDINGS if found.ended else exits.DONE


def _approve(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the review of a card. Raises InputFileError with everything that stands against it."""
    knowledge = _content(settings)
    if arguments.card not in knowledge.cards:
        raise InputFileError(f"{arguments.card}: there is no such card; content status lists them.")
    block = _review(arguments, knowledge, _today())
    problems = [*_refusals(arguments, block, _today(), knowledge), *_failing(arguments.card, knowledge)]
    if problems:
        raise InputFileError("\n".join([f"{arguments.card} is not approved:", *problems]))
    path = settings.cards_dir / f"{arguments.card}.md"
    written = yaml.safe_dump({"review": block}, sort_keys=False, allow_unicode=True)
    path.write_text(read_markdown(path).replaced("review", written), encoding="utf-8")
    sys.stdout.write(
        f"{arguments.card}: approved as it is now, until its review on {block['next_review']}; "
        f"digest {block['digest']}.\n"
    )
    return exits.DONE


def _review(arguments: argparse.Namespace, knowledge: Knowledge, today: date) -> dict[str, Any]:
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
        "digest": knowledge.card_digest(arguments.card),
        "last_updated": knowledge.cards[arguments.card].review.last_updated,
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
