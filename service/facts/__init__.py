"""All that the rules know: one frozen answer per question, read when a rule first asks it.

Facts are pure functions of the record, the hook's context, the time and the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.facts.chart import Chart, of_chart
from service.facts.confounders import Confounders, read_confounders
from service.facts.context import Context
from service.facts.decision import TreatmentOrder, read_treatment_orders
from service.facts.defaults import Defaults
from service.facts.function import FunctioningStatus, read_function
from service.facts.gallbladder import Biliary, read_biliary
from service.facts.lazy import lazy
from service.facts.operations import Operations, read_operations
from service.facts.orders import Order, find_order
from service.facts.perioperative import Perioperative, read_perioperative
from service.facts.plan import Plan, read_plan
from service.facts.treatment import Treatment, read_treatment
from service.facts.workup import Workup, read_workup
from service.fhir.record import Record


@dataclass(frozen=True)
class Facts:
    """Everything a rule may ask. Without slots: a lazy fact needs room for its answer."""

    chart: Chart
    record: Record
    context: Context
    now: datetime
    defaults: Defaults

    person = of_chart(Chart.person)
    tumour = of_chart(Chart.tumour)
    proliferation = of_chart(Chart.proliferation)
    spread = of_chart(Chart.spread)
    progression = of_chart(Chart.progression)
    operability = of_chart(Chart.operability)
    precautions = of_chart(Chart.precautions)
    complications = of_chart(Chart.complications)

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
    return facts_of(Chart(record, now, defaults), context, now=now)


def facts_of(chart: Chart, context: Context, *, now: datetime) -> Facts:
    """The facts of a chart that may have been read for an earlier call, in another context."""
    record = chart.record if context.orders_nothing else chart.record.for_drafts()
    return Facts(chart, record, context.of_patient(record.patient_id), now, chart.defaults)
