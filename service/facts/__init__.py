"""All that the rules know: one frozen answer per question, read when a rule first asks it.

Facts are pure functions of the record, the hook's context, the time and the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.facts.complication import Complication, read_complications
from service.facts.confounders import Confounders, read_confounders
from service.facts.context import Context
from service.facts.decision import TreatmentOrder, read_treatment_orders
from service.facts.defaults import Defaults
from service.facts.extent import Spread, read_spread
from service.facts.function import FunctioningStatus, read_function
from service.facts.gallbladder import Biliary, read_biliary
from service.facts.lazy import lazy
from service.facts.operability import Operability, read_operability
from service.facts.operations import Operations, read_operations
from service.facts.orders import Order, find_order
from service.facts.patient import Person, read_person
from service.facts.perioperative import Perioperative, read_perioperative
from service.facts.plan import Plan, read_plan
from service.facts.precautions import Precautions, read_precautions
from service.facts.progression import Progression, read_progression
from service.facts.proliferation import Proliferation, read_proliferation
from service.facts.statements import Statements, read_statements
from service.facts.treatment import Treatment, read_treatment
from service.facts.tumour import Tumour, read_tumour
from service.facts.workup import Workup, read_workup
from service.fhir.record import Record


@dataclass(frozen=True)
class Facts:
    """Everything a rule may ask. Without slots, because a cached property needs room for its answer."""

    record: Record
    context: Context
    now: datetime
    defaults: Defaults

    @lazy
    def person(self) -> Person:
        """Age, death and comfort care."""
        return read_person(self.record, now=self.now, defaults=self.defaults)

    @lazy
    def tumour(self) -> Tumour:
        """F-1 to F-3: which tumour, where, and how sure."""
        return read_tumour(self.record, now=self.now)

    @lazy
    def proliferation(self) -> Proliferation:
        """F-4: Ki-67, mitoses and the grade."""
        return read_proliferation(self.record, now=self.now, defaults=self.defaults)

    @lazy
    def spread(self) -> Spread:
        """F-5: how far the tumour has spread."""
        return read_spread(self.record, self.tumour, now=self.now)

    @lazy
    def progression(self) -> Progression:
        """F-10: whether the tumour has come back or grown."""
        return read_progression(self.record, self.tumour, self._statements, now=self.now)

    @lazy
    def treatment(self) -> Treatment:
        """F-8: drugs in place, and what was resected."""
        return read_treatment(
            self.record, self.context, now=self.now, defaults=self.defaults, tumour=self.tumour
        )

    @lazy
    def function(self) -> FunctioningStatus:
        """F-6: whether the tumour functions."""
        return read_function(
            self.record, self.tumour, self.treatment, self.workup, now=self.now, defaults=self.defaults
        )

    @lazy
    def plan(self) -> Plan:
        """F-7: which invasive acts are planned."""
        return read_plan(self.record, self.context, now=self.now, defaults=self.defaults)

    @lazy
    def workup(self) -> Workup:
        """F-10 and F-11: which tests are done or on their way."""
        return read_workup(self.record, self.context, self.tumour, now=self.now, defaults=self.defaults)

    @lazy
    def treatment_orders(self) -> tuple[TreatmentOrder, ...]:
        """The treatments in the hook's context."""
        return read_treatment_orders(self.plan, self.treatment)

    @lazy
    def operations(self) -> Operations:
        """Operations and liver-directed treatments, done and planned."""
        return read_operations(self.record, self.plan, self.tumour, now=self.now, defaults=self.defaults)

    @lazy
    def operability(self) -> Operability:
        """What is stated of an operation."""
        return read_operability(self._statements)

    @lazy
    def precautions(self) -> Precautions:
        """What speaks against treating the liver or against a radionuclide."""
        return read_precautions(self.record, self._statements, now=self.now, defaults=self.defaults)

    @lazy
    def complications(self) -> tuple[Complication, ...]:
        """What the primary does to the bowel."""
        return read_complications(self.record, now=self.now)

    @lazy
    def surgical_referral(self) -> Order | None:
        """A referral to surgery that is open or was declined."""
        return self._referral("surgical-referral")

    @lazy
    def radiology_referral(self) -> Order | None:
        """A referral to interventional radiology that is open or was declined."""
        return self._referral("interventional-radiology-referral")

    @lazy
    def biliary(self) -> Biliary:
        """F-9: whether the gallbladder is there."""
        return read_biliary(self.record, self.context, self.plan, now=self.now, defaults=self.defaults)

    @lazy
    def perioperative(self) -> Perioperative:
        """The drugs being ordered that matter around an operation."""
        return read_perioperative(
            self.record, self.context, self.plan, self.treatment, now=self.now, defaults=self.defaults
        )

    @lazy
    def confounders(self) -> Confounders:
        """What besides the tumour could raise chromogranin A."""
        return read_confounders(
            self.record, self.treatment, self.precautions, now=self.now, defaults=self.defaults
        )

    @lazy
    def _statements(self) -> Statements:
        return read_statements(self.record, now=self.now)

    def _referral(self, word_list: str) -> Order | None:
        return find_order(
            self.record,
            self.context,
            lambda one: self.record.is_named(one, word_list),
            now=self.now,
            defaults=self.defaults,
        )


def read_facts(record: Record, context: Context, *, now: datetime, defaults: Defaults) -> Facts:
    """The facts of a record; nothing is read of it before a rule asks."""
    return Facts(record, context.of_patient(record.patient_id), now, defaults)
