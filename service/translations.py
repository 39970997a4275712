"""The words of the cards in other languages than English: a folder for each in ``cards/translations/``.

A file there has the name of the file that it translates, as much of its words as is translated, and a review
of its own. What it lacks stays English. An approval there names a digest of the words in both languages, so
that it ends with a change of either. ``cards/README.md`` describes the form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as model

from service.approvals import Review, Signed, review_faults
from service.cards import COMMON_SECTIONS, WITH_HOLES, CardText, Common, Knowledge, Silence
from service.content_files import collect
from service.errors import ContentError
from service.fhir.phrasebook import Phrases, has_plain_holes, holes_in, lines_of_phrases, load_phrases
from service.front_matter import checked, read_markdown
from service.hooks.card import OverrideReason
from service.hooks.override_reasons import OWN_SYSTEM, non_adherence_reasons
from service.rule_code import digest_of

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
"""https://www.rfc-editor.org/rfc/rfc5646#section-2.2: a language, and perhaps a country."""
_SECTION, _REASONS, _ORDERS = "##", "override_reasons", "orders"
_WORDS_OF_A_RESOURCE = ("text", "patientInstruction")

_Place = tuple[str, ...]
"""Where words stand in a file: the steps through its front matter, or ``##`` and a heading."""
_Words = Mapping[_Place, str]
_Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Translation:
    """The content in one language; ``missing`` names what is still English in it, by file and place."""

    knowledge: Knowledge
    missing: tuple[str, ...]


