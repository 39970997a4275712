"""``python -m service cards``: the tables of rules, statements and settings, and whether they hold.

From each statement of the source to the rule, the card, its cases and its tests, so that a reviewer can
ask of any statement where it went, and of any card where it came from.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from service import VERSION
from service.cards import SHARED_CARDS, CardText, load_knowledge
from service.commands import exits
from service.commands.validity import invalid_paths
from service.config import Settings, example_of_variables, settings_table
from service.content_files import read_rows, read_text
from service.errors import ContentError
from service.hooks.card import Indicator
from service.hooks.hooks import SERVICES
from service.rendering import completed
from service.rules import RULES
from service.translations import load_translations

_Subparsers = argparse._SubParsersAction  # the type that add_subparsers returns has no public name
_CHECKOUT = Path(__file__).resolve().parent.parent.parent
_MARK = "<!-- Everything below is generated"
_CASES_TEST = "tests/cards/test_cases.py"
_SUPPLEMENTS = (
    "Rules that no statement asks for: extensions, and supplements without which a statement could do harm."
)
_HOOKS = tuple(service.hook for service in SERVICES)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the source, and the rules of the algorithm that it became."""

    id: str
    summary: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constraint:
    """A rule of the algorithm without a card: what obeys it, and in which file."""

    id: str
    obeyed_by: str
    where: str


@dataclass(frozen=True, slots=True)
class Content:
    """All that the tables are made from."""

    statements: tuple[Statement, ...]
    constraints: Mapping[str, Constraint]
    cards: Mapping[str, CardText]

    def of_rule(self, rule: str) -> list[CardText]:
        """The cards that carry out a rule of the algorithm."""
        return [card for card in self.cards.values() if rule in card.algorithm_rules]


