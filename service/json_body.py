"""The body of a request, or of the answer of a FHIR server: bytes in, one JSON object out.

https://cds-hooks.hl7.org/2.0/#use-of-json, https://hl7.org/fhir/R4/json.html, with RFC 8259 read strictly:
UTF-8, no NaN, no member twice; a byte order mark in front is ignored, as section 8.1 allows. The same chart
gives the same cards by prefetch and by fetching, so both are read here. Who reads something else than a
request says so in place of MalformedRequest. Time and memory grow with the length of the body and with
nothing else. Of a request only what somebody asks for is parsed (``read_parts``): most of the chart of a
patient without a tumour never is.
"""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec
import orjson
from msgspec import Raw

from service.errors import MalformedRequest

_LONGEST_INTEGER = 18  # digits that always fit the 64 bits in which integers are kept
_LONGEST_PATH = 300  # characters
_TOO_DEEP = "has to be nested at most 254 levels deep"


def read_object(raw: bytes) -> dict[str, Any]:
    """Parse a body or raise MalformedRequest with the place of the fault.

    Numbers that a double cannot hold are kept as their text: they are data of the chart, and the
    reader of the record sees that the text is no number.
    """
    document = _read(raw.removeprefix(codecs.BOM_UTF8))
    if not isinstance(document, dict):
        raise MalformedRequest("has to be one JSON object", path="$")
    return document


_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


def read_parts(raw: bytes, *, within: str) -> dict[str, Any]:
    """The same, but the members of the object ``within`` stay the text that they are, for ``read_part``.

    That they are JSON, and that no name is there twice on the way to them, is known all the same.
    """
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        raw.decode()
        members = _MEMBERS.decode(raw)
        parts = _MEMBERS.decode(members[within])
        written = msgspec.json.encode({**members, within: parts})
    except (KeyError, UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return read_object(raw)  # which says what is wrong
    if _may_lack_a_member(written, of=raw):
        return read_object(raw)
    return {**read_object(msgspec.json.encode({**members, within: {}})), within: parts}


def read_part(part: Raw, *, path: str) -> Any:
    """The JSON of a part; a fault is placed below the ``path`` at which the part stands."""
    try:
        return _read(bytes(part))
    except MalformedRequest as fault:
        raise MalformedRequest(fault.message, path=f"{path}{fault.path[1:]}"[:_LONGEST_PATH]) from None


def may_hold(part: Raw, texts: Collection[str]) -> bool:
    """Whether one of these texts can be a string in a part that nobody has parsed; escaped, any can."""
    written = bytes(part)
    return _holds(written, b"\\u") or any(f'"{text}"'.encode() in written for text in texts)


def _holds(written: bytes, *escapes: bytes) -> bool:
    # Looking for the one byte first is more than ten times as fast as looking for the others.
    return b"\\" in written and any(one in written for one in escapes)


def _read(raw: bytes) -> Any:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        return _read_with_odd_numbers(raw, problem)
    _refuse_repeated_members(raw, document)
    return document


def _read_with_odd_numbers(raw: bytes, problem: orjson.JSONDecodeError) -> Any:
    if "depth limit" in problem.msg:
        raise MalformedRequest(_TOO_DEEP) from None
    # orjson refuses numbers beyond a double with this text, and nothing else.
    if "infinity" not in problem.msg:
        _refuse(problem.msg, problem.lineno, problem.colno)
    document = _read_slowly(raw)
    try:
        # Lone surrogates and deep nesting are let through by json and refused by orjson.
        orjson.dumps(document)
    except orjson.JSONEncodeError:
        raise MalformedRequest("has to be valid Unicode and nested at most 254 levels deep") from None
    return document


def _refuse_repeated_members(raw: bytes, document: Any) -> None:
    """Raise MalformedRequest with the path where one object has a member twice.

    A parser keeps the last of two members silently, and which of two patientIds was meant must not
    be guessed. Where one may have been dropped, the body is parsed the slow way.
    """
    try:
        written = orjson.dumps(document)
    except orjson.JSONEncodeError:
        raise MalformedRequest(_TOO_DEEP) from None
    if _may_lack_a_member(written, of=raw):
        _read_slowly(raw)


def _may_lack_a_member(written: bytes, *, of: bytes) -> bool:
    """Whether what was parsed and written again may lack a member that was there twice.

    A body without white space mostly comes back byte for byte, and then no member was dropped. Otherwise the
    colons tell: each member brings one, and colons inside strings survive parsing, so that a dropped member
    leaves fewer. An escaped colon is the exception, as it is written back plain.
    """
    if written == of:
        return False
    return _holds(of, b"\\u003a", b"\\u003A") or of.count(b":") != written.count(b":")


@dataclass(slots=True)
class _Repeated:
    """The object that has one member twice and was met last while parsing, with all its members.

    An object ends after those within it, so that none which ends later can have dropped the last one:
    it is always part of the document.
    """

    holder: dict[str, Any] | None = None
    members: list[tuple[str, Any]] = field(default_factory=list)

    def note(self, members: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(members)
        if len(value) != len(members):
            self.holder, self.members = value, members
        return value


def _read_slowly(raw: bytes) -> Any:
    """Parse with the standard library, which shows the members of each object before one is dropped."""
    repeated = _Repeated()
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=repeated.note,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as problem:
        _refuse(problem.msg, problem.lineno, problem.colno)
    except RecursionError:
        raise MalformedRequest(_TOO_DEEP) from None
    if repeated.holder is not None:
        raise MalformedRequest("has to be there only once", path=_path(document, repeated))
    return document


def _refuse(what: str, line: int, column: int) -> NoReturn:
    raise MalformedRequest(f"has to be valid JSON: {what.rstrip(':')} (line {line}, column {column})")


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedRequest("has to be valid JSON, which knows no NaN and no Infinity")


def _integer(text: str) -> int | float | str:
    return int(text) if len(text) <= _LONGEST_INTEGER else _decimal(text)


def _decimal(text: str) -> float | str:
    value = float(text)
    return text if value in (float("inf"), float("-inf")) else value


def _path(document: Any, repeated: _Repeated) -> str:
    times = Counter(name for name, _ in repeated.members)
    member = next(name for name, count in times.items() if count > 1)
    steps = [*_steps(document, repeated.holder), member]
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    # A name may hold half a surrogate pair, which no answer could be written with.
    return path.encode("utf-8", "backslashreplace").decode()[:_LONGEST_PATH]


def _steps(document: Any, holder: object) -> list[str | int]:
    """The steps from the root to ``holder``. The paths of all elements could be larger than any memory."""
    if document is holder:
        return []
    steps: list[str | int] = []
    above = [_members(document)]
    while above:
        for step, value in above[-1]:
            if value is holder:
                return [*steps, step]
            if isinstance(value, _CONTAINERS):
                steps.append(step)
                above.append(_members(value))
                break
        else:
            above.pop()
            del steps[-1:]
    return []


_CONTAINERS = (dict, list)


def _members(value: Any) -> Iterator[tuple[str | int, Any]]:
    return iter(value.items()) if isinstance(value, dict) else enumerate(value)
