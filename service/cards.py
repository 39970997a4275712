"""The words of the cards: one Markdown file per rule, owned by clinicians.

Each file in ``cards/`` has front matter (wordings and what each rests on, silences, statements, sources,
limits, override reasons, suggestions, review) and sections. Words have holes like ``{procedure}`` and no
``if``: where two wordings are needed they are two named sections and the rule picks one.
``cards/README.md`` describes the format for authors.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator
from pydantic.dataclasses import dataclass as model

from service.content_files import collect, read_rows
from service.errors import ContentError
from service.facts.defaults import Defaults, load_defaults
from service.fhir.lists import list_faults
from service.fhir.phrasebook import Phrases, has_plain_holes, holes_in, load_phrases
from service.fhir.queries import SECTIONS
from service.fhir.terminology import Terminology, load_terminology
from service.front_matter import MarkdownFile, checked, read_markdown
from service.hooks.card import Indicator, Link, OverrideReason, Source
from service.hooks.override_reasons import COMMON_CODES, non_adherence_reasons, override_reason
from service.hooks.text import markdown

SHARED_CARDS = ("workup", "pathway", "incomplete-data")
"""Cards that gather several rules; their files have the same form."""

RESTS_ON = (*SECTIONS, "drafts")
"""What a wording can rest on: the sections of the record, and the draft orders of the hook."""

_UNVERIFIED = "unverified"


def _section(name: str) -> str:
    if name not in RESTS_ON:
        raise ValueError(f"{name!r} is no section of the record: {', '.join(RESTS_ON)}")
    return name


def _indicator(word: object) -> Indicator:
    if word not in ("info", "warning", "critical"):
        raise ValueError("has to be info, warning or critical")
    return Indicator[str(word).upper()]


def _with_type(resource: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(resource.get("resourceType"), str):
        raise ValueError("needs a resourceType")
    return resource


_EXACTLY = ConfigDict(extra="forbid", strict=True)
_Text = Annotated[str, Field(min_length=1)]
_Sections = tuple[Annotated[str, AfterValidator(_section)], ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to word a card; ``detail`` is Markdown. Both may have holes.

    It may be shown only while every section of ``rests_on`` is known; else the first of ``otherwise`` is
    shown that may be.
    """

    name: str
    indicator: Indicator
    summary: str
    detail: str
    rests_on: tuple[str, ...]
    otherwise: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """Why a rule does not speak; as true as the sections of ``rests_on`` are known."""

    key: str
    because: str
    rests_on: tuple[str, ...]


@model(frozen=True, slots=True, config=_EXACTLY)
class SourceReference:
    """Where a statement comes from, and how far that was checked."""

    label: _Text
    says: _Text
    status: Literal["seen", "title only", "from memory", "source document"]
    url: str = ""


@model(frozen=True, slots=True, config=_EXACTLY)
class SuggestionText:
    """A suggestion as its author wrote it; ``resource`` is a FHIR template without patient or status.

    Without ``wordings`` it is offered with each of them; never while a section of ``rests_on`` is not known.
    """

    id: _Text
    label: _Text
    resource: Annotated[dict[str, Any], AfterValidator(_with_type)]
    wordings: tuple[str, ...] = ()
    rests_on: _Sections = ()


@model(frozen=True, slots=True, config=_EXACTLY)
class Review:
    """Who answers for the words. Honestly empty until a clinician has signed."""

    status: Literal["submitted", "under review", "approved"]
    authored_by: str | None = None
    checked_by: str | None = None
    date_reviewed: date | None = None
    next_review: date | None = None
    last_updated: date | None = None

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
    reads: tuple[str, ...]
    statements: tuple[str, ...]
    algorithm_rules: tuple[str, ...]
    sources: tuple[SourceReference, ...]
    limits: tuple[str, ...]
    override_reasons: tuple[OverrideReason, ...]
    suggestions: tuple[SuggestionText, ...]
    review: Review
    wordings: Mapping[str, Wording]
    silent: Mapping[str, Silence]
    current_guidance: str
    sections: Mapping[str, str]

    @property
    def first_wording(self) -> Wording:
        """The only wording of a card that gathers several rules."""
        return next(iter(self.wordings.values()))


