"""What was written in the record, with the words marked that were read in it, and what is said of them.

The marks are those of the reading itself (:mod:`service.fhir.phrases`, :mod:`service.fhir.context`), with
which every resource was read before a rule was asked; nothing is read again in another way. A Ki-67, a stage
and an extent are more than words on a list: what the facts took from a text stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from service.facts.grade import proliferation
from service.facts.patient import Patient
from service.facts.spread import spread
from service.facts.staging import staging
from service.fhir import dates
from service.fhir.evidence import Evidence
from service.fhir.phrases import Mark, Marked
from service.fhir.r4 import Condition, Resource


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text. ``lists`` are the word lists read in it, none for the words between.

    ``said`` is the name of the strongest assertion, as in ``negated``; empty where nothing was read.
    """

    words: str
    lists: tuple[str, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """The words of one resource: what it is called and what it found, each in pieces that join to the whole.

    ``day`` is as written (``YYYY-MM-DD``), None where there is none. ``status`` is that of a report or
    document which is not a delivered one, so that no fact rests on it; else empty. ``taken`` is what the
    facts of grade, stage and extent took from it, in their words.
    """

    reference: str
    day: str | None
    status: str
    is_whole: bool
    name: tuple[Piece, ...]
    findings: tuple[Piece, ...]
    taken: tuple[str, ...] = ()


def marked_texts(patient: Patient) -> list[Text]:
    """Reports, documents, plans and results with words, and every diagnosis; the newest first."""
    kinds = patient.record.resources.values()
    written = [one for resources in kinds for one in resources if _is_written(one)]
    written.sort(key=lambda one: dates.order(one.happened()), reverse=True)
    return [_text(one, patient) for one in written]


def _is_written(resource: Resource) -> bool:
    return isinstance(resource, Condition) or bool(resource.findings.strip())


def _text(resource: Resource, patient: Patient) -> Text:
    moment, longest = resource.happened(), patient.terminology.word_lists.longest
    return Text(
        reference=resource.reference,
        day=moment.day if moment else None,
        status=resource.stated_status if resource.DONE and not resource.is_done else "",
        is_whole=max(len(resource.name), len(resource.findings)) <= longest,
        name=_read(resource.name, resource, patient),
        findings=_read(resource.findings, resource, patient),
        taken=tuple(
            dict.fromkeys(one.says for one in _taken(patient) if one.reference == resource.reference)
        ),
    )


def _taken(patient: Patient) -> Iterator[Evidence]:
    stage = staging(patient)
    yield from (one.evidence for one in proliferation(patient).counts)
    for category in (stage.t, stage.n, stage.m, stage.group, *stage.sites):
        yield from category.evidence
    yield from spread(patient).evidence


def _read(text: str, resource: Resource, patient: Patient) -> tuple[Piece, ...]:
    marked = patient.terminology.word_lists.marked(text, is_report=resource.IS_REPORT)
    return tuple(pieces(marked))


def pieces(marked: Marked) -> Iterator[Piece]:
    """The text cut wherever a mention begins or ends, as mentions of several lists may overlap."""
    marks = [_of_whole_words(one, marked.text) for one in marked.marks]
    cuts = sorted({0, len(marked.text), *_ends(marks)})
    for start, end in pairwise(cuts):
        yield _piece(marked.text[start:end], [one for one in marks if one.start <= start < one.end])


def _ends(marks: Iterable[Mark]) -> Iterator[int]:
    for one in marks:
        yield from (one.start, one.end)


def _of_whole_words(mark: Mark, text: str) -> Mark:
    """A phrase with any beginning or ending was read as a stem: the word goes on."""
    start, end = mark.start, mark.end
    while start > 0 and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return mark._replace(start=start, end=end)


def _piece(words: str, marks: Sequence[Mark]) -> Piece:
    if not marks:
        return Piece(words)
    strongest = max(one.assertion for one in marks)
    return Piece(words, tuple(sorted({one.word_list for one in marks})), strongest.name.lower())
