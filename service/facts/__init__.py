"""All that the rules know: one frozen answer per question, read once per call.

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
from service.facts.operability import Operability, read_operability
from service.facts.operations import Operations, read_operations
from service.facts.orders import Order, find_order
from service.facts.patient import Person, read_person
from service.facts.perioperative import Perioperative, read_perioperative
from service.facts.plan import Plan, read_plan
from service.facts.precautions import Precautions, read_precautions
from service.facts.proliferation import Proliferation, read_proliferation
from service.facts.statements import read_statements
from service.facts.treatment import Treatment, read_treatment
from service.facts.tumour import Tumour, read_tumour
from service.facts.workup import Workup, read_workup
from service.fhir.record import Record


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a rule may ask."""

    record: Record
    context: Context
    now: datetime
    defaults: Defaults
    person: Person
    tumour: Tumour
    proliferation: Proliferation
    spread: Spread
    treatment: Treatment
    function: FunctioningStatus
    plan: Plan
    workup: Workup
    treatment_orders: tuple[TreatmentOrder, ...]
    operations: Operations
    operability: Operability
    precautions: Precautions
    complications: tuple[Complication, ...]
    surgical_referral: Order | None
    radiology_referral: Order | None
    biliary: Biliary
    perioperative: Perioperative
    confounders: Confounders


def read_facts(record: Record, context: Context, *, now: datetime, defaults: Defaults) -> Facts:
    """Answer every question once."""
    context = context.of_patient(record.patient_id)
    tumour = read_tumour(record, now=now)
    treatment = read_treatment(record, context, now=now, defaults=defaults, tumour=tumour)
    plan = read_plan(record, context, now=now, defaults=defaults)
    statements = read_statements(record, now=now)
    precautions = read_precautions(record, statements)

    def referral(word_list: str) -> Order | None:
        return find_order(
            record, context, lambda one: record.is_named(one, word_list), now=now, defaults=defaults
        )

    return Facts(
        record=record,
        context=context,
        now=now,
        defaults=defaults,
        person=read_person(record, now=now, defaults=defaults),
        tumour=tumour,
        proliferation=read_proliferation(record, now=now, defaults=defaults),
        spread=read_spread(record, tumour, now=now),
        treatment=treatment,
        function=read_function(record, tumour, treatment, now=now, defaults=defaults),
        plan=plan,
        workup=read_workup(record, context, tumour, now=now, defaults=defaults),
        treatment_orders=read_treatment_orders(plan, treatment),
        operations=read_operations(record, plan, tumour, now=now, defaults=defaults),
        operability=read_operability(statements),
        precautions=precautions,
        complications=read_complications(record, now=now),
        surgical_referral=referral("surgical-referral"),
        radiology_referral=referral("interventional-radiology-referral"),
        biliary=read_biliary(record, context, plan, now=now, defaults=defaults),
        perioperative=read_perioperative(record, context, plan, treatment, now=now, defaults=defaults),
        confounders=read_confounders(record, treatment, precautions, now=now, defaults=defaults),
    )
