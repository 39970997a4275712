"""The words of the cards: one Markdown file per rule, owned by clinicians.

Each file in ``cards/`` has front matter (indicator per wording, statements, sources, limits,
override reasons, suggestions, review) and sections. Words have holes like ``{procedure}`` and no
``if``: where two wordings are needed they are two named sections and the rule picks one.
``cards/README.md`` describes the format for authors.
"""

from __future__ import annotations

import csv
import hashlib
import re
import string as strings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml
from jsonschema import Draft202012Validator

from service.errors import ContentError
from service.facts.defaults import Defaults, load_defaults
from service.fhir.terminology import Terminology, load_terminology
from service.hooks.card import Indicator, Link, OverrideReason, Source
from service.hooks.override_reasons import COMMON_CODES, non_adherence_reasons, override_reason
from service.hooks.text import markdown

SHARED_CARDS = ("workup", "pathway", "incomplete-data")
"""Cards that gather several rules; their files have the same form."""

REVIEW_STATUSES = ("submitted", "under review", "approved")
SOURCE_STATUSES = ("seen", "title only", "from memory", "source document")


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to word a card; ``detail`` is Markdown. Both may have holes."""

    name: str
    indicator: Indicator
    summary: str
    detail: str


@dataclass(frozen=True, slots=True)
class SourceReference:
    """Where a statement comes from, and how far that was checked (one of SOURCE_STATUSES)."""

    label: str
    url: str
    says: str
    status: str


@dataclass(frozen=True, slots=True)
class SuggestionText:
    """A suggestion as its author wrote it; ``resource`` is a FHIR template without patient or status."""

    id: str
    label: str
    wordings: tuple[str, ...]
    resource: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Review:
    """Who answers for the words. Honestly empty until a clinician has signed."""

    status: str
    authored_by: str
    checked_by: str
    date_reviewed: str
    next_review: str
    last_updated: str

    @property
    def shown(self) -> str:
        """What the explanation says of the review."""
        if self.status == "approved":
            return f"approved; reviewed by {self.checked_by} on {self.date_reviewed}"
        return "not yet reviewed by a clinician"


@dataclass(frozen=True, slots=True)
class CardText:
    """One file of ``cards/``."""

    id: str
    title: str
    item: str
    is_treatment: bool
    statements: tuple[str, ...]
    algorithm_rules: tuple[str, ...]
    sources: tuple[SourceReference, ...]
    limits: tuple[str, ...]
    override_reasons: tuple[OverrideReason, ...]
    suggestions: tuple[SuggestionText, ...]
    review: Review
    wordings: Mapping[str, Wording]
    current_guidance: str
    sections: Mapping[str, str]

    @property
    def first_wording(self) -> Wording:
        """The only wording of a card that gathers several rules."""
        return next(iter(self.wordings.values()))


@dataclass(frozen=True, slots=True)
class Common:
    """Words that every card ends with, and where the advice comes from."""

    source_label: str
    source_url: str
    provenance: str
    sequence: str
    on_record: str
    grade_unknown: str
    syndrome_alone: str
    several_primaries: str
    thoracic: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What a card shows whoever the patient is; a grouped card has one for each set of rules in it.

    ``limits`` are those that the words name, ready to fill their holes; ``safe_limits`` are for Markdown.
    """

    source: Source
    override_reasons: tuple[OverrideReason, ...]
    links: tuple[Link, ...]
    statements: tuple[str, ...]
    limits: Mapping[str, str]
    safe_limits: Mapping[str, str]


