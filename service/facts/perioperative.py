"""Which of the drugs being ordered matter around an operation, and is a crisis under way? (N-26, N-27)

Only drugs among the drafts are looked at, and only where the route lets them act on the whole body.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.facts.context import Context
from service.facts.defaults import Defaults
from service.facts.plan import Kind, Plan, PlannedAct, recent_acts
from service.facts.treatment import Drug, Treatment
from service.facts.tumour import is_in_force
from service.fhir import dates
from service.fhir.reading import Resource, codings, elements, string, words
from service.fhir.record import Record

_NEEDS_ANAESTHESIA = (Kind.ABDOMINAL_SURGERY, Kind.OTHER_SURGERY, Kind.LOCOREGIONAL)
_AT_HOME = ("community", "discharge")
"""Codes of https://hl7.org/fhir/R4/valueset-medicationrequest-category.html for use at home."""


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
        return self.drug.is_in(*_LISTS, roles=roles)


@dataclass(frozen=True, slots=True)
class Perioperative:
    """The drugs being ordered that one of the two lists names, and whether a crisis is being treated."""

    histamine: tuple[OrderedDrug, ...] = ()
    sympathomimetic: tuple[OrderedDrug, ...] = ()
    is_crisis_care: bool = False


_HISTAMINE, _SYMPATHOMIMETIC = _LISTS = ("periop-avoid-histamine", "periop-avoid-sympathomimetic")
_ROLES = {_HISTAMINE: ("avoid", "minor"), _SYMPATHOMIMETIC: ("avoid", "rescue")}


def read_perioperative(
    record: Record, context: Context, plan: Plan, treatment: Treatment, *, now: datetime, defaults: Defaults
) -> Perioperative:
    """Read the drafts against the operations around them; cheap where no such drug is ordered."""
    if not any(treatment.of(name, roles=_ROLES[name], drafts_only=True) for name in _LISTS):
        return Perioperative()
    hours = defaults.perioperative_hours
    acts = (*plan.acts, *recent_acts(record, now=now, hours=hours))
    acts = tuple(act for act in acts if act.kind in _NEEDS_ANAESTHESIA)

    def ordered(name: str, *excluded_by: str) -> tuple[OrderedDrug, ...]:
        return tuple(
            _ordered(drug, acts, record, context, now=now, hours=hours)
            for drug in treatment.of(name, roles=_ROLES[name], drafts_only=True)
            if not _is_for_home(drug)
            and not any(record.terminology.says(words, drug.text) for words in excluded_by)
        )

    return Perioperative(
        histamine=ordered(_HISTAMINE, "cough-or-topical", "home-medicine"),
        sympathomimetic=ordered(
            _SYMPATHOMIMETIC, "cough-or-topical", "home-medicine", "asthma-or-allergy-kit"
        ),
        is_crisis_care=_is_crisis_care(record, context, now=now, days=defaults.crisis_under_way_days),
    )


def _is_for_home(drug: Drug) -> bool:
    return any(coding.code in _AT_HOME for coding in codings(drug.resource.get("category")))


def _ordered(
    drug: Drug,
    acts: tuple[PlannedAct, ...],
    record: Record,
    context: Context,
    *,
    now: datetime,
    hours: float,
) -> OrderedDrug:
    near = [act for act in acts if _is_around(act, drug, context, now=now, hours=hours)]
    dated = [act for act in near if act.starts is not None or act.is_current]
    return OrderedDrug(
        drug=drug,
        act=next(iter((*dated, *near)), None),
        is_dated=bool(dated),
        is_by_mouth=record.terminology.says("by-mouth", drug.text),
        is_as_needed=_is_as_needed(drug) or record.terminology.says("rescue-use", drug.text),
    )


def _is_around(act: PlannedAct, drug: Drug, context: Context, *, now: datetime, hours: float) -> bool:
    """Among the same drafts, without a date, or within the hours before its start or after its end."""
    if context.hook == "order-select" and not _is_chosen(act, drug, context):
        return False
    if act.is_current or act.starts is None:
        return True
    given = drug.starts.instant if drug.starts else now
    margin, ends = timedelta(hours=hours), act.ends or act.starts
    return act.starts.instant - margin <= given <= ends.instant + margin


def _is_chosen(act: PlannedAct, drug: Drug, context: Context) -> bool:
    """On order-select one of the two has to be what the user just chose."""
    return context.is_selected(drug.resource) or (act.is_current and context.is_selected(act.resource))


def _is_as_needed(drug: Drug) -> bool:
    return any(
        dosage.get("asNeededBoolean") is True or dosage.get("asNeededCodeableConcept")
        for dosage in elements(drug.resource.get("dosageInstruction"))
    )


def _is_crisis_care(record: Record, context: Context, *, now: datetime, days: float) -> bool:
    """A crisis or low blood pressure on record now, or an encounter in which crises are treated."""
    crises = (one for one in record.of("Condition") if _names_crisis(one, record))
    return any(_is_under_way(one, now=now, days=days) for one in crises) or any(
        _is_acute(one, record, context) for one in record.of("Encounter")
    )


def _is_under_way(condition: Resource, *, now: datetime, days: float) -> bool:
    """Problem lists keep a crisis active for years; without a date it may be the one being treated."""
    began = dates.first_recorded(condition)
    return is_in_force(condition, now=now) and (began is None or began.days_before(now) <= days)


def _names_crisis(condition: Resource, record: Record) -> bool:
    rows = record.rows(condition, "net-functional-syndromes")
    if rows:
        return any(row.get("syndrome") == "carcinoid-crisis" for row in rows)
    return record.is_named(condition, "crisis-under-way")


def _is_acute(encounter: Resource, record: Record, context: Context) -> bool:
    is_now = string(encounter.get("status")) in ("arrived", "triaged", "in-progress")
    is_of_hook = bool(context.encounter_id) and string(encounter.get("id")) == context.encounter_id
    named = "; ".join(words(encounter.get(name)) for name in ("type", "serviceType", "reasonCode"))
    return (is_now or is_of_hook) and record.terminology.says("acute-care", named)
