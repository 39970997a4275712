"""Which invasive acts are planned, of what kind, and when? (F-7)

The hook's context comes first, then the record. One act stands for one procedure: an Appointment
and the ServiceRequest that it is based on, or the same kind ordered and booked, are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from service.facts.context import Context
from service.facts.defaults import Defaults
from service.facts.orders import BOOKED, ORDER_INTENTS
from service.fhir import dates
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.reading import Resource, label, reference, references, string
from service.fhir.record import Record


class Kind(Enum):
    """Class of an invasive act."""

    ABDOMINAL_SURGERY = "abdominal surgery"
    OTHER_SURGERY = "surgery"
    LOCOREGIONAL = "liver embolisation or ablation"
    DIAGNOSTIC = "biopsy or endoscopy"
    RADIONUCLIDE = "PRRT"
    MINOR = "minor procedure under local anaesthesia"


@dataclass(frozen=True, slots=True)
class PlannedAct:
    """One planned invasive act. ``is_current`` is True where it comes from the hook's context."""

    kind: Kind
    name: str
    starts: Moment | None
    ends: Moment | None
    is_emergency: bool
    is_current: bool
    resource: Resource
    evidence: tuple[Evidence, ...]

    def hours_away(self, now: datetime) -> float | None:
        """Hours until it starts; None where the time of day is not stated."""
        return self.starts.hours_after(now) if self.starts and self.starts.has_time else None

    @property
    def when(self) -> str:
        """``on 2026-12-01``, or ``time not stated``."""
        return f"on {self.starts.day}" if self.starts else "time not stated"


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to F-7: every planned act, the nearest first, acts of the context before others."""

    acts: tuple[PlannedAct, ...]
    every: tuple[PlannedAct, ...] = ()
    """Each resource on its own, where ``acts`` holds an order and its booking as one."""

    def of(self, *kinds: Kind) -> tuple[PlannedAct, ...]:
        """The planned acts of these kinds."""
        return tuple([act for act in self.acts if act.kind in kinds])

    @property
    def needs_anaesthesia(self) -> tuple[PlannedAct, ...]:
        """Operations and liver-directed procedures: what can precipitate a carcinoid crisis."""
        return self.of(Kind.ABDOMINAL_SURGERY, Kind.OTHER_SURGERY, Kind.LOCOREGIONAL)

    @property
    def has_emergency(self) -> bool:
        """Whether an emergency operation is planned."""
        return bool(self.acts) and any(act.is_emergency for act in self.needs_anaesthesia)


def read_plan(record: Record, context: Context, *, now: datetime, defaults: Defaults) -> Plan:
    """Read every planned invasive act."""
    found = [
        *_acts(context.drafts, record, now=now, defaults=defaults, is_current=True),
        *_acts(context.appointments, record, now=now, defaults=defaults, is_current=True),
        *_acts(record.of("Appointment"), record, now=now, defaults=defaults, is_current=False),
        *_acts(record.of("ServiceRequest"), record, now=now, defaults=defaults, is_current=False),
        *_acts(record.of("Procedure"), record, now=now, defaults=defaults, is_current=False),
    ]
    if not found:
        return Plan(())
    acts = tuple(sorted(_one_per_procedure(found), key=_nearest_first))
    return Plan(acts, tuple(sorted(found, key=_nearest_first)))


def _nearest_first(act: PlannedAct) -> tuple[bool, float, str]:
    return (not act.is_current, act.starts.instant.timestamp() if act.starts else float("inf"), act.name)


def _acts(
    resources: Iterable[Resource], record: Record, *, now: datetime, defaults: Defaults, is_current: bool
) -> Iterator[PlannedAct]:
    for resource in resources:
        kind = classify(resource, record)
        if kind is None or not _counts(resource, is_current=is_current):
            continue
        starts, ends = _span(resource)
        if starts is not None and starts.days_before(now) > 0:
            continue
        name = _name(resource)
        yield PlannedAct(
            kind=kind,
            name=name,
            starts=starts,
            ends=ends,
            is_emergency=_is_emergency(resource, starts, now=now, defaults=defaults),
            is_current=is_current,
            resource=resource,
            evidence=(Evidence(reference(resource), f"{name}, planned {dates.shown(starts)}"),),
        )


_TOOK_PLACE = {
    "ServiceRequest": ("active", "completed"),
    "Procedure": ("in-progress", "completed"),
    "Appointment": ("booked", "arrived", "checked-in", "fulfilled"),
}


def recent_acts(record: Record, *, now: datetime, hours: float) -> tuple[PlannedAct, ...]:
    """The invasive acts that ended, or else began, at most so many hours ago."""
    found = []
    for kind_of_resource, statuses in _TOOK_PLACE.items():
        for resource in record.of(kind_of_resource):
            starts, ends = _span(resource)
            last = ends or starts
            if last is None or string(resource.get("status")) not in statuses:
                continue
            kind = classify(resource, record) if -hours <= last.hours_after(now) <= 0 else None
            if kind is not None:
                name = _name(resource)
                evidence = (Evidence(reference(resource), f"{name} {dates.shown(starts)}"),)
                found.append(
                    PlannedAct(
                        kind=kind,
                        name=name,
                        starts=starts,
                        ends=ends,
                        is_emergency=False,
                        is_current=False,
                        resource=resource,
                        evidence=evidence,
                    )
                )
    return tuple(found)


_LOCOREGIONAL_WORDS = ("liver-embolisation", "liver-ablation", "radioembolisation")
_KIND_OF_WORDS = (
    ("abdominal-surgery", Kind.ABDOMINAL_SURGERY),
    ("local-anaesthesia-minor", Kind.MINOR),
    ("biopsy-endoscopy", Kind.DIAGNOSTIC),
    ("other-surgery", Kind.OTHER_SURGERY),
)


def classify(resource: Resource, record: Record) -> Kind | None:
    """What kind of invasive act a resource names; None where it names none."""
    if string(resource.get("resourceType")) not in ("ServiceRequest", "Procedure", "Appointment"):
        return None
    if record.has_row(resource, "prrt-procedures", roles=("drug",)) or record.is_named(resource, "prrt"):
        return Kind.RADIONUCLIDE
    if _hits(resource, record, "liver-embolisation", "liver-ablation", not_roles=("nonspecific",)):
        return Kind.LOCOREGIONAL
    if record.is_named(resource, *_LOCOREGIONAL_WORDS):
        return Kind.LOCOREGIONAL
    if _hits(
        resource, record, "resection-procedures", "cholecystectomy", not_roles=("history", "suggestive")
    ):
        return Kind.ABDOMINAL_SURGERY
    return _classify_by_words(resource, record)


def _classify_by_words(resource: Resource, record: Record) -> Kind | None:
    for word_list, kind in _KIND_OF_WORDS:
        in_notes = kind is Kind.MINOR and record.finds(resource, word_list)
        if record.is_named(resource, word_list) or in_notes:
            return kind
    is_surgical = record.has_row(resource, "procedure-category", roles=("surgery",))
    in_words = record.is_named(resource, "general-anaesthesia") or record.finds(
        resource, "general-anaesthesia"
    )
    return Kind.OTHER_SURGERY if is_surgical or in_words else None


def _hits(resource: Resource, record: Record, *lists: str, not_roles: tuple[str, ...]) -> bool:
    return any(row.get("role") not in not_roles for row in record.rows(resource, *lists))


_PLANNED = {
    "ServiceRequest": ("draft", "active", "on-hold"),
    "Procedure": ("preparation", "in-progress"),
    "Appointment": BOOKED,
}


def _counts(resource: Resource, *, is_current: bool) -> bool:
    """Whether the status says planned. A draft in the context need not have a status yet."""
    if resource.get("doNotPerform") is True:
        return False
    kind, status = string(resource.get("resourceType")), string(resource.get("status"))
    if status not in _PLANNED[kind] and not (is_current and not status):
        return False
    return kind != "ServiceRequest" or string(resource.get("intent")) in (*ORDER_INTENTS, "proposal")


def _span(resource: Resource) -> tuple[Moment | None, Moment | None]:
    if string(resource.get("resourceType")) == "Appointment":
        return dates.parse(resource.get("start")), dates.parse(resource.get("end"))
    stem = "occurrence" if string(resource.get("resourceType")) == "ServiceRequest" else "performed"
    return dates.start(resource, stem), dates.end(resource, stem)


def _name(resource: Resource) -> str:
    return (
        label(resource.get("code"))
        or label(resource.get("serviceType"))
        or string(resource.get("description"))
        or label(resource.get("reasonCode"))
        or "procedure"
    )


def _is_emergency(resource: Resource, starts: Moment | None, *, now: datetime, defaults: Defaults) -> bool:
    """Section 8: priority stat or asap, or a start in under 12 hours."""
    if string(resource.get("priority")) in ("stat", "asap"):
        return True
    return starts is not None and starts.has_time and 0 <= starts.hours_after(now) < defaults.emergency_hours


def _one_per_procedure(acts: list[PlannedAct]) -> list[PlannedAct]:
    kept: list[PlannedAct] = []
    for act in acts:
        twin = next((one for one in kept if _is_same(one, act)), None)
        if twin is None:
            kept.append(act)
        else:
            kept[kept.index(twin)] = _merged(twin, act)
    return kept


def _is_same(first: PlannedAct, second: PlannedAct) -> bool:
    """The same act twice: one based on the other, or of one kind and on one day (or one undated)."""
    for one, other in ((first, second), (second, first)):
        if reference(other.resource) in references(one.resource.get("basedOn")):
            return True
    if first.kind is not second.kind:
        return False
    return first.starts is None or second.starts is None or first.starts.day == second.starts.day


def _merged(first: PlannedAct, second: PlannedAct) -> PlannedAct:
    timed = first if first.starts else second
    return replace(
        first,
        starts=timed.starts,
        ends=first.ends or second.ends,
        is_emergency=first.is_emergency or second.is_emergency,
        evidence=tuple(dict.fromkeys((*first.evidence, *second.evidence))),
    )
