"""What an override rests on, for each kind of rule (Y-11): with other facts, the rule speaks again.

Texts that are compared and never shown. Neither the time that has passed nor an unrelated result is among
them. Only a keyed digest of them outlives the call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from service.facts.board import newest_finding, tumour_board
from service.facts.decision import treatment_orders
from service.facts.grade import proliferation
from service.facts.imaging import last_sstr_result
from service.facts.item import Item
from service.facts.patient import Patient
from service.facts.plan import PlannedAct, plan
from service.facts.progression import progression
from service.facts.spread import spread
from service.facts.syndrome import function
from service.facts.tumour import tumour
from service.fhir.dates import Moment
from service.rules.base import Fires, KeyFacts


def of_operation(patient: Patient, fires: Fires) -> Sequence[str]:
    """Level of the syndrome, wording, and the acts that the answer is about, by id and first day."""
    shown = set(fires.evidence)
    acts = [_act(act) for act in plan(patient).acts if shown.intersection(act.evidence)]
    return (fires.wording, function(patient).level.key, *sorted(acts))


def _act(act: PlannedAct) -> str:
    return f"{act.resource.reference or act.name} {_day(act.starts)}"


def of_item(read: Callable[[Patient], Item]) -> KeyFacts:
    """Days of the newest result and of the newest progression, and the treatment being ordered."""

    def key_facts(patient: Patient, _fires: Fires) -> Sequence[str]:
        progressed = max(progression(patient).found, key=lambda one: one.order, default=None)
        treatments = [f"{one.kind.value} {one.name}" for one in treatment_orders(patient)]
        since = _day(progressed.moment) if progressed else "none"
        return (_day(read(patient).moment), since, *sorted(treatments))

    return key_facts


def of_treatment(patient: Patient, fires: Fires) -> Sequence[str]:
    """Wording, the treatment being ordered, and what the grade rests on."""
    treatments = [f"{one.kind.value} {one.name}" for one in treatment_orders(patient)]
    return (fires.wording, *sorted(treatments), *of_grade(patient, fires))


def of_complication(_patient: Patient, fires: Fires) -> Sequence[str]:
    """Wording, and the complications that the answer names."""
    return (fires.wording, *sorted([one.reference for one in fires.evidence]))


def of_grade(patient: Patient, _fires: Fires) -> Sequence[str]:
    """The counts of Ki-67 and mitoses, whose they are, and the differentiation."""
    found = proliferation(patient)
    counts = [f"{one.shown} {one.owner.value}" for one in (*found.counts, *found.unattributed)]
    return (tumour(patient).differentiation.value, *sorted(counts))


def of_pathway(patient: Patient, fires: Fires) -> Sequence[str]:
    """Extent, grade, receptor result, the newest finding and the board's last note."""
    return (
        spread(patient).extent.value,
        last_sstr_result(patient).value,
        _day(newest_finding(patient)),
        _day(tumour_board(patient).moment),
        *of_grade(patient, fires),
    )


def _day(moment: Moment | None) -> str:
    return moment.day if moment else "none"
