from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from service.errors import MalformedRequest
from service.json_body import may_hold, read_object, read_part, read_parts

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def refusal(raw: bytes) -> MalformedRequest:
    with pytest.raises(MalformedRequest) as caught:
        read_object(raw)
    return caught.value


@given(st.dictionaries(st.text(), JSON_VALUES))
@pytest.mark.slow
def test_a_valid_object_comes_out_as_it_went_in(document: dict[str, object]) -> None:
    raw = orjson.dumps(document)
    assert read_object(raw) == orjson.loads(raw)

    indented = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    assert read_object(indented) == orjson.loads(raw)


@given(st.dictionaries(st.text(), JSON_VALUES), st.text(), JSON_VALUES)
@pytest.mark.slow
def test_a_member_that_is_there_twice_is_always_found(
    document: dict[str, object], name: str, value: object
) -> None:
    member = orjson.dumps({name: value})[1:-1]
    others = orjson.dumps({key: each for key, each in document.items() if key != name})[1:-1]
    raw = b"{" + b",".join(part for part in (member, others, member) if part) + b"}"
    assert "only once" in refusal(raw).message


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b'{"a":1,"a":1}', "$.a"),
        (b'{ "a" : 1, "a" : 1 }', "$.a"),
        (b'{"context":{"patientId":"1","patientId":"2"}}', "$.context.patientId"),
        (b'{"list":[{},{"x":{"b":1,"b":2}}]}', "$.list[1].x.b"),
        (b'{"hidden \\u003a colon":1,"d":1,"d":2}', "$.d"),
        (b'{"hidden \\u003A colon":1,"d":1,"d":2}', "$.d"),
        (b'{"odd":1e999,"a":1,"a":2}', "$.a"),
        (b'{"odd":1e999,"\\ud800":1,"\\ud800":2}', "$.\\ud800"),
        (b'{"a":{"b":1,"b":2},"a":3}', "$.a"),
        (b'{"a":{"b":1,"b":2},"c":3}', "$.a.b"),
        (b'[{"":[[],{"b":1,"b":2}]}]', "$[0].[1].b"),
        (b'\xef\xbb\xbf{"a":1,"a":1}', "$.a"),
    ],
)
def test_a_repeated_member_is_named_by_its_path(raw: bytes, path: str) -> None:
    assert refusal(raw).path == path


def test_the_path_of_a_repeated_member_stays_short() -> None:
    name = b'"' + b"n" * 5000 + b'"'
    assert len(refusal(b"{" + name + b":1," + name + b":2}").path) == 300


@pytest.mark.parametrize("raw", [b'{"a:b":"c:d"}', b'{"\\u003a":"\\u003a"}', b'{"\\u003cdiv":"\\u003a"}'])
def test_colons_inside_strings_are_no_members(raw: bytes) -> None:
    assert read_object(raw) == orjson.loads(raw)


def test_a_byte_order_mark_in_front_is_ignored() -> None:
    assert read_object(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@pytest.mark.parametrize("number", [b"1e-99999999999999999999", b"-0e99999999999999999999"])
def test_a_number_too_small_for_a_double_is_nothing(number: bytes) -> None:
    assert read_object(b'{"value":' + number + b"}") == {"value": 0.0}


@pytest.mark.parametrize("raw", [b"[]", b"3", b'"text"', b"null", b"true"])
def test_anything_but_an_object_is_refused_at_the_root(raw: bytes) -> None:
    assert refusal(raw).path == "$"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"   ",
        b"{",
        b"not json",
        b'{"a":1}x',
        b'{"a":1,}',
        b'{"a":1} // comment',
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":01}',
        b'{"a":"\x01"}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b"\xef\xbb\xbf",
        b'\xef\xbb\xbf\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b'{"odd":1e999,"a":NaN}',
        b'{"odd":1e999,"a":"\\udc00"}',
        b'{"odd":1e999,"a":01}',
        b'{"odd":1e999,"a":"\xff"}',
    ],
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    refusal(raw)


def test_a_syntax_error_is_placed_by_line_and_column() -> None:
    assert "line 2, column 6" in refusal(b'{\n "a" 1}').message


@pytest.mark.parametrize("depth", [255, 1000, 5000, 200_000])
@pytest.mark.parametrize("start", [b'{"a":', b'{"odd":1e999,"a":'])
def test_deep_nesting_is_refused_whatever_else_is_odd(start: bytes, depth: int) -> None:
    assert "254 levels" in refusal(start + b"[" * depth + b"]" * depth + b"}").message


