from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from service.hooks.text import cut, markdown, one_line, shortened, summary, without_tags


def shown(text: str) -> str:
    return MarkdownIt("gfm-like", {"linkify": False}).render(text)


@pytest.mark.parametrize(
    "value",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "![x](https://evil.example.org/pixel.png)",
        "<https://evil.example.org>",
        "**bold** _soft_ ~~gone~~ `code`",
        "# heading",
        "a | b",
        "&lt;b&gt; &#60;",
        "line one\n\n# line two\r\n- item",
        "\\<b>",
        "> quote",
        "[ref]: https://evil.example.org",
    ],
)
def test_a_value_shows_its_characters_and_does_nothing(value: str) -> None:
    rendered = shown(f"Said: {markdown(value)}.")
    assert re.findall(r"<[^>]*>", rendered) == ["<p>", "</p>"]
    assert html.unescape(rendered[3:-5]) == f"Said: {one_line(value)}."


@given(st.text())
def test_any_value_stays_text(value: str) -> None:
    rendered = shown(f"Said: {markdown(value)}.")
    assert re.findall(r"<[^>]*>", rendered) == ["<p>", "</p>"]


def test_bare_addresses_are_broken_for_flavours_that_would_link_them() -> None:
    assert markdown("www.evil.example.org https://evil.example.org a@b.example") == (
        "www\\.evil.example.org https\\://evil.example.org a\\@b.example"
    )


@pytest.mark.parametrize(
    "value",
    [
        "grade G1 (Ki-67 2.6 % on 2026-07-07; G1 by WHO 2019)",
        "imaging records could not be read: NET MDT",
        "12 % (hot spot), 3.5 mm",
    ],
)
def test_numbers_brackets_and_colons_of_a_sentence_stay_as_they_are(value: str) -> None:
    assert markdown(value) == value


@pytest.mark.parametrize(
    ("value", "escaped"),
    [("1. item", "1\\. item"), ("2) item", "2\\) item"), ("see www.1.org", "see www\\.1.org")],
)
def test_a_number_of_a_list_and_an_address_of_digits_are_escaped(value: str, escaped: str) -> None:
    assert markdown(value) == escaped


def test_a_long_value_with_markup_only_at_its_end_is_escaped_in_no_time() -> None:
    # A pattern that tries every way to divide the words would not come to an end here.
    assert markdown(f"{'a1.1:' * 190}*") == f"{'a1.1:' * 190}\\*"


def test_a_value_that_nobody_would_read_is_shortened_between_words() -> None:
    assert shortened("Ki-67 12 %, " * 80) == "Ki-67 12 %, " * 80
    assert shortened("Ki-67 12 %, " * 84) == "Ki-67 12 %, " * 82 + "Ki-67 12 %,…"
    assert len(shortened("x" * 100_000)) == 1_001


def test_one_line_takes_out_breaks_controls_and_direction_marks() -> None:
    assert one_line(" a\r\n\tb\x00c\u2028d\u202ee ") == "a b c d e"


def test_without_tags_leaves_comparisons_alone() -> None:
    assert without_tags("2 < 3, <5 %, <b>, <?php") == "2 < 3, <5 %, &lt;b>, &lt;?php"


def test_a_summary_keeps_its_sentence_and_cuts_the_longest_value() -> None:
    text = summary("{name} is planned without {drug} cover", {"name": "x" * 300, "drug": "octreotide"})
    assert len(text) == 139
    assert text.endswith("… is planned without octreotide cover")


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(), min_size=3))
def test_a_summary_with_short_words_fits_whatever_the_values(values: dict[str, str]) -> None:
    text = summary("Planned: {a}; then {b}, {c} and {a}", values)
    assert len(text) <= 139
    assert text.startswith("Planned:")


def test_a_summary_that_fits_is_not_touched() -> None:
    assert summary("Ki-67 {value}", {"value": "12 %"}) == "Ki-67 12 %"


def test_a_sentence_without_values_is_left_as_it_is() -> None:
    assert summary("s" * 150, {}) == "s" * 150


def test_cut_makes_any_text_fit() -> None:
    assert cut("s" * 150) == "s" * 138 + "…"
    assert cut("short\ntext") == "short text"