@model(frozen=True, slots=True, config=ConfigDict(extra="forbid", strict=True))
class _Front:
    """The front matter of a translated file: each text by the name, id or code of what it translates.

    ``orders`` has the words in suggested resources, by the English ones.
    """

    review: Review
    title: _Text | None = None
    item: _Text | None = None
    silent: dict[str, _Text] = field(default_factory=dict)
    suggestions: dict[str, _Text] = field(default_factory=dict)
    orders: dict[str, _Text] = field(default_factory=dict)
    override_reasons: dict[str, _Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _File:
    """The words of one file, and how a message names each place in it; empty where there is none."""

    words: _Words = field(default_factory=dict)
    places: Mapping[_Place, str] = field(default_factory=dict)
    review: Review | None = None


def load_translations(
    cards_dir: Path, knowledge: Knowledge, *, approved_on: date | None = None
) -> dict[str, Translation]:
    """Language -> the content in it; ContentError with all that is wrong with any of them.

    With ``approved_on`` the words whose translation is not approved on that day stay English.
    """
    problems: list[str] = []
    found = {
        folder.name: collect(problems, partial(_load, folder, knowledge, approved_on=approved_on))
        for folder in sorted((cards_dir / "translations").glob("*/"))
    }
    if problems:
        raise ContentError(problems)
    return {language: one for language, one in found.items() if one is not None}


def _load(folder: Path, knowledge: Knowledge, *, approved_on: date | None) -> Translation:
    if not _LANGUAGE.fullmatch(folder.name):
        named = "the folder has to be named for a language, as de or pt-BR"
        raise ContentError([f"translations/{folder.name}: {named}"])
    files, english = _files(folder, knowledge), _english(knowledge)
    signed = _signed(files, english, knowledge)
    if approved_on is not None:
        files = _approved(files, signed, knowledge, approved_on)
    missing = (
        _named(name, place) for name in english for place in english[name].keys() - files[name].words.keys()
    )
    words = {name: {**english[name], **file.words} for name, file in files.items()}
    translated = _translated(folder.name, replace(knowledge, translated=signed), words)
    return Translation(translated, tuple(sorted(missing)))


def _files(folder: Path, knowledge: Knowledge) -> dict[str, _File]:
    """Each file that may be translated, empty where it is not; ContentError with all that is wrong."""
    english, faults = _english(knowledge), list(_faults_of_names(folder))
    most_days = knowledge.defaults.review_max_days
    read = {name: partial(_read, folder / name, most_days=most_days) for name in english}
    files = {name: collect(faults, one) or _File() for name, one in read.items()}
    faults += [fault for name, file in files.items() for fault in _faults(english[name], file)]
    if faults:
        raise ContentError([f"translations/{folder.name}/{fault}" for fault in faults])
    return files


def _signed(
    files: Mapping[str, _File], english: Mapping[str, _Words], knowledge: Knowledge
) -> dict[str, Signed]:
    """The reviews of what is translated, each with the digest of what an approval would name now."""
    return {
        name: Signed(file.review, _digest(name, english, files, knowledge))
        for name, file in files.items()
        if file.review is not None
    }


def _digest(
    name: str, english: Mapping[str, _Words], files: Mapping[str, _File], knowledge: Knowledge
) -> str:
    """Of the words of a file in both languages, and of the phrases that its rule asks for."""
    asked: set[_Place] = {(key,) for key in knowledge.phrase_keys.get(Path(name).stem, ())}
    sides = {
        "original": [english[name], _only(asked, english[_PHRASES])],
        "translation": [files[name].words, _only(asked, files[_PHRASES].words)],
    }
    texts = [
        (side, *place, text)
        for side, tables in sides.items()
        for one in tables
        for place, text in one.items()
    ]
    return digest_of("\0".join(parts) for parts in sorted(texts))


def _only(places: set[_Place], words: _Words) -> _Words:
    return {place: text for place, text in words.items() if place in places}


def _approved(
    files: Mapping[str, _File], signed: Mapping[str, Signed], knowledge: Knowledge, today: date
) -> dict[str, _File]:
    """The files without the words that nobody stands by; phrases are approved with the cards that ask."""
    warn_days = knowledge.defaults.review_warn_days
    kept = {name for name, one in signed.items() if one.on(today, warn_days=warn_days).is_approved}
    keys: set[_Place] = {(key,) for name in kept for key in knowledge.phrase_keys.get(Path(name).stem, ())}
    phrases = replace(files[_PHRASES], words=_only(keys, files[_PHRASES].words))
    return {**{name: file if name in kept else _File() for name, file in files.items()}, _PHRASES: phrases}


def _named(name: str, place: _Place) -> str:
    return f"{name}, {' '.join(place)}"


_COMMON, _PHRASES = "common.md", "phrases.toml"


def _english(knowledge: Knowledge) -> dict[str, _Words]:
    """What there is to translate: file -> place -> the English words."""
    cards = {f"{name}.md": _words_of_card(card) for name, card in knowledge.cards.items()}
    phrases: _Words = {(key,): text for key, text in knowledge.phrases.texts.items()}
    return {**cards, _COMMON: _words_of_common(knowledge.common), _PHRASES: phrases}


def _words_of_card(card: CardText) -> _Words:
    suggestions = card.suggestions
    return {
        ("title",): card.title,
        **({("item",): card.item} if card.item != card.title else {}),
        **{("silent", key): silence.because for key, silence in card.silent.items()},
        **{("suggestions", one.id): one.label for one in suggestions},
        **{(_ORDERS, text): text for one in suggestions for text in _words_of_resource(one.resource)},
        **{(_REASONS, one.code): one.display for one in card.override_reasons if one.system == OWN_SYSTEM},
        **{(_SECTION, name): text for name, text in card.sections.items() if name.startswith(WITH_HOLES)},
    }


def _words_of_common(common: Common) -> _Words:
    return {
        **{("silent", key): silence.because for key, silence in common.silent.items()},
        **{(_REASONS, code): one.display for code, one in non_adherence_reasons().items()},
        **{(_SECTION, heading): getattr(common, name) for name, heading in COMMON_SECTIONS.items()},
    }


def _words_of_resource(value: Any) -> Iterator[str]:
    """Each text of a template that a reader of the order sees; codes keep the display of their system."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name in _WORDS_OF_A_RESOURCE and isinstance(part, str):
                yield part
            yield from _words_of_resource(part)
    elif isinstance(value, list):
        for part in value:
            yield from _words_of_resource(part)


def _faults_of_names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if not (folder.parent.parent / path.name).is_file():
            yield f"{path.name}: there is no file of this name in cards/ to translate"


def _read(path: Path, *, most_days: float) -> _File:
    if not path.is_file():
        return _File()
    return _read_phrases(path) if path.name == _PHRASES else _read_markdown(path, most_days)


def _read_phrases(path: Path) -> _File:
    texts, lines = load_phrases(path).texts, lines_of_phrases(path)
    places: dict[_Place, str] = {(key,): f"{path.name}, line {lines[key]}, {key}" for key in texts}
    return _File({(key,): text for key, text in texts.items()}, places)


def _read_markdown(path: Path, most_days: float) -> _File:
    file = read_markdown(path)
    front = checked(_Front, file)
    if faults := list(review_faults(front.review, most_days=most_days)):
        raise ContentError([f"{file.at('review', name)}: {fault}" for name, fault in faults])
    single: dict[_Place, str] = {
        (name,): text for name in ("title", "item") if (text := getattr(front, name))
    }
    tables = ("silent", "suggestions", _ORDERS, _REASONS)
    several: dict[_Place, str] = {
        (table, key): text for table in tables for key, text in getattr(front, table).items()
    }
    sections: dict[_Place, str] = {(_SECTION, heading): text for heading, text in file.sections.items()}
    places = {place: file.at(*place) for place in single | several}
    places |= {place: file.at_section(place[1]) for place in sections}
    return _File(single | several | sections, places, front.review)


def _faults(english: _Words, file: _File) -> Iterator[str]:
    """Words of nothing in the English file, and holes that its words do not have, or have alone."""
    for place, text in file.words.items():
        if place not in english:
            yield f"{file.places[place]}: the English file has nothing of this name"
        elif not has_plain_holes(text):
            yield f"{file.places[place]}: a brace that is no hole"
        elif differing := holes_in(text) ^ holes_in(english[place]):
            named = ", ".join(f"{{{name}}}" for name in sorted(differing))
            yield f"{file.places[place]}: the English words and these differ in their holes: {named}"


def _translated(language: str, knowledge: Knowledge, words: Mapping[str, _Words]) -> Knowledge:
    reasons = words[_COMMON]
    cards = {name: _card(card, words[f"{name}.md"], reasons) for name, card in knowledge.cards.items()}
    return replace(
        knowledge,
        language=language,
        cards=cards,
        common=_common(knowledge.common, words[_COMMON]),
        phrases=Phrases({key: text for (key,), text in words[_PHRASES].items()}),
    )


def _card(card: CardText, words: _Words, reasons: _Words) -> CardText:
    title = words["title",]
    return replace(
        card,
        title=title,
        item=words.get(("item",), title),
        wordings={
            name: replace(
                one,
                summary=" ".join(words[_SECTION, f"Summary: {name}"].split()),
                detail=words.get((_SECTION, f"Detail: {name}")) or words[_SECTION, "Detail"],
            )
            for name, one in card.wordings.items()
        },
        silent=_silences(card.silent, words),
        suggestions=tuple(
            replace(one, label=words["suggestions", one.id], resource=_resource(one.resource, words))
            for one in card.suggestions
        ),
        override_reasons=tuple(_reason(one, words, reasons) for one in card.override_reasons),
        current_guidance=words.get((_SECTION, "Current guidance differs"), ""),
    )


def _reason(reason: OverrideReason, words: _Words, common: _Words) -> OverrideReason:
    place = (_REASONS, reason.code)
    return replace(reason, display=(words if reason.system == OWN_SYSTEM else common)[place])


def _silences(silent: Mapping[str, Silence], words: _Words) -> dict[str, Silence]:
    return {key: replace(one, because=words["silent", key]) for key, one in silent.items()}


def _resource(value: Any, words: _Words) -> Any:
    if isinstance(value, dict):
        return {
            name: words[_ORDERS, part]
            if name in _WORDS_OF_A_RESOURCE and isinstance(part, str)
            else _resource(part, words)
            for name, part in value.items()
        }
    return [_resource(part, words) for part in value] if isinstance(value, list) else value


def _common(common: Common, words: _Words) -> Common:
    texts = {name: " ".join(words[_SECTION, heading].split()) for name, heading in COMMON_SECTIONS.items()}
    return replace(common, silent=_silences(common.silent, words), lists=common.lists, **texts)
