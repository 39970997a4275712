"""The numbers that the facts and rules use, read from ``cards/defaults.toml``.

Each has a unit and a reason there. An operator's file of the same form overrides single values.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from service.content_files import collect, read_tables
from service.errors import ContentError


@dataclass(frozen=True, slots=True)
class Defaults:
    """One field per table of ``cards/defaults.toml``; the name ends in the unit."""

    adult_age_years: float
    cross_sectional_fresh_days: float
    cross_sectional_before_treatment_days: float
    sstr_fresh_days: float
    marker_fresh_days: float
    marker_before_treatment_days: float
    ki67_stale_days: float
    board_fresh_days: float
    before_diagnosis_days: float
    initial_phase_days: float
    node_resected_days: float
    news_days: float
    follow_up_days: float
    follow_up_until_days: float
    order_window_days: float
    completed_order_window_days: float
    pregnancy_days: float
    comfort_care_days: float
    refusal_days: float
    override_days: float
    done_elsewhere_days: float
    declined_days: float
    decided_days: float
    judgement_days: float
    not_now_days: float
    not_my_patient_days: float
    critical_override_hours: float
    seldom_days: float
    accepted_grace_days: float
    cover_before_hours: float
    cover_after_hours: float
    cover_after_min_hours: float
    cover_earliest_hours: float
    cover_open_end_hours: float
    cover_tolerance_minutes: float
    running_dose_hours: float
    prrt_course_days: float
    prrt_long_acting_days: float
    prrt_short_acting_hours: float
    imminent_hours: float
    emergency_hours: float
    past_act_hours: float
    hiaa_limit_mg_per_24h: float
    hiaa_limit_umol_per_24h: float
    depot_window_days: float
    baseline_lost_days: float
    liver_therapy_window_days: float
    few_liver_lesions: float
    many_liver_lesions: float
    perioperative_hours: float
    crisis_under_way_days: float
    telotristat_days: float
    echocardiography_days: float
    admission_procedure_days: float
    analogue_ki67_limit_percent: float
    board_ki67_from_percent: float
    board_ki67_to_percent: float
    compete_ki67_to_percent: float
    chemotherapy_warning_below_percent: float
    egfr_low: float
    egfr_no_prrt: float
    egfr_prophylaxis_below: float
    egfr_caution_below: float
    egfr_caution_days: float
    acute_kidney_failure_days: float
    proton_pump_inhibitor_washout_days: float
    minimum_cells_counted: float
    small_pancreatic_tumour_mm: float
    small_tumour_mm: float
    most_cards: float
    discordant_ki67_percent: float
    report_text_chars: float
    other_cancer_days: float
    review_max_days: float
    review_warn_days: float


def load_defaults(path: Path, override: Path | None = None) -> Defaults:
    """Read the defaults, then the operator's overrides; ContentError lists every problem."""
    problems: list[str] = []
    values = _read(path, problems)
    if override is not None:
        values |= _read(override, problems)
    names = {field.name for field in fields(Defaults)}
    problems += [f"{path.name}: {name} is missing" for name in sorted(names - set(values))]
    problems += [
        f"{(override or path).name}: {name} is not a setting" for name in sorted(set(values) - names)
    ]
    if problems:
        raise ContentError(problems)
    return Defaults(**values)


def _read(path: Path, problems: list[str]) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, table in (collect(problems, lambda: read_tables(path)) or {}).items():
        value = table.get("value") if isinstance(table, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            problems.append(f"{path.name}: {name}.value must be a number that is not negative")
        elif not table.get("unit") or not table.get("reason"):
            problems.append(f"{path.name}: {name} needs a unit and a reason")
        elif name == "most_cards" and value < 1:
            problems.append(f"{path.name}: most_cards.value must be at least 1; switch rules off in [site]")
        else:
            values[name] = value
    return values
