from __future__ import annotations

from typing import Any

import pytest

from service.facts.cover import Timing, scheduled_octreotide, timing
from service.facts.plan import plan
from tests.asking import patient, with_drafts

SYNDROME = "ileal NET 200 days ago; carcinoid syndrome 180 days ago"
EMBOLISATION = f"{SYNDROME}; TACE planned in 60 hours"


def cover(text: str, *dosages: dict[str, Any], **members: object) -> dict[str, Any]:
    """A draft as clients send them; the embolisation begins on 2026-11-26 at 20:00."""
    return {
        "resourceType": "MedicationRequest",
        "id": "cover",
        "medicationCodeableConcept": {"text": text},
        "dosageInstruction": list(dosages),
        **members,
    }


def line(text: str, start: str = "", end: str = "", **members: object) -> dict[str, Any]:
    bounds = {name: value for name, value in (("start", start), ("end", end)) if value}
    return {"text": text, "timing": {"repeat": {"boundsPeriod": bounds}}, **members}


INFUSION = line("IV infusion", "2026-11-26T06:00:00Z", "2026-11-29T08:00:00Z")
WORDLESS = {"timing": INFUSION["timing"]}
RESCUE = line("bolus", asNeededBoolean=True)


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        (cover("Sandostatin 500 mcg in NaCl", INFUSION), Timing.WHOLE),
        (cover("octreotide", INFUSION, RESCUE), Timing.WHOLE),
        (cover("octreotide", RESCUE), Timing.NONE),
        (cover("Sandostatin 500 mcg in NaCl infusion", WORDLESS), Timing.WHOLE),
        (cover("Sandostatin 500 mcg in NaCl infusion", WORDLESS, note=[{"text": "As needed"}]), Timing.NONE),
        (cover("octreotide", INFUSION, note=[{"text": "Bolus as needed"}]), Timing.WHOLE),
        (cover("octreotide", line("100 mcg s.c. as needed")), Timing.NONE),
        (cover("octreotide", line("IV infusion", asNeededCodeableConcept={"text": "flushing"})), Timing.NONE),
        (cover("octreotide", INFUSION, reportedBoolean=True), Timing.NONE),
        (cover("octreotide", line("20 mg by mouth", "2026-11-26T06:00:00Z")), Timing.NONE),
        (cover("octreotide", line("IV infusion", "2026-11-26", "2026-11-29")), Timing.UNTOLD),
        (cover("octreotide", line("once", "2026-11-26T06:00:00Z")), Timing.UNTOLD),
        (cover("octreotide", INFUSION, status="on-hold"), Timing.UNTOLD),
        (cover("octreotide LAR", INFUSION), Timing.NONE),
        (cover("Octreotid SUN 500 ug", INFUSION), Timing.WHOLE),
        (cover("Octreotida 500 mcg", INFUSION), Timing.WHOLE),
        (cover("Octreotida LAR", INFUSION), Timing.NONE),
        *[
            (cover("octreotide", {**INFUSION, "text": f"100 mcg SC {words}"}), Timing.NONE)
            for words in (
                *("zo nodig", "indien nodig", "al bisogno", "se necessario", "in caso di crisi", "a demanda"),
                *("si precisa", "si necesita", "b.B.", "wenn nötig", "en cas de besoin"),
            )
        ],
        (cover("octreotide", line("IV infusion", "2026-11-24T09:00:00Z")), Timing.SMALL_GAP),
    ],
)
def test_what_a_draft_covers(draft: dict[str, Any], expected: Timing) -> None:
    found = with_drafts(EMBOLISATION, draft)

    assert timing(plan(found).acts[0], found) is expected


@pytest.mark.parametrize(
    ("drug", "counts"),
    [
        ("octreotide SC", True),
        ("octreotide SC (inpatient)", True),
        ("octreotide SC (community)", False),
        ("octreotide SC (discharge)", False),
        ("octreotide SC (reported)", False),
        ("octreotide SC taking", False),
        ("octreotide PRN", False),
        ("octreotide SC given 24 hours ago", True),
        ("octreotide SC given 25 hours ago", False),
        ("octreotide SC (stopped)", False),
        ("octreotide LAR", False),
        ("lanreotide depot", False),
    ],
)
def test_what_is_scheduled(drug: str, counts: bool) -> None:
    assert bool(scheduled_octreotide(patient(f"{SYNDROME}; {drug}"))) is counts
