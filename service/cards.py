"""The words of the cards: one Markdown file per rule, owned by clinicians.

Each file in ``cards/`` has front matter (wordings and what each rests on, silences, statements, sources,
limits, override reasons, suggestions, review) and sections. Words have holes like ``{procedure}`` and no
``if``: where two wordings are needed they are two named sections and the rule picks one.
``cards/README.md`` describes the format for authors.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import AfterValidator, ConfigDict, Field, PlainValidator
from pydantic.dataclasses import dataclass as model

from service.approvals import (
    Basis,
    Review,
    Shared,
    Signed,
    State,
    basis_of,
    digest_of_basis,
    read_files,
    review_faults,
    state_of,
)
from service.content_files import collect, read_rows, read_text
from service.errors import ContentError
from service.facts.defaults import Defaults, load_defaults
from service.fhir.lists import known_lists, list_faults, unnamed_lists
from service.fhir.phrasebook import Phrases, has_plain_holes, holes_in, load_phrases
from service.fhir.queries import SECTIONS
from service.fhir.terminology import Terminology, load_terminology
from service.front_matter import MarkdownFile, checked, read_markdown
from service.hooks.card import Indicator, Link, OverrideReason, Source, without_empty
from service.hooks.override_reasons import COMMON_CODES, non_adherence_reasons, override_reason
from service.hooks.text import markdown
from service.rule_code import Code, digest_of, read_code
from service.wording_checks import author_words, has_dose, texts_in

SHARED_CARDS = ("workup", "pathway", "incomplete-data")
"""Cards that gather several rules; their files have the same form."""

ENGLISH = "en"
"""The language of ``cards/`` itself; :mod:`service.translations` has the others."""

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


_STATUSES = ("seen", "title only", "source document")
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
    status: Literal["seen", "title only", "from memory", "source document"]  # _STATUSES, as they are told
    url: str = ""


@model(frozen=True, slots=True, config=_EXACTLY)
class SuggestionText:
    """A suggestion as its author wrote it; ``resource`` is a FHIR template without patient or status.

    Without ``wordings`` it is offered with each of them; never while a section of ``rests_on`` is not known.
    ``source`` is the label of the source of its dose, if it has one.
    """

    id: _Text
    label: _Text
    resource: Annotated[dict[str, Any], AfterValidator(_with_type)]
    wordings: tuple[str, ...] = ()
    rests_on: _Sections = ()
    source: str = ""

    @property
    def has_dose(self) -> bool:
        """Whether it states an amount of a drug."""
        return has_dose(self.label, self.resource)


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
    lists: tuple[str, ...] = ()
    """The code lists and word lists that its rule reads, beside those that every rule reads."""

    @property
    def first_wording(self) -> Wording:
        """The only wording of a card that gathers several rules."""
        return next(iter(self.wordings.values()))


@dataclass(frozen=True, slots=True)
class Common:
    """Words that every card ends with, where the advice comes from, and silences that many rules share."""

    source_label: str
    source_url: str
    """Empty while the address of the source document itself is not known."""
    silent: Mapping[str, Silence]
    lists: tuple[str, ...]
    """The code lists and word lists that every rule reads."""
    provenance: str
    translation_not_reviewed: str
    sequence: str
    on_record: str
    grade_unknown: str
    syndrome_alone: str
    several_primaries: str
    thoracic: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What a card shows whoever the patient is; a grouped card has one for each set of rules in it.

    ``sources`` is each source with how far it was checked, as it is sent; ``sources_line`` counts them.
    ``limits`` are those that the words name, ready to fill their holes; ``safe_limits`` are for Markdown.
    """

    source: Source
    override_reasons: tuple[OverrideReason, ...]
    links: tuple[Link, ...]
    statements: tuple[str, ...]
    sources: tuple[Mapping[str, str], ...]
    sources_line: str
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
    bases: Mapping[str, Basis] = field(default_factory=dict)
    """What an approval of each card rests on."""
    phrase_keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The phrases that the rule of each card asks for."""
    translated: Mapping[str, Signed] = field(default_factory=dict)
    """The review of each file that translates words, as in ``tnm.md``; none in English."""
    only_approved: bool = False
    """Whether only approved cards are shown."""
    results_by_code: bool = True
    """Whether the words have to say that results were asked for by code."""
    lowest_indicator: Indicator = Indicator.INFO
    """What is less urgent is not shown, apart from the rules on safety."""
    local: Local = field(default_factory=Local)
    language: str = ENGLISH
    """Of the words: a tag of RFC 5646."""
    pages_url: str = ""
    """Where this service shows the rules, each at its id; empty where it does not."""
    _frames: dict[tuple[str, ...], Frame] = field(default_factory=dict, init=False, repr=False, compare=False)
    _states: dict[date, Mapping[str, State]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def limits(self) -> Mapping[str, str]:
        """Each number of defaults.toml as the words show it."""
        return {field.name: f"{getattr(self.defaults, field.name):g}" for field in fields(Defaults)}

    def source_url(self, card_id: str) -> str:
        """The page of the rule where this service shows one, else the source document; may be empty.

        Never the home page of who wrote it, where nobody finds what the card says.
        """
        return f"{self.pages_url}/{card_id}" if self.pages_url else self.common.source_url

    def card_digest(self, card_id: str) -> str:
        """What an approval of the card names: 64 hexadecimal digits, others after any change of its basis."""
        return digest_of_basis(self.bases[card_id])

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """The digest of every card."""
        return {name: self.card_digest(name) for name in self.cards}

    def states(self, today: date) -> Mapping[str, State]:
        """The review of every card on a day; remembered until the day changes."""
        found = self._states.get(today)
        if found is None:
            self._states.clear()
            warn_days = self.defaults.review_warn_days
            found = self._states[today] = {
                name: state_of(card.review, self.card_digest(name), today, warn_days=warn_days)
                for name, card in self.cards.items()
            }
        return found

    def shows(self, card_id: str, today: date) -> bool:
        """Whether there is such a card, and it may be shown: approved, where only approved ones are."""
        if not self.only_approved or card_id in SHARED_CARDS:
            return card_id in self.cards
        return card_id in self.cards and self.states(today)[card_id].is_approved

    def translation_states(self, today: date) -> Mapping[str, State]:
        """The review of each translated file on a day."""
        warn_days = self.defaults.review_warn_days
        return {name: one.on(today, warn_days=warn_days) for name, one in self.translated.items()}

    def are_words_approved(self, cards: Iterable[CardText], today: date) -> bool:
        """Whether two people stand by the translation of these cards and of ``common.md``."""
        if self.language == ENGLISH:
            return True
        warn_days, names = self.defaults.review_warn_days, ["common.md", *[f"{one.id}.md" for one in cards]]
        signed = [self.translated.get(name) for name in names]
        return all(one and one.on(today, warn_days=warn_days).is_approved for one in signed)

    def lapsed(self, today: date) -> Mapping[str, str]:
        """The cards whose approval no longer counts, and why in words."""
        states = self.states(today)
        return {name: self.review_in_words(one) for name, one in states.items() if one.has_lapsed}

    def lapsed_translations(self, today: date) -> Mapping[str, str]:
        """The translated files whose approval no longer counts, as in ``de/tnm.md``, and why in words."""
        states = self.translation_states(today)
        return {
            f"{self.language}/{name}": self.review_in_words(one)
            for name, one in states.items()
            if one.has_lapsed
        }

    def review_in_words(self, state: State) -> str:
        """What a reader is told of a review."""
        return self.phrases(f"review.{state.standing.value}", **_dates_of(state.review))

    def review_on_card(self, state: State) -> str:
        """The sentence on the review with which a card ends."""
        return self.phrases(f"provenance.{state.standing.value}", **_dates_of(state.review))

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


def _dates_of(review: Review) -> dict[str, object]:
    """What the words on a review have holes for."""
    return {
        "day": review.date_reviewed,
        "next": review.next_review,
        "begin": review.effective_from,
        "end": review.effective_until,
    }


def _frame(knowledge: Knowledge, card_id: str, members: Sequence[str]) -> Frame:
    """The card itself stands for its rules; a grouped card has the sources and statements of its members."""
    shell, common = knowledge.cards[card_id], knowledge.common
    texts = [knowledge.cards[name] for name in members or (card_id,)]
    limits = {name: knowledge.limits[name] for name in shell.limits}
    asked = "code" if knowledge.results_by_code else "whole"
    limits[AMONG_RESULTS] = knowledge.phrases(f"card.among-results.{asked}")
    sources = _each_once(source for text in texts for source in text.sources)
    printed = [one for one in sources if one.status != FROM_MEMORY]
    of_sources = (Link(one.label, one.url) for one in printed if one.url)
    return Frame(
        source=Source(common.source_label, knowledge.source_url(shell.id), shell.id, shell.title),
        override_reasons=_each_once(reason for text in (shell, *texts) for reason in text.override_reasons),
        links=_each_once((*_local_links(knowledge, texts), *of_sources)),
        statements=_each_once(statement for text in texts for statement in text.statements),
        sources=_each_once_by_label(sources),
        sources_line=_sources_line(printed, knowledge.phrases),
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


FROM_MEMORY = "from memory"
"""The status of a source that nobody has looked up; it is not shown on a card."""


def _each_once_by_label(sources: Iterable[SourceReference]) -> tuple[Mapping[str, str], ...]:
    """Each source as it is sent; one that says two things is one source."""
    named = {(one.label, one.url, one.status): one for one in sources}
    return tuple(
        without_empty({"label": label, "url": url, "status": status}) for label, url, status in named
    )


def _sources_line(printed: Iterable[SourceReference], phrases: Phrases) -> str:
    statuses: dict[tuple[str, str], str] = {(one.label, one.status): one.status for one in printed}
    counts = Counter(statuses.values())
    told = [
        phrases(f"names.source-status.{status.replace(' ', '-')}", count=counts[status])
        for status in _STATUSES
        if counts[status]
    ]
    return phrases("card.sources", counts=", ".join(told)) if told else ""


_T = TypeVar("_T")


def _each_once(found: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Known:
    """What a card may name: the limits, the purposes of emit.csv, and the holes that its rule fills."""

    limits: frozenset[str]
    emitted: Mapping[str, Sequence[Mapping[str, str]]]
    holes: Mapping[str, frozenset[str]]
    lists: frozenset[str]
    common_lists: frozenset[str]
    code: Code
    most_review_days: float


def load_knowledge(
    cards_dir: Path,
    *,
    holes: Mapping[str, frozenset[str]],
    version: str,
    overrides: Path | None = None,
    code_map: Path | None = None,
    read_languages: Collection[str] = (),
    code: Code | None = None,
) -> Knowledge:
    """Load ``cards/`` or raise ContentError with every problem found.

    ``holes`` gives, per rule id, the values that the rule can fill; it also says which rules need
    a card, so that an orphan card and an orphan rule are both refused.
    ``read_languages`` are those in which charts are read beside English; all, where none is named.
    ``code`` is that of the rules, to which approvals are bound; by default that of the running package.
    """
    paths = [path for path in sorted(cards_dir.glob("*.md")) if path.stem not in ("README", "common")]
    if not paths:
        raise ContentError(["CARDS_DIR: the folder holds no cards; it has to hold what cards/ holds"])
    problems = list(_orphans({path.stem for path in paths}, set(holes)))
    defaults = collect(problems, lambda: load_defaults(cards_dir / "defaults.toml", overrides))
    longest = int(defaults.report_text_chars) if defaults else 0
    read = partial(load_terminology, cards_dir, code_map, longest_text=longest, languages=read_languages)
    terminology = collect(problems, read)
    common = collect(problems, lambda: _load_common(cards_dir / "common.md"))
    phrases = collect(problems, lambda: load_phrases(cards_dir / "phrases.toml"))
    emitted = collect(problems, lambda: _read_emitted(cards_dir / "codelists" / "emit.csv"))
    drug_words = terminology.drug_words if terminology else ()
    code = code or read_code()
    known = _Known(
        limits=frozenset(field.name for field in fields(Defaults)),
        emitted=emitted or {},
        holes=holes,
        lists=known_lists(drug_words),
        common_lists=frozenset(common.lists if common else ()),
        code=code,
        most_review_days=defaults.review_max_days if defaults else 0,
    )
    loaded = [one for path in paths if (one := collect(problems, partial(_load_card, path, known)))]
    cards = {card.id: card for _file, card in loaded}
    if terminology is not None and common is not None:
        problems += list_faults(cards_dir, drug_words=drug_words, queried=terminology.queried)
        named = {*common.lists, *(name for card in cards.values() for name in card.lists)}
        # A card that could not be loaded would have named lists of its own.
        problems += unnamed_lists(named, drug_words) if len(cards) == len(paths) else ()
    if problems or defaults is None or terminology is None or common is None or phrases is None:
        raise ContentError(problems)
    limits = {field.name: getattr(defaults, field.name) for field in fields(Defaults)}
    files = read_files(cards_dir)
    shared = Shared(files, code, limits, phrases.texts, common.lists, drug_words)
    return Knowledge(
        cards=cards,
        common=common,
        terminology=terminology,
        defaults=defaults,
        phrases=phrases,
        version=f"{version}+{_version(shared, code_map)}{_read_in(read_languages)}",
        bases={card.id: _basis(file, card, shared) for file, card in loaded},
        phrase_keys={name: frozenset(shared.phrases_of(code.of_rule(name))) for name in cards},
    )


def _read_in(languages: Collection[str]) -> str:
    """What the version says where charts are not read in all languages."""
    return f".read-{'-'.join(sorted(languages))}" if languages else ""


def _basis(file: MarkdownFile, card: CardText, shared: Shared) -> Basis:
    orders = orjson.dumps([one.resource for one in card.suggestions], option=orjson.OPT_SORT_KEYS).decode()
    return basis_of(file, shared, lists=card.lists, limits=card.limits, orders=orders)


def _version(shared: Shared, code_map: Path | None) -> str:
    """Twelve digits that change with any file of the content, number or code of the site, or rule's code."""
    files = (f"{name}\0{digest}" for name, digest in shared.files.digests.items())
    limits = (f"{name}\0{value:g}" for name, value in shared.limits.items())
    codes = [read_text(code_map)] if code_map else []
    return digest_of([*files, *limits, *codes, shared.code.digest])[:12]


