"""Which rules could be assessed on a FHIR server that cannot give everything: a look-up in the cards.

Each wording, silence and suggestion of a card says on which sections of the record it rests
(https://cds-hooks.hl7.org/2.0/#prefetch-responses-from-the-cds-client); what cannot be read takes away
what rests on it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from service.cards import CardText, Knowledge, Silence, Wording
from service.rules import RULES

NEEDED = "conditions"
"""Without this section no call is answered at all."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """Whether a rule can be assessed: ``yes``, ``partly`` (with some of its wordings) or ``no``."""

    rule: str
    can: str
    because: str


def assessments(missing: Mapping[str, str], knowledge: Knowledge) -> list[Assessment]:
    """One assessment a rule; ``missing`` gives the reason per section that the server cannot fill."""
    today = datetime.now(UTC).date()
    cards = [knowledge.cards[rule.id] for rule in RULES if knowledge.shows(rule.id, today)]
    return [_assessment(card, missing) for card in cards]


def _assessment(card: CardText, missing: Mapping[str, str]) -> Assessment:
    lacking = sorted((_rests_on(card) | {NEEDED}) & missing.keys())
    because = "; ".join(f"{section}: {missing[section]}" for section in lacking)
    if not lacking:
        return Assessment(card.id, "yes", "")
    return Assessment(card.id, "partly" if _may_speak(card, missing) else "no", because)


def _rests_on(card: CardText) -> set[str]:
    said: list[Wording | Silence] = [*card.wordings.values(), *card.silent.values()]
    stated = [*[one.rests_on for one in said], *[one.rests_on for one in card.suggestions]]
    return {section for sections in stated for section in sections}


def _may_speak(card: CardText, missing: Collection[str]) -> bool:
    if NEEDED in missing:
        return False
    return any(set(wording.rests_on).isdisjoint(missing) for wording in card.wordings.values())
