"""Why a FHIR server gave nothing, or not all: names here, the words in ``cards/phrases.toml``.

The words reach cards (https://cds-hooks.hl7.org/2.0/#card-attributes), logs and terminals in the language of
each, so no sentence stands beside the code that finds the fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from service.fhir.phrasebook import Phrases


class Why(Enum):
    """What kept an answer away, by the name of its phrase."""

    UNREAD = "unread"
    LATE = "late"
    CONNECTION = "connection-failed"
    ENCRYPTION = "encryption-refused"
    NOT_FORMED = "request-not-formed"
    COMPRESSION = "compression-unreadable"
    TOO_LARGE = "answer-too-large"
    TOO_LARGE_TOGETHER = "answers-too-large"
    TOKEN_NOT_ACCEPTED = "token-not-accepted"  # noqa: S105  # the name of a phrase
    NOT_PERMITTED = "not-permitted"
    NOT_KNOWN = "not-known"
    DELETED = "deleted"
    TOO_LONG_A_WAIT = "too-long-a-wait"
    STATUS = "status"
    NO_QUERY = "no-query"
    TOKEN_NOT_USABLE = "token-not-usable"  # noqa: S105  # the name of a phrase
    SCOPE_LACKS = "scope-lacks"
    SCOPE_IN_PART = "scope-in-part"
    NOT_ALL_PAGES = "not-all-pages"
    NOT_ALL_PAGES_NOR_NEWEST = "not-all-pages-nor-newest"
    COUNTS_MORE = "counts-more"
    COMPONENTS = "components-not-searched"
    LINK_LEADS_AWAY = "link-leads-away"
    LINKS_IN_A_CIRCLE = "links-in-a-circle"
    MANY_PAGES = "many-pages"
    OUTCOME = "outcome"
    SOMETHING_ELSE = "something-else"
    NOT_FHIR_JSON = "not-fhir-json"
    NOT_ONE_OBJECT = "not-one-object"
    MEMBER_TWICE = "member-twice"
    REDIRECTS_AWAY = "redirects-away"
    BUSY = "busy"
    BUSY_FOR_CLIENT = "busy-for-client"
    BUSY_FOR_ALL = "busy-for-all"
    NOT_ASKED = "not-asked"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason; ``of`` is a number or name that its words have a hole for, ``because`` what lay beneath."""

    why: Why
    of: str = ""
    because: Reason | None = None

    def in_words(self, phrases: Phrases) -> str:
        """The reason for a reader, without patient data."""
        because = self.because.in_words(phrases) if self.because else ""
        return phrases(f"fetch.{self.why.value}", of=self.of, because=because)