def _orphans(cards: set[str], rules: set[str]) -> Iterator[str]:
    yield from (f"{name}.md: no rule has this id" for name in sorted(cards - rules - set(SHARED_CARDS)))
    yield from (f"{name}.md: missing, though there is a rule" for name in sorted(rules - cards))
    yield from (f"{name}.md: missing" for name in SHARED_CARDS if name not in cards)


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
    lists: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    suggestions: tuple[SuggestionText, ...] = ()
    override_reasons: tuple[_OverrideEntry, ...] = ()


@model(frozen=True, slots=True, config=_EXACTLY)
class _CommonFront:
    """The front matter of ``common.md``."""

    source_label: _Text
    source_url: str = ""
    lists: tuple[str, ...] = ()
    silent: dict[str, _SilenceEntry] = field(default_factory=dict)


def _section_faults(file: MarkdownFile) -> Iterator[str]:
    """Braces that would fail when a card is made."""
    for heading, text in file.sections.items():
        if heading.startswith(WITH_HOLES) and not has_plain_holes(text):
            yield f"{file.at_section(heading)}: a brace that is no hole"


WITH_HOLES = ("Summary", "Detail", "Current guidance")
"""How the sections begin that are shown, with their holes filled."""
_REQUIRED_SECTIONS = ("When it appears", "What it does not cover")


