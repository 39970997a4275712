"""Bodies whose Bundles came before, parsed without the entries that matter to no rule.

Nine of ten resources of a chart matter to no rule, and hooks are fired again and again on the same chart.
To parse them, and to take the objects apart again, was a third of the work on a call. So of an array of
entries that was met twice it is remembered where in its bytes those lie that a rule may rest on; when the
same bytes come again for the same patient, only these are parsed, and not before somebody asks for them. The
prefetch then has a digest, by which :mod:`service.charts` knows it.

Digests, with a key that this process makes up, and positions are all that is kept; see also
:mod:`service.fhir.recognition`. The whole array is compared by its digest, so that an answer never rests on
what the array was before.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import compress, groupby
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from service.errors import MalformedRequest
from service.fhir.bundles import Entries, KnownPrefetch, is_match
from service.fhir.queries import QUERIES
from service.fhir.reading import Resource, mapping
from service.fhir.recognition import Inspected, inspect, may_matter
from service.fhir.record import belongs
from service.fhir.terminology import Terminology
from service.json_body import read_object

_ENTRIES = re.compile(rb'"entry"[ \t\r\n]*:[ \t\r\n]*(?=\[[ \t\r\n]*\{)')
_BEGINNING = 512  # bytes by which an array is told before its end is known
_LENGTHS_TRIED = 2  # arrays with one beginning: what a chart was last, and what it was before
_HOPELESS: tuple[int, ...] = ()  # an array that is not read, or of which something has to be said
_MOST_ARRAYS = 2048
_MOST_BEGINNINGS = 8192

_Span = tuple[int, int]


class _Known(NamedTuple):
    """What is remembered of an array: whose it is, under which key, and of what is kept where it lies.

    ``inspected`` has an item for each entry that is kept, None for one that matters to no rule.
    """

    key: str
    patient: bytes
    kept: tuple[_Span, ...]
    inspected: tuple[Inspected | None, ...]
    left_out: int


class _Met(NamedTuple):
    """An array of a body; end and digest are known only for one that is remembered."""

    beginning: bytes
    start: int
    end: int
    digest: bytes
    known: _Known | None


class UnchangedEntries:
    """Reads bodies and remembers their arrays of entries. Nothing of it is shared between processes."""

    def __init__(self, terminology: Terminology) -> None:
        self._terminology = terminology
        self._key = hashlib.sha256(secrets.token_bytes(64))
        self._place = secrets.token_hex()
        self._met_once: set[bytes] = set()
        self._lengths: dict[bytes, tuple[int, ...]] = {}  # beginning -> lengths of arrays that begin so
        self._arrays: dict[bytes, _Known] = {}

    def read_object(self, raw: bytes) -> dict[str, Any]:
        """As :func:`service.json_body.read_object`, but for what is left out of ``prefetch``."""
        met = list(self._met(raw))
        known = [one for one in met if one.known]
        document = self._read_without(raw, known) if known else None
        if document is None:
            document = read_object(raw)
        for one in met:
            if one.known is None:
                self._meet(raw, one, document)
        return document

    def _met(self, raw: bytes) -> Iterator[_Met]:
        position = 0
        while found := _ENTRIES.search(raw, position):
            met = self._look_up(raw, found.end())
            yield met
            position = met.end

    def _look_up(self, raw: bytes, start: int) -> _Met:
        beginning = self._digest(raw[start : start + _BEGINNING])
        for length in self._lengths.get(beginning, ()):
            digest = self._digest(raw[start : start + length])
            known = self._arrays.get(digest)
            if known is not None:
                return _Met(beginning, start, start + length, digest, known)
        return _Met(beginning, start, start + 1, b"", None)

    def _digest(self, raw: bytes) -> bytes:
        digest = self._key.copy()
        digest.update(raw)
        return digest.digest()

    def _read_without(self, raw: bytes, arrays: list[_Met]) -> dict[str, Any] | None:
        """The body with only the entries to keep, or None where it has to be read as a whole.

        A text stands in for each array until its entries are asked for; both are one JSON value.
        """
        places = {f"{self._place}-{number}": one for number, one in enumerate(arrays)}
        try:
            document = read_object(_with_places(raw, places))
        except MalformedRequest:
            # What is wrong is told with its place, and that has to be the one in the whole body.
            return None
        patient, prefetch = self._patient_of(document), mapping(document.get("prefetch"))
        unparsed: dict[str, Callable[[], Entries]] = {}
        for key, bundle in prefetch.items():
            entries = bundle.get("entry") if isinstance(bundle, dict) else None
            one = places.get(entries) if isinstance(entries, str) else None
            if one is not None and one.known is not None:
                if (one.known.key, one.known.patient) != (key, patient):
                    return None
                unparsed[key] = partial(_kept_entries, raw, one.start, one.known)
        if len(unparsed) < len(arrays):
            return None
        # The places stand for the entries, which are in the digests of the arrays.
        digest = self._digest(b"".join((patient, orjson.dumps(prefetch), *[one.digest for one in arrays])))
        document["prefetch"] = KnownPrefetch(prefetch, digest=digest, unparsed=unparsed)
        return document

    def _patient_of(self, document: Mapping[str, Any]) -> bytes:
        return self._digest(_patient_id(document).encode())

    def _meet(self, raw: bytes, met: _Met, document: Mapping[str, Any]) -> None:
        """Remember an array when it is met for the second time; ``document`` is what the body says."""
        beginning, start = met.beginning, met.start
        if beginning not in self._met_once:
            if len(self._met_once) >= _MOST_BEGINNINGS:
                self._met_once.clear()
            self._met_once.add(beginning)
            return
        if self._lengths.get(beginning) == _HOPELESS:
            return
        spans, length = _spans(raw, start)
        array = raw[start : start + length]
        if max(len(self._arrays), len(self._lengths)) >= _MOST_ARRAYS:
            self._lengths.clear()
            self._arrays.clear()
        known = self._worth_knowing(array, spans, document)
        if known is None:
            self._lengths[beginning] = _HOPELESS
        else:
            self._lengths[beginning] = (length, *self._lengths.get(beginning, ()))[:_LENGTHS_TRIED]
            self._arrays[self._digest(array)] = known

    def _worth_knowing(self, array: bytes, spans: list[_Span], document: Mapping[str, Any]) -> _Known | None:
        """What to remember of an array; None for one that is not read as it stands."""
        try:
            entries = orjson.loads(array)
        except orjson.JSONDecodeError:  # numbers beyond a double
            return None
        prefetch = mapping(document.get("prefetch"))
        key = next((key for key in QUERIES if mapping(prefetch.get(key)).get("entry") == entries), None)
        if key is None or not all(_is_plain(entry, key) for entry in entries):
            return None
        whose = f"Patient/{_patient_id(document)}"
        inspected = [self._inspected(entry["resource"]) for entry in entries]
        to_keep = [
            about is not None or _has_to_be_read(entry, whose)
            for entry, about in zip(entries, inspected, strict=True)
        ]
        return _Known(
            key,
            self._patient_of(document),
            kept=_runs(spans, to_keep),
            inspected=tuple(compress(inspected, to_keep)),
            left_out=to_keep.count(False),
        )

    def _inspected(self, resource: Resource) -> Inspected | None:
        """What is remembered of a resource that may matter to a rule; the drug of an order is read anyway."""
        if resource["resourceType"] == "Medication" or not may_matter(resource, self._terminology):
            return None
        return inspect(resource, self._terminology)


def _has_to_be_read(entry: Mapping[str, Any], whose: str) -> bool:
    """Whether an entry is no result for this patient, so that something may have to be said of it."""
    resource = entry["resource"]
    return (
        not is_match(entry.get("search"))
        or resource["resourceType"] == "Medication"
        or not belongs(resource, (whose,))
    )


def _patient_id(document: Mapping[str, Any]) -> str:
    patient_id = mapping(document.get("context")).get("patientId")
    return patient_id if isinstance(patient_id, str) else ""


def _is_plain(entry: object, key: str) -> bool:
    """Whether nothing has to be said of an entry, such as that it is the wrong kind, with its number."""
    kind = mapping(mapping(entry).get("resource")).get("resourceType")
    return kind in (QUERIES[key].resource_type, "Medication")


def _with_places(raw: bytes, places: Mapping[str, _Met]) -> bytes:
    """The body with a text in place of each array."""
    parts, position = [], 0
    for place, one in places.items():
        parts += [raw[position : one.start], b'"', place.encode(), b'"']
        position = one.end
    return b"".join((*parts, raw[position:]))


def _kept_entries(raw: bytes, start: int, known: _Known) -> Entries:
    kept = b",".join([raw[start + first : start + last] for first, last in known.kept])
    entries = orjson.loads(b"[" + kept + b"]")
    inspected = {
        id(entry["resource"]): about for entry, about in zip(entries, known.inspected, strict=True) if about
    }
    return Entries(entries, left_out=known.left_out, inspected=inspected)


def _spans(raw: bytes, start: int) -> tuple[list[_Span], int]:
    """The spans of an array's elements, counted from its start, and its length, in a body of valid JSON."""
    # One character for each byte, so that positions agree; the values do not matter here.
    text, decoder = raw[start:].decode("latin-1"), json.JSONDecoder(parse_int=float)
    spans: list[_Span] = []
    position = 0
    while True:
        first = _end_of_space(text, position + 1)
        _element, last = decoder.raw_decode(text, first)
        spans.append((first, last))
        position = _end_of_space(text, last)
        if text[position] == "]":
            return spans, position + 1


def _end_of_space(text: str, position: int) -> int:
    while text[position] in " \t\r\n":
        position += 1
    return position


def _runs(spans: list[_Span], to_keep: list[bool]) -> tuple[_Span, ...]:
    """The spans to keep; neighbours are one, with the comma between them."""
    marked = groupby(zip(spans, to_keep, strict=True), key=itemgetter(1))
    runs = [[span for span, _ in group] for keep, group in marked if keep]
    return tuple((run[0][0], run[-1][1]) for run in runs)
