"""What a case expects of the cards, and what of it does not hold."""

from __future__ import annotations

import re

from tests.casebook.cases import Case
from tests.casebook.dates import Shift
from tests.casebook.ehr import Answer, Card


def fold(text: str) -> str:
    text = re.sub(r"[‐‑‒–−]", "-", text)
    return re.sub(r"\s+%", "%", re.sub(r"[\s   ]+", " ", text)).casefold()


def items(cell: str, mark: str = ";") -> list[str]:
    return [part.strip() for part in cell.split(mark) if part.strip()]


def speaks(cards: list[Card], rule: str) -> list[str]:
    """The indicators with which a rule (or a card of that topic, or any card: `*`) speaks."""
    return [
        c.indicator
        for c in cards
        if rule == "*" or c.topic == rule or (rule in c.recommendations and c.topic != "incomplete-data")
    ]


def _holds(cards: list[Card], alternative: str) -> bool:
    rule, _, indicators = alternative.partition(":")
    found = speaks(cards, rule)
    return bool(found) if not indicators else bool(set(found) & set(indicators.split("/")))


_UNREAD = re.compile(
    r"could not|cannot|can't|not (?:be )?(?:read|checked|verified|assessed|known|complete|supplied|available)"
    r"|unread|unknown|unverified|incomplete|partial"
)
_STEM = {
    "allergies": "allerg",
    "medications": "medic",
    "procedures": "procedure",
    "observations": "(?:result|observation)",
    "orders": "order",
    "appointments": "appointment",
    "conditions": "(?:condition|diagnos|problem)",
    "imaging": "imaging",
    "documents": "(?:document|note)",
    "flags": "flag",
    "patient": "patient",
}


def _named_as_unread(cards: list[Card], name: str) -> bool:
    """In notAssessed as rule or section; or a sentence of a card that says so."""
    for card in cards:
        if any(name in (str(e.get("recommendation")), str(e.get("section"))) for e in card.not_assessed):
            return True
        for sentence in re.split(r"(?<=[.!?;])\s|\n", fold(card.text)):
            if re.search(_STEM.get(name, re.escape(name)), sentence) and _UNREAD.search(sentence):
                return True
    return False


def check(case: Case, answer: Answer, shift: Shift) -> list[str]:
    """What does not hold, one sentence for each; empty where all holds."""
    bad = [answer.problem] if answer.problem else []
    if str(answer.status) not in items(case.status or "200", "|"):
        return [*bad, f"status {answer.status}, not {case.status or 200}"]
    answered = answer.status == 200
    if answered:
        bad += _silent(case, answer.cards) + _loud(case, answer.cards) + _unnamed(case, answer.cards)
    texts = [fold(card.text) for card in answer.cards] if answered else [fold(answer.text)]
    if answered or not case.present:
        bad += [
            f"no card says {shift.text(wanted)!r}"
            for wanted in items(case.says)
            if not any(fold(shift.text(a)) in text for a in items(wanted, "|") for text in texts)
        ]
    unwanted = [alternative for cell in items(case.never_says) for alternative in items(cell, "|")]
    return bad + [
        f"a card says {shift.text(words)!r}"
        for words in unwanted
        if any(fold(shift.text(words)) in text for text in texts)
    ]


def _silent(case: Case, cards: list[Card]) -> list[str]:
    bad = []
    for wanted in items(case.present):
        if not any(_holds(cards, a) for a in items(wanted, "|")):
            rules = [a.partition(":")[0] for a in items(wanted, "|")]
            heard = [f" ({r} is {'/'.join(speaks(cards, r))})" for r in rules if speaks(cards, r)]
            bad.append(f"{wanted} does not speak{''.join(heard)}")
    return bad


def _loud(case: Case, cards: list[Card]) -> list[str]:
    bad = []
    for unwanted in items(case.absent):
        rule, _, indicators = unwanted.partition(":")
        found = {i for i in speaks(cards, rule) if not indicators or i in indicators.split("/")}
        if found:
            bad.append(f"{unwanted} speaks ({'/'.join(sorted(found))})")
    return bad


def _unnamed(case: Case, cards: list[Card]) -> list[str]:
    return [
        f"{name} is not named as not assessed"
        for name in items(case.not_assessed)
        if not any(_named_as_unread(cards, a) for a in items(name, "|"))
    ]