@dataclass(frozen=True)
class Knowledge:
    """Everything that clinicians own, loaded and checked."""

    cards: Mapping[str, CardText]
    common: Common
    terminology: Terminology
    defaults: Defaults
    version: str
    _frames: dict[tuple[str, ...], Frame] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def limits(self) -> Mapping[str, str]:
        """Each number of defaults.toml as the words show it."""
        return {field.name: f"{getattr(self.defaults, field.name):g}" for field in fields(Defaults)}

    def frame(self, card_id: str, *members: str) -> Frame:
        """The frame of a card, or of a grouped card and the rules in it; made once, when first shown."""
        key = (card_id, *members)
        found = self._frames.get(key)
        if found is None:
            found = self._frames[key] = _frame(self, card_id, members)
        return found


def _frame(knowledge: Knowledge, card_id: str, members: Sequence[str]) -> Frame:
    """The card itself stands for its rules; a grouped card has the sources and statements of its members."""
    shell, common = knowledge.cards[card_id], knowledge.common
    texts = [knowledge.cards[name] for name in members or (card_id,)]
    limits = {name: knowledge.limits[name] for name in shell.limits}
    links = (Link(one.label, one.url) for text in texts for one in text.sources if one.url)
    return Frame(
        source=Source(common.source_label, common.source_url, shell.id, shell.title),
        override_reasons=_each_once(reason for text in (shell, *texts) for reason in text.override_reasons),
        links=_each_once(links),
        statements=_each_once(statement for text in texts for statement in text.statements),
        limits=limits,
        safe_limits={name: markdown(value) for name, value in limits.items()},
    )


_T = TypeVar("_T")


def _each_once(found: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(found))


def load_knowledge(
    cards_dir: Path,
    *,
    holes: Mapping[str, frozenset[str]],
    version: str,
    overrides: Path | None = None,
) -> Knowledge:
    """Load ``cards/`` or raise ContentError with every problem found.

    ``holes`` gives, per rule id, the values that the rule can fill; it also says which rules need
    a card, so that an orphan card and an orphan rule are both refused.
    """
    problems: list[str] = []
    defaults = _collect(problems, lambda: load_defaults(cards_dir / "defaults.toml", overrides))
    terminology = _collect(problems, lambda: load_terminology(cards_dir))
    limits = {field.name for field in fields(Defaults)}
    cards = {
        path.stem: card for path in _card_files(cards_dir) if (card := _load_card(path, limits, problems))
    }
    problems += _orphans(set(cards), set(holes))
    problems += [problem for card in cards.values() for problem in _unfillable(card, holes, limits)]
    common = _collect(problems, lambda: _load_common(cards_dir / "common.md"))
    emitted = _read_emitted(cards_dir / "codelists" / "emit.csv")
    problems += [problem for card in cards.values() for problem in _unknown_codes(card, emitted)]
    if problems or defaults is None or terminology is None or common is None:
        raise ContentError(problems)
    coded = {name: _with_codes(card, emitted) for name, card in cards.items()}
    return Knowledge(coded, common, terminology, defaults, f"{version}+{_digest(cards_dir)}")


def _collect(problems: list[str], load: Any) -> Any:
    try:
        return load()
    except ContentError as error:
        problems.extend(error.problems)
        return None


def _card_files(cards_dir: Path) -> list[Path]:
    return sorted(path for path in cards_dir.glob("*.md") if path.stem not in ("README", "common"))


