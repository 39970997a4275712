"""Print how often charts show cards: ``make burden``."""

from __future__ import annotations

import sys

from tests.burden.courses import COURSES
from tests.burden.opening import burden

_LINE = "{:<38}{:>10}{:>18}{:>8}{:>10}\n"

if __name__ == "__main__":
    sys.stdout.write(_LINE.format("course", "openings", "with a card", "cards", "warnings"))
    for course in COURSES:
        found = burden(course)
        share = f"{found.with_a_card} ({found.share:.0%})"
        sys.stdout.write(_LINE.format(course.name, found.openings, share, found.cards, found.warnings))
