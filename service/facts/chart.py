"""What the record alone says, whatever is being ordered or booked.

A chart that has not changed says the same for the next hook on it, so these facts can serve several calls
(:mod:`service.charts`); nothing here may look at the hook's context.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TypeVar, cast

from service.facts.complication import Complication, read_complications
from service.facts.defaults import Defaults
from service.facts.extent import Spread, read_spread
from service.facts.lazy import lazy
from service.facts.operability import Operability, read_operability
from service.facts.patient import Person, read_person
from service.facts.precautions import Precautions, read_precautions
from service.facts.progression import Progression, read_progression
from service.facts.proliferation import Proliferation, read_proliferation
from service.facts.statements import Statements, read_statements
from service.facts.tumour import NAMING_LISTS, Tumour, read_tumour
from service.fhir.record import Record

_Fact = TypeVar("_Fact")


@dataclass(frozen=True)
class Chart:
    """Facts of the record, judged at ``now``. Without slots: a lazy fact needs room for its answer."""

    record: Record
    now: datetime
    defaults: Defaults

    @lazy
    def person(self) -> Person:
        """Age, death and comfort care."""
        return read_person(self.record, now=self.now, defaults=self.defaults)

    @lazy
    def may_have_a_tumour(self) -> bool:
        """Nearly all patients have no condition that could be or belong to a neuroendocrine tumour."""
        return bool(self.record.about("Condition", *NAMING_LISTS))

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
        return read_progression(self.record, self.tumour, self.statements, now=self.now)

    @lazy
    def operability(self) -> Operability:
        """What is stated of an operation."""
        return read_operability(self.statements)

    @lazy
    def precautions(self) -> Precautions:
        """What speaks against treating the liver or against a radionuclide."""
        return read_precautions(self.record, self.statements, now=self.now, defaults=self.defaults)

    @lazy
    def complications(self) -> tuple[Complication, ...]:
        """What the primary does to the bowel."""
        return read_complications(self.record, now=self.now)

    @lazy
    def statements(self) -> Statements:
        """What clinicians have written of the tumour and its treatment."""
        return read_statements(self.record, now=self.now)


def of_chart(fact: lazy[_Fact]) -> lazy[_Fact]:
    """The same fact for an object whose ``chart`` has it."""
    read = cast("Callable[[object], _Fact]", attrgetter(f"chart.{fact.name}"))
    return lazy(read, doc=fact.__doc__)
