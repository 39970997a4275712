"""The rules, listed by hand: one file each, and one card of the same name under ``cards/``."""

from __future__ import annotations

from collections.abc import Mapping

from service.rules import (
    carcinoid_heart_echo,
    carcinoid_syndrome_record,
    chemotherapy_check,
    cholecystectomy,
    chromogranin_a,
    chromogranin_a_interpretation,
    cross_sectional_imaging,
    curative_surgery,
    discordant_grade,
    follow_up,
    hiaa,
    hiaa_interference,
    high_grade,
    histamine_release,
    insulinoma_ssa,
    ki67,
    liver_only_disease,
    lymphadenectomy,
    metastasis_record,
    multifocal_liver_disease,
    neoadjuvant_prrt,
    octreotide_prophylaxis,
    primary_complication,
    primary_despite_metastases,
    prrt_analogue_interval,
    prrt_without_sstr,
    resection_with_ablation,
    solitary_liver_metastasis,
    somatostatin_analogue,
    sstr_imaging,
    sympathetic_activation,
    symptom_debulking,
    systemic_options,
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
    insulinoma_ssa.RULE,
    histamine_release.RULE,
    sympathetic_activation.RULE,
    carcinoid_heart_echo.RULE,
    discordant_grade.RULE,
    carcinoid_syndrome_record.RULE,
    metastasis_record.RULE,
    chromogranin_a_interpretation.RULE,
    hiaa_interference.RULE,
    cholecystectomy.RULE,
    symptom_debulking.RULE,
    prrt_without_sstr.RULE,
    prrt_analogue_interval.RULE,
    primary_complication.RULE,
    chemotherapy_check.RULE,
    lymphadenectomy.RULE,
    curative_surgery.RULE,
    liver_only_disease.RULE,
    solitary_liver_metastasis.RULE,
    multifocal_liver_disease.RULE,
    primary_despite_metastases.RULE,
    somatostatin_analogue.RULE,
    systemic_options.RULE,
    resection_with_ablation.RULE,
    neoadjuvant_prrt.RULE,
    follow_up.RULE,
)

HOOKS = frozenset(hook for rule in RULES for hook in rule.hooks)
RULES_OF_HOOK: Mapping[str, tuple[Rule, ...]] = {
    hook: tuple(rule for rule in RULES if hook in rule.hooks) for hook in HOOKS
}
"""Each hook with the rules that belong to it, in the same order."""

SAFETY_RULES = frozenset(
    {
        "octreotide-prophylaxis",
        "prrt-without-sstr",
        "insulinoma-ssa",
        "prrt-analogue-interval",
        "metastasis-record",
    }
)
"""The rules without which a patient could come to harm (Y-12): a site that switches one off says why."""

PRIORITY: tuple[str, ...] = (
    "octreotide-prophylaxis",
    "prrt-without-sstr",
    "insulinoma-ssa",
    "prrt-analogue-interval",
    "primary-complication",
    "high-grade",
    "metastasis-record",
    "sstr-imaging",
    "ki67",
    "workup",
    "pathway",
)
"""Which card comes first among equally loud ones; what is not named comes after."""
