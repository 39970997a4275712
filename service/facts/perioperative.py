"""Which of the drugs being ordered matter around an operation, and is a crisis under way? (N-26, N-27)

Only drugs among the drafts are looked at, and only where the route lets them act on the whole body.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from service.facts.drafts import is_selected
from service.facts.drugs import Drug, treatment
from service.facts.patient import Patient, fact
from service.facts.plan import NEEDS_ANAESTHESIA, PlannedAct, plan, recent_acts
from service.fhir.r4 import Condition, Encounter
from service.hook_names import ORDER_SELECT


@dataclass(frozen=True, slots=True)
class OrderedDrug:
    """A drug among the drafts, with the operation that it is ordered around (None where there is none).

    ``is_dated`` is False where the operation has no date, so that the time between cannot be told.
    """

    drug: Drug
    act: PlannedAct | None
    is_dated: bool
    is_by_mouth: bool
    is_as_needed: bool

    def has_role(self, *roles: str) -> bool:
        """Whether the code lists of peri-operative drugs give it one of these roles."""
        return self.drug.is_in(_HISTAMINE, _SYMPATHOMIMETIC, roles=roles)


@dataclass(frozen=True, slots=True)
class Perioperative:
    """The drugs being ordered that one of the two lists names, and whether a crisis is being treated."""

    histamine: tuple[OrderedDrug, ...] = ()
    sympathomimetic: tuple[OrderedDrug, ...] = ()
    is_crisis_care: bool = False


_HISTAMINE, _SYMPATHOMIMETIC = "periop-avoid-histamine", "periop-avoid-sympathomimetic"
_ELSEWHERE = ("cough-or-inhaled", "home-medicine")
"""Words of a drug that acts in one place only, or belongs to daily life."""


@fact
def perioperative(patient: Patient) -> Perioperative:
    """The drafts against the operations around them; cheap where no such drug is ordered."""
    ordered = treatment(patient).of
    histamine = ordered(_HISTAMINE, roles=("avoid", "minor"), drafts_only=True)
    sympathomimetic = ordered(_SYMPATHOMIMETIC, roles=("avoid", "rescue"), drafts_only=True)
    if not histamine and not sympathomimetic:
        return Perioperative()
    return Perioperative(
        histamine=_ordered(histamine, patient, excluded_by=_ELSEWHERE),
        sympathomimetic=_ordered(
            sympathomimetic, patient, excluded_by=(*_ELSEWHERE, "asthma-or-allergy-kit")
        ),
        is_crisis_care=_is_crisis_care(patient),
    )


def _ordered(
    drugs: Iterable[Drug], patient: Patient, *, excluded_by: tuple[str, ...]
) -> tuple[OrderedDrug, ...]:
    acts = _acts(patient)
    meant = [drug for drug in drugs if not drug.resource.is_for_home and not drug.says(*excluded_by)]
    return tuple([_with_operation(drug, acts, patient) for drug in meant])


@fact
def _acts(patient: Patient) -> tuple[PlannedAct, ...]:
    """Planned and lately done."""
    acts = (*plan(patient).acts, *recent_acts(patient, patient.defaults.perioperative_hours))
    return tuple([act for act in acts if act.kind in NEEDS_ANAESTHESIA])


def _with_operation(drug: Drug, acts: Iterable[PlannedAct], patient: Patient) -> OrderedDrug:
    near = [act for act in acts if _is_around(act, drug, patient)]
    dated = [act for act in near if act.starts is not None or act.is_current]
    is_as_needed = any(one.is_as_needed for one in drug.resource.dosages())
    return OrderedDrug(
        drug=drug,
        act=next(iter((*dated, *near)), None),
        is_dated=bool(dated),
        is_by_mouth=drug.says("by-mouth"),
        is_as_needed=is_as_needed or drug.says("as-needed", "crisis-use"),
    )


def _is_around(act: PlannedAct, drug: Drug, patient: Patient) -> bool:
    """Among the same drafts, without a date, or within the hours before its start or after its end."""
    if patient.hook == ORDER_SELECT and not _is_chosen(act, drug, patient):
        return False
    if act.is_current or act.starts is None:
        return True
    given = drug.starts.instant if drug.starts else patient.now
    margin, ends = timedelta(hours=patient.defaults.perioperative_hours), act.ends or act.starts
    return act.starts.instant - margin <= given <= ends.instant + margin


def _is_chosen(act: PlannedAct, drug: Drug, patient: Patient) -> bool:
    """On order-select one of the two has to be what the user just chose."""
    return is_selected(drug.resource, patient) or (act.is_current and is_selected(act.resource, patient))


def _is_crisis_care(patient: Patient) -> bool:
    """A crisis or low blood pressure on record now, or an encounter in which crises are treated."""
    record = patient.record
    return any(_names_crisis(one) and _is_under_way(one, patient) for one in record.of(Condition)) or any(
        one.about.is_named("acute-care") and _is_current(one, patient) for one in record.of(Encounter)
    )


def _is_under_way(condition: Condition, patient: Patient) -> bool:
    """Problem lists keep a crisis active for years; without a date it may be the one being treated."""
    began, limit = condition.since, patient.defaults.crisis_under_way_days
    return condition.is_in_force(patient.now) and (began is None or began.days_before(patient.now) <= limit)


def _names_crisis(condition: Condition) -> bool:
    if rows := condition.about.rows("net-functional-syndromes"):
        return any(row.get("syndrome") == "carcinoid-crisis" for row in rows)
    return condition.about.is_named("crisis-under-way")


def _is_current(encounter: Encounter, patient: Patient) -> bool:
    is_of_hook = bool(patient.encounter_id) and encounter.id == patient.encounter_id
    return encounter.is_now or is_of_hook
