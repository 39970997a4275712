"""What an override rests on, for each kind of rule (Y-11): with other facts, the rule speaks again.

Texts that are compared and never shown. Neither the time that has passed nor an unrelated result is among
them. Only a keyed digest of them outlives the call. They decide nothing that a card says, so that they
stand in a table of their own and not with the rules, whose code an approval is bound to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from service.facts.board import newest_finding, tumour_board
from service.facts.decision import treatment_orders
from service.facts.grade import proliferation
from service.facts.imaging import cross_sectional, last_sstr_result, sstr_imaging
from service.facts.item import Item
from service.facts.markers import chromogranin_a, hiaa
from service.facts.patient import Patient
from service.facts.plan import PlannedAct, plan
from service.facts.progression import progression
from service.facts.spread import spread
from service.facts.staging import tnm
from service.facts.syndrome import function
from service.facts.tumour import tumour
from service.fhir.dates import Moment
from service.rules.base import Fires

KeyFacts = Callable[[Patient, Fires], Sequence[str]]


def of_operation(patient: Patient, fires: Fires) -> Sequence[str]:
    """Level of the syndrome, wording, and the acts that the answer is about, by id and first day."""
    shown = set(fires.evidence)
    acts = [_act(act) for act in plan(patient).acts if shown.intersection(act.evidence)]
    return (fires.wording, function(patient).level.key, *sorted(acts))


def _act(act: PlannedAct) -> str:
    return f"{act.resource.reference or act.name} {_day(act.starts)}"


def of_item(read: Callable[[Patient], Item]) -> KeyFacts:
    """Days of the newest result and of the newest progression, and the treatment being ordered."""

    def facts(patient: Patient, _fires: Fires) -> Sequence[str]:
        progressed = max(progression(patient).found, key=lambda one: one.order, default=None)
        treatments = [f"{one.kind.value} {one.name}" for one in treatment_orders(patient)]
        since = _day(progressed.moment) if progressed else "none"
        return (_day(read(patient).moment), since, *sorted(treatments))

    return facts


def of_treatment(patient: Patient, fires: Fires) -> Sequence[str]:
    """Wording, the treatment being ordered, and what the grade rests on."""
    treatments = [f"{one.kind.value} {one.name}" for one in treatment_orders(patient)]
    return (fires.wording, *sorted(treatments), *of_grade(patient, fires))


def of_evidence(_patient: Patient, fires: Fires) -> Sequence[str]:
    """Wording, and the complications, reports or orders that the answer names."""
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


_KEY_FACTS: Mapping[str, KeyFacts] = {
    "metastasis-record": of_evidence,
    "primary-complication": of_evidence,
    "prrt-analogue-interval": of_evidence,
    "discordant-grade": of_grade,
    "high-grade": of_grade,
    "ki67": of_grade,
    "chromogranin-a": of_item(chromogranin_a),
    "chromogranin-a-interpretation": of_item(chromogranin_a),
    "cross-sectional-imaging": of_item(cross_sectional),
    "carcinoid-syndrome-record": of_item(hiaa),
    "follow-up": of_item(cross_sectional),
    "hiaa": of_item(hiaa),
    "hiaa-interference": of_item(hiaa),
    "sstr-imaging": of_item(sstr_imaging),
    "tnm": of_item(tnm),
    "carcinoid-heart-echo": of_operation,
    "histamine-release": of_operation,
    "octreotide-prophylaxis": of_operation,
    "sympathetic-activation": of_operation,
    "cholecystectomy": of_pathway,
    "curative-surgery": of_pathway,
    "liver-only-disease": of_pathway,
    "lymphadenectomy": of_pathway,
    "multifocal-liver-disease": of_pathway,
    "neoadjuvant-prrt": of_pathway,
    "primary-despite-metastases": of_pathway,
    "resection-with-ablation": of_pathway,
    "solitary-liver-metastasis": of_pathway,
    "somatostatin-analogue": of_pathway,
    "symptom-debulking": of_pathway,
    "systemic-options": of_pathway,
    "tumour-board": of_pathway,
    "chemotherapy-check": of_treatment,
}


def key_facts(rule_id: str, patient: Patient, fires: Fires) -> Sequence[str]:
    """What this answer rests on: its wording alone, where the rule has no entry in the table."""
    read = _KEY_FACTS.get(rule_id)
    return read(patient, fires) if read else (fires.wording,)