@dataclass(frozen=True, slots=True)
class Common:
    """Words that every card ends with, where the advice comes from, and silences that many rules share."""

    source_label: str
    source_url: str
    silent: Mapping[str, Silence]
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
    guidance_heading: str


@dataclass(frozen=True, slots=True)
class Local:
    """Whom to ask at this site, and the addresses of its own protocols by rule; empty where it names none."""

    mdt_name: str = ""
    mdt_phone: str = ""
    mdt_url: str = ""
    protocol_urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Knowledge:
    """Everything that clinicians own, loaded and checked."""

    cards: Mapping[str, CardText]
    common: Common
    terminology: Terminology
    defaults: Defaults
    phrases: Phrases
    version: str
    results_by_code: bool = True
    """Whether the words have to say that results were asked for by code."""
    lowest_indicator: Indicator = Indicator.INFO
    """What is less urgent is not shown, apart from the rules on safety."""
    local: Local = field(default_factory=Local)
    _frames: dict[tuple[str, ...], Frame] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def limits(self) -> Mapping[str, str]:
        """Each number of defaults.toml as the words show it."""
        return {field.name: f"{getattr(self.defaults, field.name):g}" for field in fields(Defaults)}

    def silence(self, card_id: str, key: str) -> Silence:
        """A silence of the card, or of those that every card shares; ContentError where there is none."""
        found = self.cards[card_id].silent.get(key) or self.common.silent.get(key)
        if found is None:
            raise ContentError([f"{card_id}.md: silent.{key} is missing, there and in common.md"])
        return found

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
    asked = "code" if knowledge.results_by_code else "whole"
    limits[AMONG_RESULTS] = knowledge.phrases(f"card.among-results.{asked}")
    sources = (Link(one.label, one.url) for text in texts for one in text.sources if one.url)
    links = (*_local_links(knowledge, texts), *sources)
    return Frame(
        source=Source(common.source_label, common.source_url, shell.id, shell.title),
        override_reasons=_each_once(reason for text in (shell, *texts) for reason in text.override_reasons),
        links=_each_once(links),
        statements=_each_once(statement for text in texts for statement in text.statements),
        limits=limits,
        safe_limits={name: markdown(value) for name, value in limits.items()},
        guidance_heading=knowledge.phrases("card.current-guidance"),
    )


def _local_links(knowledge: Knowledge, texts: Iterable[CardText]) -> Iterator[Link]:
    """The site's own protocol for each rule, then the address of its tumour board."""
    local = knowledge.local
    for text in texts:
        if url := local.protocol_urls.get(text.id):
            yield Link(knowledge.phrases("card.local-protocol", title=text.title), url)
    if local.mdt_url:
        yield Link(local.mdt_name, local.mdt_url)


_T = TypeVar("_T")