def add_commands(subparsers: _Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``cards``."""
    parser = subparsers.add_parser("cards", help="write the tables of cards/README.md from the cards")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; fail when a statement, rule or card lacks its counterpart, or tables are stale",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the tables, or say what does not hold. Raises ContentError where there is nothing to write."""
    try:
        content = read_content(settings)
    except ContentError as error:
        if not arguments.check:
            raise
        sys.stdout.write(f"{error}\n")
        return exits.FINDINGS
    problems = list(problems_of(content))
    problems += _stale(content, settings) if arguments.check else _written(content, settings)
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    if problems and arguments.check:
        return exits.FINDINGS
    sys.stdout.write(
        f"{len(content.statements)} statements, {len(RULES)} rules, {_all_cases(content)} cases.\n"
    )
    return exits.DONE


def _stale(content: Content, settings: Settings) -> Iterator[str]:
    for path, text in _documents(content, settings):
        if read_text(path) != text:
            name = path.relative_to(settings.cards_dir.parent).as_posix()
            yield f"{name}: the tables are stale; run: python -m service cards"


def _written(content: Content, settings: Settings) -> Iterator[str]:
    """Write the documents; there is nothing to object to in that."""
    for path, text in _documents(content, settings):
        path.write_text(text, encoding="utf-8")
    yield from ()


def _documents(content: Content, settings: Settings) -> Iterator[tuple[Path, str]]:
    """Each document with tables, as it has to read: that of the cards, and those beside their folder."""
    readme = settings.cards_dir / "README.md"
    yield readme, _hand_written(readme) + "\n".join(_tables(content)) + "\n"
    for path, name, rows in (
        (settings.cards_dir.parent / "README.md", "rules", _short_rule_table(content)),
        (settings.cards_dir.parent / "deploy" / "README.md", "settings", settings_table()),
    ):
        if path.is_file():
            yield path, _with_table(read_text(path), name, rows)
    example = settings.cards_dir.parent / "deploy" / ".env.example"
    if example.is_file():
        yield example, "\n".join(example_of_variables()) + "\n"


def _with_table(text: str, name: str, rows: Iterable[str]) -> str:
    """The text with these rows between the two comments of that name; as it is where it has none."""
    table = "\n".join(rows)
    return re.sub(
        rf"(<!-- {name}: .*? -->\n).*(<!-- end of {name} -->)",
        lambda marks: f"{marks[1]}{table}\n{marks[2]}",
        text,
        flags=re.DOTALL,
    )


def read_content(settings: Settings) -> Content:
    """Cards and tables; raises ContentError with every problem, of a translation too."""
    knowledge = load_knowledge(
        settings.cards_dir,
        holes={rule.id: rule.holes for rule in RULES},
        version=VERSION,
        overrides=settings.defaults_file,
    )
    load_translations(settings.cards_dir, knowledge)
    statements = [
        Statement(row["id"], row["summary"], tuple(row["rules"].split()))
        for row in _table(settings.cards_dir / "statements.csv", ("id", "summary", "rules"))
    ]
    constraints = [
        Constraint(row["id"], row["obeyed_by"], row["where"])
        for row in _table(settings.cards_dir / "constraints.csv", ("id", "obeyed_by", "where"))
    ]
    return Content(tuple(statements), {one.id: one for one in constraints}, knowledge.cards)


def _table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file with exactly these columns, none of them empty."""
    rows = read_rows(path, columns)
    empty = [
        f"{path.name}, line {number}: {name} is empty"
        for number, row in enumerate(rows, start=2)
        for name in columns
        if not row[name]
    ]
    if empty:
        raise ContentError(empty)
    return rows


def _hand_written(readme: Path) -> str:
    """The part of the document above the mark, with the line of the mark."""
    text = read_text(readme)
    before, mark, after = text.partition(_MARK)
    if not mark:
        raise ContentError([f"{readme.name}: the line that begins with {_MARK!r} is missing"])
    return f"{before}{mark}{after.partition(chr(10))[0]}\n"


def problems_of(content: Content) -> Iterator[str]:
    """Every statement, rule and card that lacks its counterpart."""
    yield from _repeated_statements(content)
    for statement in content.statements:
        yield from _lost(statement, content)
    known = {statement.id for statement in content.statements}
    for name, card in content.cards.items():
        yield from (
            f"{name}.md: {one} is not in statements.csv" for one in card.statements if one not in known
        )
        if not card.sources:
            yield f"{name}.md: has no source"
        yield from _invalid_suggestions(card)
        if name not in SHARED_CARDS and not card.algorithm_rules:
            yield f"{name}.md: names no rule of the algorithm"
    yield from (f"{rule.id}: the rule has no card" for rule in RULES if rule.id not in content.cards)
    yield from (
        f"constraints.csv: {one.id} names {one.where}, which does not exist"
        for one in content.constraints.values()
        if not (_CHECKOUT / one.where).exists()
    )


def _invalid_suggestions(card: CardText) -> Iterator[str]:
    """Suggested resources that are not valid FHIR R4 once the patient is known."""
    for suggestion in card.suggestions:
        whole = completed(suggestion.resource, {"reference": "Patient/1"})
        for path in invalid_paths(whole):
            yield f"{card.id}.md, suggestion {suggestion.id}: {path} is not valid FHIR R4"


def _repeated_statements(content: Content) -> Iterator[str]:
    ids = [statement.id for statement in content.statements]
    yield from (
        f"statements.csv: {one} is there twice" for one in sorted({i for i in ids if ids.count(i) > 1})
    )


def _lost(statement: Statement, content: Content) -> Iterator[str]:
    """Rules of a statement that no card carries out, and cards that do not say that they do."""
    for rule in statement.rules:
        cards = content.of_rule(rule)
        if not cards and rule not in content.constraints:
            yield f"{statement.id}: {rule} has neither a card nor a constraint"
        yield from (
            f"{card.id}.md: carries out {rule}, but does not name its statement {statement.id}"
            for card in cards
            if statement.id not in card.statements
        )


def _tables(content: Content) -> Iterator[str]:
    yield from ("", "## From the source to the tests", "")
    yield "Each statement of the source in own words, its rules, the cards that say it, and what tests them."
    yield f"Every case of a card is a test in `{_CASES_TEST}`."
    yield from ("", "| statement | in own words | rule | card | cases | tests |", "|---|---|---|---|---|---|")
    for statement in content.statements:
        yield from _statement_rows(statement, content)
    yield from _supplements(content)
    yield from (
        "",
        "## Constraints",
        "",
        "Rules of the algorithm that every card obeys and that have no card of their own.",
        "",
    )
    yield from ("| rule | obeyed by | in |", "|---|---|---|")
    yield from (f"| {one.id} | {one.obeyed_by} | `{one.where}` |" for one in content.constraints.values())
    yield from _rule_table(content)


def _statement_rows(statement: Statement, content: Content) -> Iterator[str]:
    for number, rule in enumerate(statement.rules):
        named = f"| {statement.id} | {statement.summary} |" if number == 0 else "| | |"
        cells = [_card_cells(card) for card in content.of_rule(rule)] or [_without_card(rule, content)]
        for cell in cells:
            yield f"{named} {rule} | {cell}"
            named = "| | |"


def _card_cells(card: CardText) -> str:
    return f"[{card.id}]({card.id}.md) | {len(cases(card))} | {_tests(card.id)} |"


def _without_card(rule: str, content: Content) -> str:
    return (
        "every card, see [constraints](#constraints) | | |" if rule in content.constraints else "none | | |"
    )


def _tests(rule_id: str) -> str:
    """The files that test a rule; every card's cases are tests as well."""
    module = f"tests/rules/test_{rule_id.replace('-', '_')}.py"
    return f"cases, `{module}`" if (_CHECKOUT / module).exists() else "cases"


def _supplements(content: Content) -> Iterator[str]:
    """Rules that the source does not state, without which its rules would do harm."""
    from_source = {rule for statement in content.statements for rule in statement.rules}
    found = sorted(
        (
            (rule, card)
            for card in content.cards.values()
            for rule in card.algorithm_rules
            if rule not in from_source
        ),
        key=lambda pair: (_order(pair[0]), pair[1].id),
    )
    yield from (
        "",
        _SUPPLEMENTS,
        "",
    )
    yield from ("| rule | card | cases | tests |", "|---|---|---|---|")
    yield from (f"| {rule} | {_card_cells(card)}" for rule, card in found)


def _order(rule: str) -> tuple[str, int]:
    letter, _, number = rule.partition("-")
    return letter, int(number) if number.isdigit() else 0


def _rule_table(content: Content) -> Iterator[str]:
    yield from (
        "",
        "## All rules",
        "",
        "| rule | about | loudness | hooks | review |",
        "|---|---|---|---|---|",
    )
    hooks = {rule.id: rule.hooks for rule in RULES}
    for name, card in content.cards.items():
        on = (
            ", ".join(hook for hook in _HOOKS if hook in hooks[name])
            if name in hooks
            else "gathers other cards"
        )
        yield f"| [{name}]({name}.md) | {card.title} | {_loudness(card)} | {on} | {card.review.status} |"


def _short_rule_table(content: Content) -> Iterator[str]:
    """What the README of the project says of each rule, the most urgent first."""
    yield from ("| rule | card | hooks |", "|---|---|---|")
    for rule in RULES:
        yield f"| `{rule.id}` | {content.cards[rule.id].title} | {', '.join(sorted(rule.hooks))} |"


def _loudness(card: CardText) -> str:
    used: Iterable[Indicator] = {wording.indicator for wording in card.wordings.values()}
    return ", ".join(indicator.name.lower() for indicator in sorted(used))


def cases(card: CardText) -> list[str]:
    """The rows of the table of cases."""
    lines = [line for line in card.sections.get("Cases", "").splitlines() if line.startswith("|")]
    return lines[2:]


def _all_cases(content: Content) -> int:
    return sum(len(cases(card)) for card in content.cards.values())