def _load_card(path: Path, known: _Known) -> tuple[MarkdownFile, CardText]:
    file = read_markdown(path)
    faults = list(_section_faults(file))
    front = collect(faults, partial(checked, _CardFront, file))
    if front is not None:
        faults += [*_front_faults(front, file, known), *_unfillable(front, file, known)]
    if front is None or faults:
        raise ContentError(faults)
    return file, _card(path.stem, front, file.sections, known)


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
    yield from _author_faults(front, file)
    yield from _list_faults(front, file, known)
    if all(source.status == FROM_MEMORY for source in front.sources):
        yield f"{file.at('sources')}: nobody has looked one up; what rests on memory alone is not shown"
    for name, fault in review_faults(front.review, most_days=known.most_review_days):
        yield f"{file.at('review', name)}: {fault}"


def _list_faults(front: _CardFront, file: MarkdownFile, known: _Known) -> Iterator[str]:
    """Lists that are not there, and lists that the rule's code reads though the card does not name them."""
    for number, name in enumerate(front.lists):
        if name not in known.lists:
            yield f"{file.at('lists', number)}: there is no code list and no word list {name}"
    rule = known.code.of_rule(Path(file.name).stem)
    for name in sorted((rule.texts & known.lists) - known.common_lists - set(front.lists)):
        yield f"{file.at('lists')}: the code of the rule reads the list {name}; name it here"


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
        if suggestion.has_dose and not _answered_for(suggestion, front):
            yield (
                f"{where}: states a dose; name under source: a source that was seen, and have the card "
                "approved, or say: per product label and local protocol"
            )
        for purpose in _purposes(suggestion.resource):
            if purpose not in known.emitted:
                yield f"{where}: emit.csv has no {purpose}"