def test_nesting_that_no_chart_reaches_is_still_read() -> None:
    assert "a" in read_object(b'{"a":' + b"[" * 250 + b"]" * 250 + b"}")


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (b"1e999999999", "1e999999999"),
        (b"-1e400", "-1e400"),
        (b"-1E+99999999999999999999", "-1E+99999999999999999999"),
        (b"1e" + b"9" * 5000, "1e" + "9" * 5000),
        (b"9" * 400, "9" * 400),
        (b"-" + b"9" * 20000, "-" + "9" * 20000),
    ],
)
def test_a_number_beyond_a_double_is_kept_as_its_text(number: bytes, kept: str) -> None:
    assert read_object(b'{"value":' + number + b',"other":12,"third":1.5}') == {
        "value": kept,
        "other": 12,
        "third": 1.5,
    }


PREFETCH = (
    b'{"hook":"patient-view","prefetch":{"one":{"a":[1,2]},"two":{"b":{"c":"\\u00e9"}}},"context":{"x":1}}'
)


def parts_of(raw: bytes) -> tuple[dict[str, object], dict[str, object]]:
    """What is read of a body, and of the parts of its prefetch."""
    document = read_parts(raw, within="prefetch")
    parts = document.pop("prefetch")
    return document, {name: _parsed(part) for name, part in parts.items()}


def _parsed(part: object) -> object:
    return read_part(part, path="$.prefetch.part") if isinstance(part, Raw) else part


@pytest.mark.parametrize("front", [b"", b"\xef\xbb\xbf", b" \n"])
def test_a_body_in_parts_is_the_body(front: bytes) -> None:
    rest, parts = parts_of(front + PREFETCH)

    assert {**rest, "prefetch": parts} == orjson.loads(PREFETCH)


def test_a_part_stays_unread_until_it_is_asked_for() -> None:
    parts = read_parts(PREFETCH, within="prefetch")["prefetch"]

    assert {name: bytes(part) for name, part in parts.items()} == {
        "one": b'{"a":[1,2]}',
        "two": b'{"b":{"c":"\\u00e9"}}',
    }


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b'{"hook":1,"hook":1}', "$.hook"),
        (b'{"hook":1,"prefetch":{},"hook":1}', "$.hook"),
        (b'{"prefetch":{"a":1},"prefetch":{"a":1}}', "$.prefetch"),
        (b'{"prefetch": {"a" : 1, "a" : 2}}', "$.prefetch.a"),
        (b'{"context":{"x":1,"x":2},"prefetch":{"a":1}}', "$.context.x"),
        (b'{"hidden \\u003a":1,"prefetch":{},"d":1,"d":2}', "$.d"),
    ],
)
def test_a_member_that_is_there_twice_on_the_way_to_a_part_is_named(raw: bytes, path: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read_parts(raw, within="prefetch")
    assert caught.value.path == path


def test_a_member_that_is_there_twice_within_a_part_is_named_when_the_part_is_read() -> None:
    parts = read_parts(b'{"prefetch":{"a":{"list":[{"b":1,"b":2}]}}}', within="prefetch")["prefetch"]

    with pytest.raises(MalformedRequest) as caught:
        read_part(parts["a"], path="$.prefetch.a")
    assert caught.value.path == "$.prefetch.a.list[0].b"


@pytest.mark.parametrize(
    "part", [b"01", b"NaN", b'"\xff"', b'"\\ud800"', b'"\x01"', b"[1,]", b"{", b"[" * 5000 + b"]" * 5000]
)
def test_a_part_that_is_no_json_is_refused_though_nobody_asks_for_it(part: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_parts(b'{"prefetch":{"a":' + part + b"}}", within="prefetch")


@pytest.mark.parametrize(
    ("text", "can"), [(b'"59847-4"', True), (b'"59847\\u002d4"', True), (b'"59847"', False)]
)
def test_whether_a_text_can_be_in_a_part(text: bytes, can: bool) -> None:
    part = read_parts(b'{"prefetch":{"a":{"code":' + text + b"}}}", within="prefetch")["prefetch"]["a"]

    assert may_hold(part, ["8-1", "59847-4"]) is can
