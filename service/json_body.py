"""The body of a request, or of the answer of a FHIR server: bytes in, one JSON object out.

https://cds-hooks.hl7.org/2.0/#use-of-json, https://hl7.org/fhir/R4/json.html, with RFC 8259 read strictly:
UTF-8 without byte order mark, no NaN, no member twice. The same chart gives the same cards by prefetch and
by fetching, so both are read here. Who reads something else than a request says so in place of
MalformedRequest.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, NoReturn

import orjson

from service.errors import MalformedRequest

_LONGEST_INTEGER = 18  # digits that always fit the 64 bits in which integers are kept
_LONGEST_PATH = 300  # characters


class _Repeated(NamedTuple):
    """Stands in the parsed document for an object that has one member twice."""

    member: str


def read_object(raw: bytes) -> dict[str, Any]:
    """Parse a body or raise MalformedRequest with the place of the fault.

    Numbers that a double cannot hold are kept as their text: they are data of the chart, and the
    reader of the record sees that the text is no number.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        document = _read_with_odd_numbers(raw, problem)
    if not isinstance(document, dict):
        raise MalformedRequest("has to be one JSON object", path="$")
    _refuse_repeated_members(raw, document)
    return document


def _read_with_odd_numbers(raw: bytes, problem: orjson.JSONDecodeError) -> Any:
    # orjson refuses numbers beyond a double with this text, and nothing else.
    if "infinity" not in problem.msg:
        _refuse(problem.msg, problem.lineno, problem.colno)
    document = _read_slowly(raw)
    _refuse_path(_path_of_repeated(document))
    try:
        # Lone surrogates and deep nesting are let through by json and refused by orjson.
        orjson.dumps(document)
    except orjson.JSONEncodeError:
        raise MalformedRequest("has to be valid Unicode and nested at most 254 levels deep") from None
    return document


def _read_slowly(raw: bytes) -> Any:
    """Parse with the standard library; an object with a member twice becomes a _Repeated."""
    try:
        return json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as problem:
        _refuse(problem.msg, problem.lineno, problem.colno)
    except RecursionError:
        raise MalformedRequest("has to be nested at most 254 levels deep") from None


def _refuse(what: str, line: int, column: int) -> NoReturn:
    raise MalformedRequest(f"has to be valid JSON: {what.rstrip(':')} (line {line}, column {column})")


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedRequest("has to be valid JSON, which knows no NaN and no Infinity")


def _integer(text: str) -> int | float | str:
    return int(text) if len(text) <= _LONGEST_INTEGER else _decimal(text)


def _decimal(text: str) -> float | str:
    value = float(text)
    return text if value in (float("inf"), float("-inf")) else value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Repeated:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            break
        seen.add(name)
    return _Repeated(name)


def _refuse_repeated_members(raw: bytes, document: dict[str, Any]) -> None:
    """Raise MalformedRequest with the path where one object has a member twice.

    A parser keeps the last of two members silently, and which of two patientIds was meant must not
    be guessed. A body without white space mostly comes back byte for byte when it is written again,
    and then no member was dropped. Otherwise the colons tell: each member brings one, and colons
    inside strings survive parsing, so that a dropped member leaves fewer. An escaped colon is the
    exception, as it is written back plain; such a body is parsed the slow way.
    """
    try:
        written = orjson.dumps(document)
    except orjson.JSONEncodeError:
        raise MalformedRequest("has to be nested at most 254 levels deep") from None
    if written == raw:
        return
    # Looking for the one byte first is ten times as fast as looking for the six.
    escaped = b"\\" in raw and (b"\\u003a" in raw or b"\\u003A" in raw)
    if escaped or raw.count(b":") != written.count(b":"):
        _refuse_path(_path_of_repeated(_read_slowly(raw)))


def _refuse_path(path: str | None) -> None:
    if path:
        # A name may hold half a surrogate pair, which no answer could be written with.
        shown = path.encode("utf-8", "backslashreplace").decode()[:_LONGEST_PATH]
        raise MalformedRequest("has to be there only once", path=shown)


def _path_of_repeated(document: Any) -> str | None:
    waiting = [("$", document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _Repeated):
            return f"{path}.{value.member}"
        if isinstance(value, dict):
            waiting += [(f"{path}.{name}", inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}[{index}]", inner) for index, inner in enumerate(value)]
    return None
