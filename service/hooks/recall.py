"""What the memory of earlier cards is asked, and what it answers.

https://cds-hooks.hl7.org/2.0/#overridden-guidance. The engine asks and the store answers; neither knows the
other, so the words they share stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

ACCEPTED = "accepted"
SELDOM = "seldom"
"""Why advice is held back, beside the classes of reasons for an override."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One answer of a rule that fires, and how long what was said of it earlier may hold.

    ``facts`` is what the answer rests on, as text; only a keyed digest of it is ever kept. ``is_seldom``
    advice is shown to a patient's clinicians once in a while, whoever looks. What is ``is_for_user_only`` is
    never silenced for others.
    """

    rule: str
    facts: str
    done_elsewhere_days: float
    is_critical: bool = False
    is_seldom: bool = False
    is_shadow: bool = False
    is_for_user_only: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a clinician reported of the advice, as a class of reasons, on a day as ``2026-11-29`` (UTC)."""

    reason_class: str
    day: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """Why an answer is held back (nothing: it is shown), and what was reported of it earlier."""

    held_by: frozenset[str] = frozenset()
    reports: tuple[Report, ...] = ()


Recall = Callable[[Sequence[Asked]], Sequence[Remembered]]
"""What is remembered of each answer, in their order; all of nothing while the memory cannot be read."""
