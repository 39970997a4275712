"""What the web is given to work with, so that HTTP knows no rule, database or key set.

:func:`service.create_app` fills these in; tests fill in their own. The HTTP side of
https://cds-hooks.hl7.org/2.0/ is all that the modules beside this one hold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from service.config import Settings
from service.hooks.card import Card
from service.hooks.request import HookRequest
from service.security.clients import ANONYMOUS, Client


@dataclass(frozen=True, slots=True)
class Answered:
    """What the engine made of one hook call; durations in milliseconds, sections with
    their state and how their entries ended.

    ``shadowed`` are cards that are recorded and not shown; ``phase`` is the patient's phase of care.
    """

    cards: Sequence[Card]
    durations: Mapping[str, float] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    shadowed: Sequence[Card] = ()
    phase: str = ""


class RecordIssued(Protocol):
    """Count the call and remember its cards, without waiting for the database."""

    def __call__(
        self,
        wire_cards: Sequence[Mapping[str, Any]],
        *,
        answered: Answered,
        request: HookRequest,
        client: Client,
    ) -> None:
        """``wire_cards`` are the JSON of ``answered.cards``. Never raises for a store out of reach."""


class RecordFeedback(Protocol):
    """Keep the outcomes of a feedback document durably, or raise MalformedRequest or StoreUnavailable."""

    def __call__(self, document: Mapping[str, Any], *, service_id: str, client: Client) -> int:
        """Return how many outcomes the document holds."""


def anybody(_authorization: str | None, _audiences: Collection[str]) -> Client:
    """Accept every call; the header is not looked at, as it could not be trusted."""
    return ANONYMOUS


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything behind HTTP.

    ``hooks`` are those with a rule; ``switched_off`` says by hook what this site keeps back. ``prefetch`` are
    the templates of discovery. ``languages`` are those in which cards can be written, the one for callers
    without a wish first. ``authenticate`` takes the Authorization header and the values that ``aud`` may
    have, and gives the client or raises NotAuthenticated. ``respond`` writes the cards in the ``language`` of
    its client. ``check_store`` raises StoreUnavailable while the store cannot be used. ``lapsed_approvals``
    are the cards whose approval no longer counts today.
    """

    settings: Settings
    respond: Callable[[HookRequest, Client], Answered]
    hooks: Collection[str]
    prefetch: Mapping[str, str]
    switched_off: Mapping[str, str] = field(default_factory=dict)
    languages: Sequence[str] = ("en",)
    authenticate: Callable[[str | None, Collection[str]], Client] = anybody
    record_issued: RecordIssued | None = None
    record_feedback: RecordFeedback | None = None
    check_store: Callable[[], None] | None = None
    lapsed_approvals: Callable[[], Sequence[str]] = tuple