def _digest(cards_dir: Path) -> str:
    """Twelve hexadecimal digits that change with any file of the content."""
    digest = hashlib.sha256()
    for path in sorted(cards_dir.rglob("*")):
        if path.is_file() and path.suffix in (".md", ".csv", ".txt", ".toml") and path.name != "README.md":
            digest.update(path.relative_to(cards_dir).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


def read_markdown(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Front matter and sections (heading -> text) of one file; ContentError where it has neither."""
    found = _FRONT_MATTER.match(path.read_text(encoding="utf-8"))
    if found is None:
        raise ContentError([f"{path.name}: has to begin with front matter between two lines of ---"])
    try:
        front = yaml.safe_load(found.group(1))
    except yaml.YAMLError as error:
        raise ContentError([f"{path.name}: the front matter is not YAML: {error}"]) from error
    if not isinstance(front, dict):
        raise ContentError([f"{path.name}: the front matter has to be a table of names and values"])
    parts = _SECTION.split(found.group(2))
    return front, {parts[i].strip(): parts[i + 1].strip() for i in range(1, len(parts), 2)}


def _load_card(path: Path, limits: set[str], problems: list[str]) -> CardText | None:
    try:
        front, sections = read_markdown(path)
    except ContentError as error:
        problems.extend(error.problems)
        return None
    found = list(_faults(path, front, sections, limits))
    problems.extend(f"{path.name}: {fault}" for fault in found)
    return None if found else _card(path.stem, front, sections)


_REQUIRED = ("title", "statements", "wordings", "sources", "review")
_REQUIRED_SECTIONS = ("When it appears", "What it does not cover")


def _faults(path: Path, front: dict[str, Any], sections: dict[str, str], limits: set[str]) -> Iterator[str]:
    """Every reason to refuse a card."""
    missing = [name for name in _REQUIRED if not front.get(name)]
    yield from (f"front matter needs {name}" for name in missing)
    misshapen = [] if missing else list(_shape_faults(front))
    yield from misshapen
    if missing or misshapen:
        return
    is_shared = path.stem in SHARED_CARDS
    yield from (f"section '## {name}' is missing" for name in _REQUIRED_SECTIONS if name not in sections)
    if not is_shared and "Cases" not in sections:
        yield "section '## Cases' is missing"
    yield from (
        f"limit {name} is not in defaults.toml" for name in front.get("limits", []) if name not in limits
    )
    yield from _source_faults(front["sources"])
    yield from _wording_faults(front["wordings"], sections)
    yield from _suggestion_faults(front.get("suggestions", []), set(front["wordings"]))
    yield from _override_faults(front.get("override_reasons", []))
    yield from _review_faults(front["review"])
    yield from _hole_faults(front, sections)


_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_TABLES: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
_SHAPE = Draft202012Validator(
    {
        "properties": {
            "title": {"type": "string"},
            "item": {"type": "string"},
            "treatment": {"type": "boolean"},
            "algorithm": _TEXTS,
            "statements": _TEXTS,
            "limits": _TEXTS,
            "wordings": {"type": "object", "additionalProperties": {"type": "string"}},
            "sources": _TABLES,
            "suggestions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {
                        "id": {"type": "string"},
                        "wordings": _TEXTS,
                        "resource": {"type": "object"},
                    },
                },
            },
            "override_reasons": {
                "type": "array",
                "items": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}},
            },
            "review": {"type": "object"},
        },
        "additionalProperties": False,
    }
)
"""What kind of value stands under which name of the front matter; what it says is checked after that."""


def _shape_faults(front: dict[str, Any]) -> Iterator[str]:
    for fault in _SHAPE.iter_errors(front):
        where = ".".join(str(step) for step in fault.absolute_path)
        yield f"front matter{f', {where}' if where else ''}: {fault.message}"


def _override_faults(reasons: list[dict[str, str]]) -> Iterator[str]:
    for reason in reasons:
        if not reason.get("display") and reason["code"] not in non_adherence_reasons():
            yield f"override reason {reason['code']}: HL7 has no such code, and it has no display of its own"


def _hole_faults(front: dict[str, Any], sections: Mapping[str, str]) -> Iterator[str]:
    """Braces that would fail when a card is made: a hole is a name between braces and nothing else."""
    texts = {
        name: text
        for name, text in sections.items()
        if name.startswith(("Summary", "Detail", "Current guidance"))
    }
    texts |= {f"suggestion {one['id']}": str(one.get("label")) for one in front.get("suggestions", [])}
    yield from (
        f"{name}: a brace that is no hole" for name, text in texts.items() if not _has_plain_holes(text)
    )


def _has_plain_holes(text: str) -> bool:
    try:
        holes = [part[1:] for part in strings.Formatter().parse(text) if part[1] is not None]
    except ValueError:
        return False
    return all(
        name is not None and name.isidentifier() and not spec and conversion is None
        for name, spec, conversion in holes
    )


def _source_faults(sources: list[dict[str, str]]) -> Iterator[str]:
    for number, source in enumerate(sources, start=1):
        if not source.get("label") or not source.get("says"):
            yield f"source {number} needs a label and says"
        if source.get("status") not in SOURCE_STATUSES:
            yield f"source {number}: status must be one of {', '.join(SOURCE_STATUSES)}"


def _wording_faults(wordings: dict[str, str], sections: dict[str, str]) -> Iterator[str]:
    for name, indicator in wordings.items():
        if str(indicator).upper() not in Indicator.__members__:
            yield f"wording {name}: the indicator must be info, warning or critical"
        if not _section(sections, "Summary", name):
            yield f"wording {name}: section '## Summary: {name}' is missing"
        if not _section(sections, "Detail", name):
            yield f"wording {name}: neither '## Detail: {name}' nor '## Detail' is there"


def _suggestion_faults(suggestions: list[dict[str, Any]], wordings: set[str]) -> Iterator[str]:
    for suggestion in suggestions:
        name = suggestion.get("id", "without id")
        if not suggestion.get("label") or not suggestion.get("resource", {}).get("resourceType"):
            yield f"suggestion {name} needs a label and a resource with resourceType"
        unknown = set(suggestion.get("wordings", [])) - wordings
        yield from (f"suggestion {name}: there is no wording {word}" for word in sorted(unknown))


def _review_faults(review: dict[str, Any]) -> Iterator[str]:
    if review.get("status") not in REVIEW_STATUSES:
        yield f"review.status must be one of {', '.join(REVIEW_STATUSES)}"
    signed = ("authored_by", "checked_by", "date_reviewed", "next_review")
    if review.get("status") == "approved":
        yield from (
            f"review.{name} is empty though the card is approved" for name in signed if not review.get(name)
        )
        if review.get("authored_by") and review.get("authored_by") == review.get("checked_by"):
            yield "review.checked_by must be somebody else than review.authored_by"


def _section(sections: Mapping[str, str], kind: str, wording: str) -> str:
    return sections.get(f"{kind}: {wording}") or (sections.get(kind, "") if kind == "Detail" else "")


def _card(card_id: str, front: dict[str, Any], sections: dict[str, str]) -> CardText:
    return CardText(
        id=card_id,
        title=front["title"],
        item=front.get("item", front["title"]),
        is_treatment=bool(front.get("treatment")),
        statements=tuple(front["statements"]),
        algorithm_rules=tuple(front.get("algorithm", [])),
        sources=tuple(
            SourceReference(one["label"], one.get("url", ""), one["says"], one["status"])
            for one in front["sources"]
        ),
        limits=tuple(front.get("limits", [])),
        override_reasons=tuple(_override_reasons(front.get("override_reasons", []))),
        suggestions=tuple(_suggestion(one, front["wordings"]) for one in front.get("suggestions", [])),
        review=_review(front["review"]),
        wordings={
            name: Wording(
                name,
                Indicator[str(indicator).upper()],
                " ".join(_section(sections, "Summary", name).split()),
                _section(sections, "Detail", name),
            )
            for name, indicator in front["wordings"].items()
        },
        current_guidance=sections.get("Current guidance differs", ""),
        sections=sections,
    )


def _override_reasons(own: Iterable[dict[str, str]]) -> Iterator[OverrideReason]:
    """The rule's own reasons first, then those that fit every card."""
    for reason in own:
        yield override_reason(reason["code"], reason.get("display"))
    taken = {reason["code"] for reason in own}
    yield from (override_reason(code) for code in COMMON_CODES if code not in taken)


def _suggestion(text: dict[str, Any], wordings: Mapping[str, str]) -> SuggestionText:
    return SuggestionText(text["id"], text["label"], tuple(text.get("wordings", wordings)), text["resource"])


def _review(front: dict[str, Any]) -> Review:
    return Review(**{field.name: str(front.get(field.name) or "") for field in fields(Review)})


def _orphans(cards: set[str], rules: set[str]) -> Iterator[str]:
    yield from (f"{name}.md: no rule has this id" for name in sorted(cards - rules - set(SHARED_CARDS)))
    yield from (f"{name}.md: missing, though there is a rule" for name in sorted(rules - cards))
    yield from (f"{name}.md: missing" for name in SHARED_CARDS if name not in cards)


def holes_in(text: str) -> frozenset[str]:
    """The names of the holes of a text."""
    return frozenset(name for _text, name, _spec, _conversion in strings.Formatter().parse(text) if name)


_SHARED_HOLES = frozenset({"items", "count", "details"})


def _unfillable(card: CardText, holes: Mapping[str, frozenset[str]], limits: set[str]) -> Iterator[str]:
    """A hole that neither the rule nor a limit fills would show as a hole to a clinician."""
    fillable = holes.get(card.id, _SHARED_HOLES) | (limits & set(card.limits))
    texts = [card.current_guidance, *(suggestion.label for suggestion in card.suggestions)]
    texts += [part for wording in card.wordings.values() for part in (wording.summary, wording.detail)]
    for text in texts:
        for name in sorted(holes_in(text) - fillable):
            yield f"{card.id}.md: nothing fills the hole {{{name}}}"


def _unknown_codes(card: CardText, emitted: Mapping[str, object]) -> Iterator[str]:
    for suggestion in card.suggestions:
        for purpose in _purposes(suggestion.resource):
            if purpose not in emitted:
                yield f"{card.id}.md: suggestion {suggestion.id}: emit.csv has no {purpose}"


def _purposes(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "emit" in value:
            yield str(value["emit"])
        for part in value.values():
            yield from _purposes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _purposes(part)


def _with_codes(card: CardText, emitted: Mapping[str, Sequence[Mapping[str, str]]]) -> CardText:
    """The card whose suggestions hold, for each ``{emit: purpose}``, the Codings of that purpose."""

    def coded(value: Any) -> Any:
        if isinstance(value, dict):
            if "emit" in value:
                return [dict(coding) for coding in emitted[value["emit"]]]
            return {name: coded(part) for name, part in value.items()}
        return [coded(part) for part in value] if isinstance(value, list) else value

    suggestions = (replace(one, resource=coded(one.resource)) for one in card.suggestions)
    return replace(card, suggestions=tuple(suggestions))


def _read_emitted(path: Path) -> dict[str, tuple[Mapping[str, str], ...]]:
    """Purpose -> Codings that a suggestion may carry."""
    emitted: dict[str, tuple[Mapping[str, str], ...]] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            coding = {name: row[name] for name in ("system", "code", "display") if row.get(name)}
            emitted[row["purpose"]] = (*emitted.get(row["purpose"], ()), coding)
    return emitted


def _load_common(path: Path) -> Common:
    front, sections = read_markdown(path)
    names = {
        "provenance": "Provenance",
        "sequence": "Sequence",
        "on_record": "On record",
        "grade_unknown": "Grade unknown",
        "syndrome_alone": "Syndrome without a tumour",
        "several_primaries": "Several primaries",
        "thoracic": "Thoracic tumour",
    }
    missing = [heading for heading in names.values() if not sections.get(heading)]
    missing += [name for name in ("source_label", "source_url") if not front.get(name)]
    if missing:
        raise ContentError([f"{path.name}: {name} is missing" for name in missing])
    texts = {name: " ".join(sections[heading].split()) for name, heading in names.items()}
    return Common(source_label=front["source_label"], source_url=front["source_url"], **texts)
