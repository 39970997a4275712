"""Cards on a terminal: readable in any width, plain where the output goes into a file or a pipe.

https://cds-hooks.hl7.org/2.0/#card-attributes. Cards are printed as they go over the wire, so that those of
other services can be shown as well; nothing in them can move the cursor or colour the screen.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, cast

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from service.documents import elements, mapping, string
from service.fhir.record import Section
from service.hooks.response import EXPLANATION
from service.hooks.text import one_line

_COLOURS: Mapping[str, str] = {"info": "cyan", "warning": "yellow", "critical": "bold red"}
_FILLING = re.compile(r" +(?=\n|\Z)")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def terminal(*, errors: bool = False) -> Console:
    """Standard output or standard error; colours only where a person looks at them."""
    stream = sys.stderr if errors else sys.stdout
    file = stream if stream.isatty() else cast("IO[str]", _Plain(stream, stream.encoding))
    return Console(file=file, highlight=False, markup=False, emoji=False)


@dataclass(frozen=True, slots=True)
class _Plain:
    """A file or pipe that gets its lines without the blanks that fill them up on a terminal."""

    stream: IO[str]
    encoding: str

    def write(self, text: str) -> int:
        return self.stream.write(_FILLING.sub("", text))

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return False


def print_cards(console: Console, cards: Sequence[Mapping[str, Any]]) -> None:
    """Print the cards of a response, each with its evidence, suggestions and sources."""
    if not cards:
        console.print(Text("No cards."))
    for card in cards:
        console.print(_heading(card))
        console.print(Padding(Group(*_body(card)), (0, 0, 1, 2)))


def rows(lines: Iterable[Sequence[str]], *, styles: Sequence[str] = ()) -> Table:
    """Lines of cells, in columns without a frame."""
    table = Table.grid(padding=(0, 2))
    cells = [[one_line(cell) for cell in line] for line in lines]
    for number in range(max((len(line) for line in cells), default=0)):
        table.add_column(style=styles[number] if number < len(styles) else "", overflow="fold")
    for line in cells:
        table.add_row(*(Text(cell) for cell in line))
    return table


_ENDS = ("used", "about something else", "another patient's", "unreadable")


def print_sections(console: Console, sections: Iterable[tuple[Section, str]]) -> None:
    """Print each section of a record with its state, how its entries ended, and why it is not known."""
    console.print(heading("Sections of the record"))
    titles = ("", "", *_ENDS, "")
    lines = [(one.name, one.state.value, *map(str, one.count), because) for one, because in sections]
    console.print(rows([titles, *lines]))


def heading(words: str) -> Text:
    """The title of a part of the output."""
    return Text(f"\n{one_line(words)}", style="bold")


def _heading(card: Mapping[str, Any]) -> Text:
    indicator = one_line(string(card.get("indicator"))) or "no indicator"
    text = Text(f"[{indicator.upper()}] ", style=_COLOURS.get(indicator, ""))
    return text.append(one_line(string(card.get("summary"))), style="bold")


def _body(card: Mapping[str, Any]) -> Iterable[RenderableType]:
    explanation = mapping(mapping(card.get("extension")).get(EXPLANATION))
    if detail := string(card.get("detail")):
        yield Markdown(_CONTROL.sub(" ", detail), hyperlinks=False)
    yield from _list("Evidence", [_evidence(one) for one in elements(explanation.get("evidence"))])
    yield from _list("Not assessed", [_not_assessed(one) for one in elements(explanation.get("notAssessed"))])
    yield from _list("Suggestions", [_suggestion(one) for one in elements(card.get("suggestions"))])
    yield from _list(
        "Reasons to decline", [_reason(one) for one in elements(card.get("overrideReasons"))], inline=True
    )
    yield from _list("Links", [_link(one) for one in elements(card.get("links"))])
    yield from _list("Notes", [note for note in explanation.get("notes", []) if isinstance(note, str)])
    yield Text(one_line(_origin(card, explanation)), style="dim")


def _list(title: str, items: Sequence[str], *, inline: bool = False) -> Iterable[RenderableType]:
    if not items:
        return
    if inline:
        yield Text(f"{title}: {one_line('; '.join(items))}")
        return
    yield Text(f"{title}:")
    yield rows([("-", item) for item in items])


def _evidence(evidence: Mapping[str, Any]) -> str:
    return f"{string(evidence.get('says'))} ({string(evidence.get('reference')) or 'no reference'})"


def _not_assessed(one: Mapping[str, Any]) -> str:
    names = (string(one.get(name)) for name in ("recommendation", "section"))
    return f"{', '.join(name for name in names if name)}, because {string(one.get('reason'))}"


def _suggestion(suggestion: Mapping[str, Any]) -> str:
    actions = [
        f"{string(action.get('type'))} {string(mapping(action.get('resource')).get('resourceType'))}".strip()
        for action in elements(suggestion.get("actions"))
    ]
    done = f" ({', '.join(actions)})" if actions else ""
    return f"{string(suggestion.get('label'))}{done}"


def _reason(reason: Mapping[str, Any]) -> str:
    return string(reason.get("display")) or string(reason.get("code"))


def _link(link: Mapping[str, Any]) -> str:
    return f"{string(link.get('label'))}: {string(link.get('url'))}"


def _origin(card: Mapping[str, Any], explanation: Mapping[str, Any]) -> str:
    """Who says so: source, rules, statements of the source document, state of the review."""
    source, knowledge = mapping(card.get("source")), mapping(explanation.get("knowledge"))
    parts = [f"Source: {string(source.get('label'))} {string(source.get('url'))}".strip()]
    for title, member in (("rules", "recommendations"), ("statements", "statements")):
        named = [name for name in explanation.get(member, []) if isinstance(name, str)]
        parts += [f"{title} {', '.join(named)}"] if named else []
    parts += [review] if (review := string(knowledge.get("review"))) else []
    return "; ".join(parts)
