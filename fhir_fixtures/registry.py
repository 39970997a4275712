"""The table of clinical phrases and how one phrase is read.

A phrase is a few words, then words in brackets that qualify it, then a time::

    Ki-67 12 % (preliminary) 60 days ago

Adding a phrase is one function with the decorator :func:`phrase` in :mod:`fhir_fixtures.phrases`. It
gets a :class:`Phrase` and returns FHIR R4 resources (https://hl7.org/fhir/R4/). Their ``id`` is a
stem such as ``ki67``, which becomes ``ki67-1``, ``ki67-2``, ... in the order of the phrases.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

Resource: TypeAlias = dict[str, Any]

CODELISTS = Path(__file__).parent.parent / "cards" / "codelists"
PATIENT = {"reference": "Patient/patient-1"}
HOUR_OF_DAY = 8
"""The hour (UTC) of "now" and of every time that is given as a day."""


class UnknownPhrase(ValueError):
    """A phrase that no entry of the table understands, or a qualifier that its entry does not know."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase, read: the named groups of its pattern, its qualifiers and its times (UTC)."""

    text: str
    words: Mapping[str, str]
    qualifiers: frozenset[str]
    start: datetime | None
    end: datetime | None
    now: datetime

    def has(self, *qualifiers: str) -> bool:
        """Whether any of these qualifiers stands in brackets."""
        return not self.qualifiers.isdisjoint(qualifiers)

    def when(self, *, days_ago: int) -> datetime | None:
        """The time that was given, else so many days ago, else nothing for ``(undated)``."""
        if self.has("undated"):
            return None
        return self.start or self.now - timedelta(days=days_ago)