def _each_once(found: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Known:
    """What a card may name: the limits, the purposes of emit.csv, and the holes that its rule fills."""

    limits: frozenset[str]
    emitted: Mapping[str, Sequence[Mapping[str, str]]]
    holes: Mapping[str, frozenset[str]]


def load_knowledge(
    cards_dir: Path,
    *,
    holes: Mapping[str, frozenset[str]],
    version: str,
    overrides: Path | None = None,
    code_map: Path | None = None,
    read_languages: Collection[str] = (),
    results_by_code: bool = True,
) -> Knowledge:
    """Load ``cards/`` or raise ContentError with every problem found.

    ``holes`` gives, per rule id, the values that the rule can fill; it also says which rules need
    a card, so that an orphan card and an orphan rule are both refused. ``results_by_code``: see Knowledge.
    ``read_languages`` are those in which charts are read beside English; all, where none is named.
    """
    paths = [path for path in sorted(cards_dir.glob("*.md")) if path.stem not in ("README", "common")]
    if not paths:
        raise ContentError(["CARDS_DIR: the folder holds no cards; it has to hold what cards/ holds"])
    problems = list(_orphans({path.stem for path in paths}, set(holes)))
    defaults = collect(problems, lambda: load_defaults(cards_dir / "defaults.toml", overrides))
    longest = int(defaults.report_text_chars) if defaults else 0
    read = partial(load_terminology, cards_dir, code_map, longest_text=longest, languages=read_languages)
    terminology = collect(problems, read)
    if terminology is not None:
        drug_words, queried = terminology.drug_words, terminology.queried
        problems += list_faults(cards_dir, drug_words=drug_words, queried=queried)
    common = collect(problems, lambda: _load_common(cards_dir / "common.md"))
    phrases = collect(problems, lambda: load_phrases(cards_dir / "phrases.toml"))
    emitted = collect(problems, lambda: _read_emitted(cards_dir / "codelists" / "emit.csv"))
    known = _Known(frozenset(field.name for field in fields(Defaults)), emitted or {}, holes)
    cards = [collect(problems, partial(_load_card, path, known)) for path in paths]
    if problems or defaults is None or terminology is None or common is None or phrases is None:
        raise ContentError(problems)
    return Knowledge(
        cards={card.id: card for card in cards if card is not None},
        common=common,
        terminology=terminology,
        defaults=defaults,
        phrases=phrases,
        version=f"{version}+{_digest(cards_dir)}{_read_in(read_languages)}",
        results_by_code=results_by_code,
    )


def _read_in(languages: Collection[str]) -> str:
    """What the version says where charts are not read in all languages."""
    return f".read-{'-'.join(sorted(languages))}" if languages else ""


def _orphans(cards: set[str], rules: set[str]) -> Iterator[str]:
    yield from (f"{name}.md: no rule has this id" for name in sorted(cards - rules - set(SHARED_CARDS)))
    yield from (f"{name}.md: missing, though there is a rule" for name in sorted(rules - cards))
    yield from (f"{name}.md: missing" for name in SHARED_CARDS if name not in cards)


def _digest(cards_dir: Path) -> str:
    """Twelve hexadecimal digits that change with any file of the content."""
    digest = hashlib.sha256()
    for path in sorted(cards_dir.rglob("*")):
        if path.is_file() and path.suffix in (".md", ".csv", ".txt", ".toml") and path.name != "README.md":
            digest.update(path.relative_to(cards_dir).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _read_emitted(path: Path) -> dict[str, tuple[Mapping[str, str], ...]]:
    """Purpose -> Codings that a suggestion may carry."""
    emitted: dict[str, tuple[Mapping[str, str], ...]] = {}
    for row in read_rows(path, ("purpose", "system", "code", "display")):
        coding = {name: row[name] for name in ("system", "code", "display") if row[name]}
        emitted[row["purpose"]] = (*emitted.get(row["purpose"], ()), coding)
    return emitted


@model(frozen=True, slots=True, config=_EXACTLY)
class _WordingEntry:
    indicator: Annotated[Indicator, PlainValidator(_indicator)]
    rests_on: _Sections
    otherwise: tuple[str, ...] | None = None


@model(frozen=True, slots=True, config=_EXACTLY)
class _SilenceEntry:
    because: _Text
    rests_on: _Sections


@model(frozen=True, slots=True, config=_EXACTLY)
class _OverrideEntry:
    code: _Text
    display: str | None = None


@model(frozen=True, slots=True, config=_EXACTLY)
class _CardFront:
    """The front matter of a card."""

    title: _Text
    statements: Annotated[tuple[str, ...], Field(min_length=1)]
    wordings: Annotated[dict[str, _WordingEntry], Field(min_length=1)]
    sources: Annotated[tuple[SourceReference, ...], Field(min_length=1)]
    review: Review
    item: str | None = None
    treatment: bool = False
    reads: _Sections = ()
    algorithm: tuple[str, ...] = ()
    silent: dict[str, _SilenceEntry] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    suggestions: tuple[SuggestionText, ...] = ()
    override_reasons: tuple[_OverrideEntry, ...] = ()


@model(frozen=True, slots=True, config=_EXACTLY)
class _CommonFront:
    """The front matter of ``common.md``."""

    source_label: _Text
    source_url: _Text
    silent: dict[str, _SilenceEntry] = field(default_factory=dict)


def _section_faults(file: MarkdownFile) -> Iterator[str]:
    """Braces that would fail when a card is made."""
    for heading, text in file.sections.items():
        if heading.startswith(_WITH_HOLES) and not has_plain_holes(text):
            yield f"{file.at_section(heading)}: a brace that is no hole"


_WITH_HOLES = ("Summary", "Detail", "Current guidance")
_REQUIRED_SECTIONS = ("When it appears", "What it does not cover")


def _load_card(path: Path, known: _Known) -> CardText:
    file = read_markdown(path)
    faults = list(_section_faults(file))
    front = collect(faults, partial(checked, _CardFront, file))
    if front is not None:
        faults += [*_front_faults(front, file, known), *_unfillable(front, file, known)]
    if front is None or faults:
        raise ContentError(faults)
    return _card(path.stem, front, file.sections, known)


def _front_faults(front: _CardFront, file: MarkdownFile, known: _Known) -> Iterator[str]:
    """What pydantic cannot see: names that lead nowhere, in the order in which they stand in the file."""
    required = (*_REQUIRED_SECTIONS, *(() if Path(file.name).stem in SHARED_CARDS else ("Cases",)))
    yield from (f"{file.at_section(name)}: missing" for name in required if name not in file.sections)
    if "Cases" in required and not front.reads:
        yield f"{file.at('reads')}: missing; name the sections of the record that the rule reads"
    for number, limit in enumerate(front.limits):
        if limit not in known.limits:
            yield f"{file.at('limits', number)}: {limit} is not in defaults.toml"
    yield from _wording_faults(front, file)
    for key, silence in front.silent.items():
        if not has_plain_holes(silence.because):
            yield f"{file.at('silent', key, 'because')}: a brace that is no hole"
    yield from _suggestion_faults(front, file, known)
    for number, reason in enumerate(front.override_reasons):
        if not reason.display and reason.code not in non_adherence_reasons():
            yield f"{file.at('override_reasons', number)}: HL7 has no such code; give it a display of its own"
    yield from _review_faults(front.review, file)


def _wording_faults(front: _CardFront, file: MarkdownFile) -> Iterator[str]:
    otherwise = {name: _otherwise(name, front) for name in front.wordings}
    for name in front.wordings:
        if not file.sections.get(f"Summary: {name}"):
            yield f"{file.at('wordings', name)}: section '## Summary: {name}' is missing"
        if not _detail(name, file.sections):
            yield f"{file.at('wordings', name)}: neither '## Detail: {name}' nor '## Detail' is there"
        for other in otherwise[name]:
            if other not in front.wordings:
                yield f"{file.at('wordings', name, 'otherwise')}: there is no wording {other}"
        if name in _reachable(name, otherwise):
            yield f"{file.at('wordings', name, 'otherwise')}: leads back to {name}"


def _otherwise(name: str, front: _CardFront) -> tuple[str, ...]:
    """The wordings to try where this one may not be shown."""
    said = front.wordings[name].otherwise
    if said is not None:
        return said
    return (_UNVERIFIED,) if _UNVERIFIED in front.wordings and name != _UNVERIFIED else ()


def _reachable(name: str, otherwise: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(otherwise[name])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += otherwise.get(one, ())
    return found


def _detail(wording: str, sections: Mapping[str, str]) -> str:
    return sections.get(f"Detail: {wording}") or sections.get("Detail", "")


def _suggestion_faults(front: _CardFront, file: MarkdownFile, known: _Known) -> Iterator[str]:
    for number, suggestion in enumerate(front.suggestions):
        where = file.at("suggestions", number)
        if not has_plain_holes(suggestion.label):
            yield f"{where}: the label has a brace that is no hole"
        for name in suggestion.wordings:
            if name not in front.wordings:
                yield f"{where}: there is no wording {name}"
        for purpose in _purposes(suggestion.resource):
            if purpose not in known.emitted:
                yield f"{where}: emit.csv has no {purpose}"


def _review_faults(review: Review, file: MarkdownFile) -> Iterator[str]:
    if review.status != "approved":
        return
    for name in ("authored_by", "checked_by", "date_reviewed", "next_review"):
        if not getattr(review, name):
            yield f"{file.at('review', name)}: is empty though the card is approved"
    if review.authored_by and review.authored_by == review.checked_by:
        yield f"{file.at('review', 'checked_by')}: has to be somebody else than authored_by"


def _card(card_id: str, front: _CardFront, sections: Mapping[str, str], known: _Known) -> CardText:
    return CardText(
        id=card_id,
        title=front.title,
        item=front.item or front.title,
        is_treatment=front.treatment,
        reads=front.reads,
        statements=front.statements,
        algorithm_rules=front.algorithm,
        sources=front.sources,
        limits=front.limits,
        override_reasons=tuple(_override_reasons(front.override_reasons)),
        suggestions=tuple(
            dataclasses.replace(
                one,
                wordings=one.wordings or tuple(front.wordings),
                resource=_coded(one.resource, known),
            )
            for one in front.suggestions
        ),
        review=front.review,
        wordings={name: _wording(name, front, sections) for name in front.wordings},
        silent=_silences(front.silent),
        current_guidance=sections.get("Current guidance differs", ""),
        sections=sections,
    )


def _wording(name: str, front: _CardFront, sections: Mapping[str, str]) -> Wording:
    entry = front.wordings[name]
    return Wording(
        name=name,
        indicator=entry.indicator,
        summary=" ".join(sections[f"Summary: {name}"].split()),
        detail=_detail(name, sections),
        rests_on=entry.rests_on,
        otherwise=_otherwise(name, front),
    )


def _silences(entries: Mapping[str, _SilenceEntry]) -> dict[str, Silence]:
    return {key: Silence(key, entry.because, entry.rests_on) for key, entry in entries.items()}


def _override_reasons(own: Sequence[_OverrideEntry]) -> Iterator[OverrideReason]:
    """The rule's own reasons first, then those that fit every card."""
    yield from (override_reason(reason.code, reason.display) for reason in own)
    taken = {reason.code for reason in own}
    yield from (override_reason(code) for code in COMMON_CODES if code not in taken)


def _purposes(value: object) -> Iterator[str]:
    """Each ``{emit: purpose}`` of a template."""
    if isinstance(value, dict):
        if "emit" in value:
            yield str(value["emit"])
        for part in value.values():
            yield from _purposes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _purposes(part)


def _coded(value: Any, known: _Known) -> Any:
    """A template with the Codings of the purpose in place of each ``{emit: purpose}``."""
    if isinstance(value, dict):
        if "emit" in value:
            return [dict(coding) for coding in known.emitted[value["emit"]]]
        return {name: _coded(part, known) for name, part in value.items()}
    return [_coded(part, known) for part in value] if isinstance(value, list) else value


_SHARED_HOLES = frozenset({"items", "count", "details"})
AMONG_RESULTS = "among_results"
"""The hole in which every card can say among which results nothing was found."""


def _unfillable(front: _CardFront, file: MarkdownFile, known: _Known) -> Iterator[str]:
    """A hole that neither the rule nor a limit fills would show as a hole to a clinician."""
    fillable = known.holes.get(Path(file.name).stem, _SHARED_HOLES) | (known.limits & set(front.limits))
    fillable |= {AMONG_RESULTS}
    texts = {
        file.at_section(name): text for name, text in file.sections.items() if name.startswith(_WITH_HOLES)
    }
    texts |= {file.at("suggestions", i, "label"): one.label for i, one in enumerate(front.suggestions)}
    texts |= {file.at("silent", key): silence.because for key, silence in front.silent.items()}
    for where, text in texts.items():
        for name in sorted(holes_in(text) - fillable if has_plain_holes(text) else ()):
            yield f"{where}: nothing fills the hole {{{name}}}"


_COMMON_SECTIONS = {
    "provenance": "Provenance",
    "sequence": "Sequence",
    "on_record": "On record",
    "grade_unknown": "Grade unknown",
    "syndrome_alone": "Syndrome without a tumour",
    "several_primaries": "Several primaries",
    "thoracic": "Thoracic tumour",
}


def _load_common(path: Path) -> Common:
    file = read_markdown(path)
    front = checked(_CommonFront, file)
    faults = [
        f"{file.at_section(name)}: missing"
        for name in _COMMON_SECTIONS.values()
        if not file.sections.get(name)
    ]
    faults += [
        f"{file.at('silent', key, 'because')}: a brace that is no hole"
        for key, silence in front.silent.items()
        if not has_plain_holes(silence.because)
    ]
    if faults:
        raise ContentError(faults)
    texts = {name: " ".join(file.sections[heading].split()) for name, heading in _COMMON_SECTIONS.items()}
    return Common(front.source_label, front.source_url, _silences(front.silent), **texts)
