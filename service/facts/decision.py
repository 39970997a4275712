"""Which treatment is being ordered or booked right now? Work-up gaps are louder before treatment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from service.facts.drugs import ANALOGUES, Drug, is_renewal, treatment
from service.facts.patient import Patient, fact
from service.facts.plan import Kind, plan
from service.fhir.evidence import Evidence


class TreatmentKind(Enum):
    """Class of a treatment in the hook's context."""

    SURGERY = "surgery"
    LOCOREGIONAL = "locoregional"
    ANALOGUE = "analogue"
    CHEMOTHERAPY = "chemotherapy"
    TARGETED = "targeted"
    RADIONUCLIDE = "radionuclide"


@dataclass(frozen=True, slots=True)
class TreatmentOrder:
    """One treatment in the hook's context, by name."""

    kind: TreatmentKind
    name: str
    evidence: tuple[Evidence, ...]

    @property
    def is_irreversible(self) -> bool:
        """Operations and liver-directed treatment cannot be taken back."""
        return self.kind in (TreatmentKind.SURGERY, TreatmentKind.LOCOREGIONAL, TreatmentKind.RADIONUCLIDE)


_OF_ACT = {
    Kind.ABDOMINAL_SURGERY: TreatmentKind.SURGERY,
    Kind.LOCOREGIONAL: TreatmentKind.LOCOREGIONAL,
    Kind.RADIONUCLIDE: TreatmentKind.RADIONUCLIDE,
}
_OF_DRUG = (
    (ANALOGUES, ("long", "short-or-long", "oral"), TreatmentKind.ANALOGUE),
    ("systemic-antitumour", ("cytotoxic",), TreatmentKind.CHEMOTHERAPY),
    ("systemic-antitumour", ("targeted",), TreatmentKind.TARGETED),
    ("prrt-procedures", ("drug",), TreatmentKind.RADIONUCLIDE),
)


@fact
def treatment_orders(patient: Patient) -> tuple[TreatmentOrder, ...]:
    """The treatments of the hook's context: operations, liver-directed acts and drugs."""
    return (*_acts(patient), *_drugs(patient))


def _acts(patient: Patient) -> Iterator[TreatmentOrder]:
    for act in plan(patient).acts:
        if act.is_current and act.kind in _OF_ACT:
            yield TreatmentOrder(_OF_ACT[act.kind], act.name, act.evidence)


def _drugs(patient: Patient) -> Iterator[TreatmentOrder]:
    for code_list, roles, kind in _OF_DRUG:
        for drug in treatment(patient).of(code_list, roles=roles, drafts_only=True):
            if _is_decision(drug, kind, patient):
                yield TreatmentOrder(kind, drug.name, (drug.evidence,))


def _is_decision(drug: Drug, kind: TreatmentKind, patient: Patient) -> bool:
    """Short-acting octreotide is cover for an operation, and to renew a drug decides nothing.

    Each dose of a radionuclide is a treatment of its own.
    """
    if drug in treatment(patient).octreotide_short_acting:
        return False
    return kind is TreatmentKind.RADIONUCLIDE or not is_renewal(drug, patient)