def _answered_for(suggestion: SuggestionText, front: _CardFront) -> bool:
    """Whether the source of a dose was seen, and two people have approved the card."""
    seen = {source.label for source in front.sources if source.status == "seen"}
    return suggestion.source in seen and front.review.status == "approved"


def _author_faults(front: _CardFront, file: MarkdownFile) -> Iterator[str]:
    """Notes of the author where a clinician would read them."""
    texts = [
        (file.at_section(name), text) for name, text in file.sections.items() if name.startswith(WITH_HOLES)
    ]
    for number, one in enumerate(front.suggestions):
        where = file.at("suggestions", number)
        texts += [(where, text) for text in (one.label, *texts_in(one.resource))]
    for where, text in texts:
        if found := author_words(text):
            yield f"{where}: {found!r} is a note of its author; the status of a source stands under sources:"


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
        lists=front.lists,
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
        file.at_section(name): text for name, text in file.sections.items() if name.startswith(WITH_HOLES)
    }
    texts |= {file.at("suggestions", i, "label"): one.label for i, one in enumerate(front.suggestions)}
    texts |= {file.at("silent", key): silence.because for key, silence in front.silent.items()}
    for where, text in texts.items():
        for name in sorted(holes_in(text) - fillable if has_plain_holes(text) else ()):
            yield f"{where}: nothing fills the hole {{{name}}}"


COMMON_SECTIONS = {
    "translation_not_reviewed": "Translation not reviewed",
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
        for name in COMMON_SECTIONS.values()
        if not file.sections.get(name)
    ]
    faults += [
        f"{file.at('silent', key, 'because')}: a brace that is no hole"
        for key, silence in front.silent.items()
        if not has_plain_holes(silence.because)
    ]
    if faults:
        raise ContentError(faults)
    texts = {name: " ".join(file.sections[heading].split()) for name, heading in COMMON_SECTIONS.items()}
    return Common(front.source_label, front.source_url, _silences(front.silent), front.lists, **texts)
