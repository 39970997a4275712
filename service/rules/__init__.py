"""The rules, listed by hand: one file each, and one card of the same name under ``cards/``."""

from __future__ import annotations

from service.rules import (
    chromogranin_a,
    cross_sectional_imaging,
    hiaa,
    high_grade,
    ki67,
    octreotide_prophylaxis,
    sstr_imaging,
    tnm,
    tumour_board,
)
from service.rules.base import Rule

RULES: tuple[Rule, ...] = (
    octreotide_prophylaxis.RULE,
    high_grade.RULE,
    sstr_imaging.RULE,
    ki67.RULE,
    tumour_board.RULE,
    cross_sectional_imaging.RULE,
    chromogranin_a.RULE,
    hiaa.RULE,
    tnm.RULE,
)

PRIORITY: tuple[str, ...] = (
    "octreotide-prophylaxis",
    "high-grade",
    "insulinoma-ssa",
    "primary-complication",
    "sstr-imaging",
    "ki67",
    "workup",
    "pathway",
)
"""Which card comes first among equally loud ones; what is not named comes after."""
