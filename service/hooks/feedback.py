"""A feedback request, read and checked.

https://cds-hooks.hl7.org/2.0/#feedback

One bad entry refuses the whole request, with the JSON path of the fault: a client that is told "accepted"
must be able to rely on it for every entry. What is not needed for an outcome is ignored.

A reason is kept as a code only where it is one that we or HL7 publish, with the display published for it.
What else a client sends there may be what a clinician typed, so it is kept with the comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.errors import MalformedRequest
from service.hooks.card import OverrideReason

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_LONGEST_ID = 200
"""Characters. Ours have 36; a longer one is no card of anybody, and the store could not index it."""
_LONGEST_CODE = 1_000
_LONGEST_COMMENT = 4_000
_MOST_ENTRIES = 200
_MOST_SUGGESTIONS = 50


@dataclass(frozen=True, slots=True)
class GivenReason:
    """Why a card was overridden. ``comment`` is free text that may speak of the patient: never log it."""

    code: str | None = None
    system: str | None = None
    display: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class FeedbackItem:
    """What became of one card: ``outcome`` is ``accepted`` or ``overridden``."""

    card: str
    outcome: str
    outcome_timestamp: datetime
    accepted_suggestions: tuple[str, ...] = ()
    reason: GivenReason = GivenReason()


def parse(body: Any, reasons: Mapping[str, OverrideReason]) -> tuple[FeedbackItem, ...]:
    """Read the decoded JSON of a feedback request, or raise MalformedRequest.

    ``card`` need not be known; ``reasons`` are those that are published, by code. Moments come back in UTC,
    ids in lower case, comments cut to 4,000 characters.
    """
    if not isinstance(body, dict):
        raise MalformedRequest("The body must be a JSON object with the array 'feedback'.", path="$")
    entries = body.get("feedback")
    if not isinstance(entries, list):
        raise MalformedRequest("'feedback' must be an array, of one entry for each card.", path="$.feedback")
    if len(entries) > _MOST_ENTRIES:
        raise MalformedRequest(
            f"'feedback' has more than {_MOST_ENTRIES} entries; send the others in another request.",
            path="$.feedback",
        )
    return tuple(_item(entry, reasons, path=f"$.feedback[{index}]") for index, entry in enumerate(entries))


def _item(entry: Any, reasons: Mapping[str, OverrideReason], *, path: str) -> FeedbackItem:
    if not isinstance(entry, dict):
        raise MalformedRequest("A feedback entry must be an object.", path=path)
    card = _identifier(entry, "card", path=path)
    timestamp = _moment(entry.get("outcomeTimestamp"), path=f"{path}.outcomeTimestamp")
    outcome = entry.get("outcome")
    if outcome == "accepted":
        return FeedbackItem(card, outcome, timestamp, _accepted_suggestions(entry, path=path))
    if outcome == "overridden":
        # Epic has the name in the plural: https://fhir.epic.com/Documentation?docId=cds-hooks, "Feedback".
        name = "overrideReason" if entry.get("overrideReason") is not None else "overrideReasons"
        reason = _override_reason(entry.get(name), reasons, path=f"{path}.{name}")
        return FeedbackItem(card, outcome, timestamp, reason=reason)
    raise MalformedRequest("'outcome' must be 'accepted' or 'overridden'.", path=f"{path}.outcome")


def _identifier(entry: Mapping[str, Any], name: str, *, path: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_ID:
        raise MalformedRequest(
            f"'{name}' must be the uuid that came with the card, a string.", path=f"{path}.{name}"
        )
    return value.lower()


def _moment(value: Any, *, path: str) -> datetime:
    problem = MalformedRequest(
        "'outcomeTimestamp' must be an RFC 3339 moment in UTC, as 2026-11-23T03:10:13Z.", path=path
    )
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise problem
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        # The shape is right, but there is no such moment.
        raise problem from None


def _accepted_suggestions(entry: Mapping[str, Any], *, path: str) -> tuple[str, ...]:
    path = f"{path}.acceptedSuggestions"
    suggestions = entry.get("acceptedSuggestions")
    if not isinstance(suggestions, list) or not suggestions:
        raise MalformedRequest(
            "An accepted card needs 'acceptedSuggestions' with at least one id.", path=path
        )
    if len(suggestions) > _MOST_SUGGESTIONS:
        raise MalformedRequest(
            f"'acceptedSuggestions' has more than {_MOST_SUGGESTIONS} entries; no card has so many.",
            path=path,
        )
    # Some clients send the ids themselves.
    named = [{"id": one} if isinstance(one, str) else one for one in suggestions]
    for index, suggestion in enumerate(named):
        if not isinstance(suggestion, dict):
            raise MalformedRequest("An accepted suggestion must be an object.", path=f"{path}[{index}]")
    return tuple(
        _identifier(suggestion, "id", path=f"{path}[{index}]") for index, suggestion in enumerate(named)
    )


def _override_reason(given: Any, reasons: Mapping[str, OverrideReason], *, path: str) -> GivenReason:
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if given is None:
        return GivenReason()
    if not isinstance(given, dict):
        raise MalformedRequest("'overrideReason' must be an object.", path=path)
    # In the draft of 1.1 the members of the reason stood beside the comment.
    is_flat = given.get("reason") is None and bool(given.get("code"))
    said = _coding(given, path=path) if is_flat else _coding(given.get("reason"), path=f"{path}.reason")
    comment = _joined(*_comments(given, path=path), *_reasons_of_the_client(given)) or ""
    if not said and not comment and not given.get("extension"):
        raise MalformedRequest("'overrideReason' needs a 'reason', a 'userComment' or both.", path=path)
    published = reasons.get(said.get("code", ""))
    if published and said.get("system", published.system) == published.system:
        return GivenReason(published.code, published.system, published.display, _joined(comment))
    return GivenReason(comment=_joined(comment, *said.values()))


def _comments(given: Mapping[str, Any], *, path: str) -> Iterable[str]:
    """The comment, or all of several."""
    comments = given.get("userComment")
    if not isinstance(comments, list):
        return (_text(given, "userComment", path=path),)
    if not all(isinstance(one, str) for one in comments):
        raise MalformedRequest("'userComment' must be a string.", path=f"{path}.userComment")
    return comments


def _reasons_of_the_client(given: Mapping[str, Any]) -> Iterable[str]:
    """The words of reasons that the client has of its own, as Epic sends them; each once."""
    extension = given.get("extension")
    members = extension.items() if isinstance(extension, dict) else ()
    texts = [text for name, text in members if name.endswith((".reasonDisplay", ".reasonTitle"))]
    return dict.fromkeys(text for text in texts if isinstance(text, str))


def _coding(reason: Any, *, path: str) -> dict[str, str]:
    """What a reason says: a code, with or without its display and system, or nothing."""
    if reason is None:
        return {}
    if isinstance(reason, str) and reason:
        # Before 2.0 the reason was the bare code.
        return {"code": reason}
    if not isinstance(reason, dict) or not reason.get("code"):
        raise MalformedRequest("'reason' must be a coding with a 'code'.", path=path)
    for name in ("code", "system"):
        if len(_text(reason, name, path=path)) > _LONGEST_CODE:
            raise MalformedRequest(
                f"'{name}' has more than {_LONGEST_CODE} characters.", path=f"{path}.{name}"
            )
    said = {name: _text(reason, name, path=path) for name in ("display", "code", "system")}
    return {name: text for name, text in said.items() if text}


def _joined(*texts: str) -> str | None:
    return "\n".join(text for text in texts if text)[:_LONGEST_COMMENT] or None


def _text(parent: Mapping[str, Any], name: str, *, path: str) -> str:
    value = parent.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedRequest(f"'{name}' must be a string.", path=f"{path}.{name}")
    return value or ""
