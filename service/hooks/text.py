"""Words of the chart made safe for a card.

https://cds-hooks.hl7.org/2.0/#card-attributes: ``summary`` is one line of plain text under 140
characters, ``detail`` is GitHub-flavoured Markdown, which lets HTML through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LONGEST_SUMMARY = 139
"""Characters (Unicode code points)."""
_LONGEST_VALUE = 1_000  # characters that a reader may want of one value
_SHORTEST_VALUE = 8  # characters that a value keeps in any case, so that it can be recognised
_ELLIPSIS = "…"
_SPACE = re.compile(r"[\s\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
# Nearly all texts hold no markup: no dot but that of a number, no colon of an address, and where they
# begin with a digit neither dot nor bracket, which could make it the number of a list. The quantifiers
# are possessive, so that a long text that fails does so at once.
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9 ,;%()-]++|:(?!//)|(?<=\d)\.(?=\d))*+|\d[A-Za-z0-9 ,;%-]*")
_MARKUP = re.compile(r"[\\`*_\[\]|~<>&@]|:(?=//)")
_AT_LINE_START = re.compile(r"^(?:[#+=-]|\d{1,9}(?=[.)]))")
_LINK_WORDS = re.compile(r"\b(www)\.", re.IGNORECASE)
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def shortened(value: str) -> str:
    """A value in a length that somebody may read, so that no answer grows with what a chart holds."""
    if len(value) <= _LONGEST_VALUE:
        return value
    return value[:_LONGEST_VALUE].rsplit(" ", 1)[0] + _ELLIPSIS


def one_line(value: str) -> str:
    """A value without line breaks, control characters and marks that turn the writing direction."""
    # A printable text without two blanks in a row is in order as it stands, and nearly all are.
    if value.isascii() and value.isprintable() and "  " not in value:
        return value.strip()
    return _SPACE.sub(" ", value).strip()


def markdown(value: str) -> str:
    """A value of the chart as Markdown that shows its characters and does nothing else.

    Every character that Markdown or HTML could read as markup where it stands is escaped with a
    backslash, ``<`` and ``&`` as entities, and the dot of ``www.``, which GitHub's flavour would turn
    into a link. Signs that are markup only at the start of a line are escaped only there, because many
    EHRs show the text as it is.
    """
    shown = shortened(value)
    if _PLAIN.fullmatch(shown):
        return shown
    escaped = _AT_LINE_START.sub(_escaped_start, _MARKUP.sub(_escaped, one_line(shown)))
    return _LINK_WORDS.sub(r"\1\\.", escaped)


def _escaped(match: re.Match[str]) -> str:
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(match[0], "\\" + match[0])


def _escaped_start(match: re.Match[str]) -> str:
    sign = match[0]
    return f"{sign}\\" if sign[0].isdigit() else f"\\{sign}"


def without_tags(detail: str) -> str:
    """A whole detail in which no ``<`` begins an HTML tag; the last guard before the wire."""
    return _TAG.sub("&lt;", detail) if "<" in detail else detail


def summary(words: str, values: Mapping[str, str], *, limits: Mapping[str, str] | None = None) -> str:
    """Fill the holes of a summary and cut its longest values until it fits.

    ``words`` has holes as in ``str.format_map``; ``limits`` are values of our own, which are short and stay
    whole. The sentence itself is never cut here: one that is too long without its values is a fault of the
    content.
    """
    fitting = {name: one_line(value) for name, value in values.items()}
    fixed = limits or {}
    while (excess := len(text := one_line(words.format_map({**fixed, **fitting}))) - LONGEST_SUMMARY) > 0:
        name = max(fitting, key=lambda each: len(fitting[each]), default="")
        length = len(fitting.get(name, ""))
        if length <= _SHORTEST_VALUE:
            break
        kept = max(length - excess - len(_ELLIPSIS), _SHORTEST_VALUE - len(_ELLIPSIS))
        fitting[name] = fitting[name][:kept].rstrip() + _ELLIPSIS
    return text


def cut(text: str) -> str:
    """A summary that is certainly one line under 140 characters."""
    line = one_line(text)
    return line if len(line) <= LONGEST_SUMMARY else line[: LONGEST_SUMMARY - 1].rstrip() + _ELLIPSIS