Build: TypeAlias = Callable[[Phrase], list[Resource]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table: the pattern, an example of it, the qualifiers it knows."""

    pattern: re.Pattern[str]
    example: str
    qualifiers: frozenset[str]
    build: Build


TABLE: list[Entry] = []

EVERYWHERE = frozenset({"undated", "of another patient"})
"""Qualifiers that every phrase knows."""


def phrase(pattern: str, *, example: str, qualifiers: Iterable[str] = ()) -> Callable[[Build], Build]:
    """Put a function into the table under a regular expression that has to match the whole phrase."""

    def register(build: Build) -> Build:
        TABLE.append(
            Entry(re.compile(pattern, re.IGNORECASE), example, EVERYWHERE | frozenset(qualifiers), build)
        )
        return build

    return register


_QUOTED = r'"[^"]*"'
_TIME = (
    r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z)?|\d+ (?:hour|day|week|month|year)s? (?:ago|ahead)"
    r"|in \d+ (?:hour|day|week|month|year)s?|today|now|tomorrow|yesterday"
)
_END_OF_PHRASE = re.compile(rf"(?:\s+(on|since|at|from|to|until))?\s+({_TIME})$", re.IGNORECASE)
_QUALIFIER = re.compile(r"\s*\(([^()\"]*)\)")
_DAYS_PER_UNIT = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30, "year": 365}


def now_on(today: date) -> datetime:
    """The moment that counts as now on a day of the fixtures."""
    return datetime.combine(today, time(HOUR_OF_DAY), UTC)


def split_phrases(text: str) -> list[str]:
    """The phrases of a text: separated by semicolons that stand outside quotation marks."""
    parts = re.findall(rf"(?:{_QUOTED}|[^;\"])+", text)
    return [stripped for part in parts if (stripped := " ".join(part.split()))]


def resources_of(text: str, *, today: date) -> list[Resource]:
    """The resources, with stems for ids, that one phrase stands for."""
    entry, found = read_phrase(text, today=today)
    return entry.build(found)


def read_phrase(text: str, *, today: date) -> tuple[Entry, Phrase]:
    """The entry of the table that understands a phrase, and the phrase as it read it."""
    now = now_on(today)
    head, start, end = _times(_without_qualifiers(text), now)
    given = frozenset(found.lower() for found in _QUALIFIER.findall(_unquoted(text)))
    for entry in TABLE:
        if matched := entry.pattern.fullmatch(head):
            _check_qualifiers(text, given, entry.qualifiers)
            words = {name: value for name, value in matched.groupdict().items() if value is not None}
            return entry, Phrase(text, words, given, start, end, now)
    raise UnknownPhrase(f'"{text}" is not in the vocabulary; near: {_near(head)}')


def _check_qualifiers(text: str, given: frozenset[str], known: frozenset[str]) -> None:
    if unknown := sorted(given - known):
        raise UnknownPhrase(f'"{text}": ({unknown[0]}) is not known here; known: {", ".join(sorted(known))}')


def _unquoted(text: str) -> str:
    return re.sub(_QUOTED, "", text)


def _without_qualifiers(text: str) -> str:
    """Brackets inside quotation marks belong to the quotation and stay."""
    pieces = re.split(rf"({_QUOTED})", text)
    kept = [piece if piece.startswith('"') else _QUALIFIER.sub("", piece) for piece in pieces]
    return " ".join("".join(kept).split())


def _times(head: str, now: datetime) -> tuple[str, datetime | None, datetime | None]:
    """Take the times off the end of a phrase: what is left, the start and the end."""
    start = end = None
    while found := _END_OF_PHRASE.search(head):
        word, moment = (found[1] or "").lower(), _moment(found[2].lower(), now)
        start, end = (start, moment) if word in ("to", "until") else (moment, end)
        head = head[: found.start()]
    return head, start, end


def _moment(words: str, now: datetime) -> datetime:
    if words[:4].isdigit() and words[4:5] == "-":
        return datetime.fromisoformat(words.upper()) if "t" in words else now_on(date.fromisoformat(words))
    if words in ("today", "now"):
        return now
    if words in ("tomorrow", "yesterday"):
        return now + timedelta(days=1 if words == "tomorrow" else -1)
    number, unit = re.findall(r"\d+", words)[0], re.findall(r"(hour|day|week|month|year)", words)[0]
    sign = -1 if words.endswith("ago") else 1
    return now + sign * int(number) * timedelta(days=_DAYS_PER_UNIT[unit])


def _near(head: str) -> str:
    examples = [entry.example for entry in TABLE]
    lowered = {example.lower(): example for example in examples}
    close = difflib.get_close_matches(head.lower(), lowered, n=3, cutoff=0.3)
    return ", ".join(f'"{lowered[name]}"' for name in close) or "nothing"


def instant(moment: datetime | None) -> str | None:
    """A FHIR dateTime with its zone."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def day(moment: datetime | None) -> str | None:
    """A FHIR date."""
    return moment.date().isoformat() if moment else None


def filled(resource: Resource) -> Resource:
    """The resource without the members that have no value."""
    return {name: value for name, value in resource.items() if value not in (None, [], {}, "")}


@cache
def _codes(codelist: str) -> dict[str, tuple[str, str]]:
    with (CODELISTS / f"{codelist}.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: (row["system"], row["display"]) for row in csv.DictReader(file)}


def coding(codelist: str, code: str) -> Resource:
    """A Coding as the code list has it; an error where the list does not have the code."""
    system, display = _codes(codelist)[code]
    return filled({"system": system, "code": code, "display": display})


def concept(codelist: str, code: str, *, text: str = "") -> Resource:
    """A CodeableConcept of one code of a code list."""
    return filled({"coding": [coding(codelist, code)], "text": text})


def status_concept(system: str, code: str) -> Resource:
    """A CodeableConcept of one of HL7's status code systems."""
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}


def first(phrase: Phrase, choices: Mapping[str, str], default: str) -> str:
    """The value of the first qualifier of the phrase that the table of choices has."""
    return next((value for name, value in choices.items() if phrase.has(name)), default)
