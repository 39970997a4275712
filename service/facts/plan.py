"""Which invasive acts are planned, of what kind, and when? (F-7)

The hook's context comes first, then the record. One act stands for one procedure: an Appointment and the
ServiceRequest that it is based on, or the same kind ordered and booked, are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from service.facts.patient import Patient, fact
from service.facts.spread import spread
from service.facts.words import evidence, on_day
from service.fhir import dates
from service.fhir.about import About
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.r4 import Appointment, Procedure, Resource, ServiceRequest, refers_to, words

Schedulable = ServiceRequest | Procedure | Appointment
"""What can stand for a planned act."""


class Kind(Enum):
    """Class of an invasive act."""

    ABDOMINAL_SURGERY = "abdominal-surgery"
    OTHER_SURGERY = "other-surgery"
    LOCOREGIONAL = "locoregional"
    DIAGNOSTIC = "diagnostic"
    RADIONUCLIDE = "radionuclide"
    MINOR = "minor"
    UNRECOGNISED = "unrecognised"


NEEDS_ANAESTHESIA = (Kind.ABDOMINAL_SURGERY, Kind.OTHER_SURGERY, Kind.LOCOREGIONAL)
"""Operations and liver-directed procedures: what can precipitate a carcinoid crisis."""


@dataclass(frozen=True, slots=True)
class PlannedAct:
    """One invasive act. ``is_current`` is True where it comes from the hook's context.

    ``when`` reads ``on 2026-12-01``, or ``time not stated``.
    """

    kind: Kind
    name: str
    starts: Moment | None
    ends: Moment | None
    when: str
    is_emergency: bool
    is_current: bool
    resource: Schedulable
    evidence: tuple[Evidence, ...]

    def hours_away(self, now: datetime) -> float | None:
        """Hours until it starts; None where the time of day is not stated."""
        return self.starts.hours_after(now) if self.starts and self.starts.has_time else None


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to F-7: every planned act, the nearest first, acts of the context before others.

    ``every`` has each resource on its own, where ``acts`` holds an order and its booking as one.
    """

    acts: tuple[PlannedAct, ...]
    every: tuple[PlannedAct, ...] = ()

    def of(self, *kinds: Kind) -> tuple[PlannedAct, ...]:
        """The planned acts of these kinds."""
        return tuple([act for act in self.acts if act.kind in kinds])

    @property
    def needs_anaesthesia(self) -> tuple[PlannedAct, ...]:
        """The operations and liver-directed procedures."""
        return self.of(*NEEDS_ANAESTHESIA)

    @property
    def has_emergency(self) -> bool:
        """Whether an emergency operation is planned."""
        return any(act.is_emergency for act in self.needs_anaesthesia)


@fact
def plan(patient: Patient) -> Plan:
    """Every planned invasive act."""
    current = _planned(patient.record.drafts, patient, is_current=True)
    found = [*current, *_planned(_stored(patient), patient, is_current=False)]
    acts = _one_per_procedure(found)
    return Plan(tuple(sorted(acts, key=_nearest_first)), tuple(sorted(found, key=_nearest_first)))


def _stored(patient: Patient) -> tuple[Schedulable, ...]:
    record = patient.record
    return (*record.of(Appointment), *record.of(ServiceRequest), *record.of(Procedure))


def recent_acts(patient: Patient, hours: float) -> Iterator[PlannedAct]:
    """The invasive acts that ended, or else began, at most so many hours ago."""
    for one in _stored(patient):
        starts, ends = one.span
        has_begun = starts is not None and starts.first <= patient.now
        if one.took_place and has_begun and not dates.is_over(starts, ends, patient.now, hours=hours):
            kind = classify(one, patient)
            if kind is not None:
                yield _act(one, kind, patient, said="act.dated")


def _nearest_first(act: PlannedAct) -> tuple[bool, float, str]:
    return not act.is_current, act.starts.timestamp if act.starts else float("inf"), act.name


def _planned(resources: Iterable[Resource], patient: Patient, *, is_current: bool) -> Iterator[PlannedAct]:
    for one in resources:
        if isinstance(one, Schedulable) and _counts(one, is_current=is_current):
            kind = classify(one, patient)
            if kind is not None and not _is_over(one, patient):
                act = _act(one, kind, patient, said="act.planned")
                yield replace(act, is_current=is_current, is_emergency=_is_emergency(one, patient))


def _is_over(resource: Schedulable, patient: Patient) -> bool:
    (starts, ends), hours = resource.span, patient.defaults.past_act_hours
    return not resource.has_open_end and dates.is_over(starts, ends, patient.now, hours=hours)


def _counts(resource: Schedulable, *, is_current: bool) -> bool:
    """Whether the status says planned. A draft in the context need not have a status yet."""
    if not resource.is_planned and not (is_current and not resource.status):
        return False
    if not isinstance(resource, ServiceRequest):
        return True
    return not resource.is_refusal and (resource.is_order or resource.intent == "proposal")


def _act(resource: Schedulable, kind: Kind, patient: Patient, *, said: str) -> PlannedAct:
    starts, ends = resource.span
    name = resource.label or patient.phrases("act.procedure")
    says = patient.phrases(said, name=name, when=on_day(starts, patient))
    return PlannedAct(
        kind=kind,
        name=name,
        starts=starts,
        ends=ends,
        when=on_day(starts, patient) if starts else patient.phrases("act.time-not-stated"),
        is_emergency=False,
        is_current=False,
        resource=resource,
        evidence=(evidence(resource, says),),
    )


def other_names(patient: Patient) -> tuple[str, ...]:
    """The names of what is being ordered or booked now and was not recognised as an operation."""
    operations = {act.resource.reference for act in plan(patient).needs_anaesthesia}
    others = [one for one in patient.record.drafts if isinstance(one, Schedulable)]
    return tuple(dict.fromkeys([one.shown_name for one in others if one.reference not in operations]))


_LOCOREGIONAL_WORDS = ("liver-embolisation-words", "liver-ablation-words", "radioembolisation")
_KIND_OF_WORDS = (
    ("abdominal-surgery", Kind.ABDOMINAL_SURGERY),
    ("local-anaesthesia-minor", Kind.MINOR),
    ("biopsy-endoscopy", Kind.DIAGNOSTIC),
    ("other-surgery", Kind.OTHER_SURGERY),
)
_KIND_OF_BLOCK = {
    "abdominal": Kind.ABDOMINAL_SURGERY,
    "other": Kind.OTHER_SURGERY,
    "locoregional": Kind.LOCOREGIONAL,
}


def classify(resource: Schedulable, patient: Patient) -> Kind | None:
    """What kind of invasive act a resource names; None where it names none.

    Codes of lists come first, then words that say that it is none, blocks of codes, and words.
    """
    about = resource.about
    is_excluded = about.is_named("not-an-operation")
    if about.has_row("prrt-procedures", roles=("drug",)) or about.is_named("prrt"):
        return Kind.RADIONUCLIDE
    liver_directed = about.rows("liver-embolisation", "liver-ablation")
    if any(row.get("role") != "nonspecific" for row in liver_directed):
        return Kind.LOCOREGIONAL
    if about.is_named(*_LOCOREGIONAL_WORDS) and not is_excluded:
        return Kind.LOCOREGIONAL
    operations = about.rows("resection-procedures", "cholecystectomy")
    if any(row.get("role") not in ("history", "suggestive") for row in operations):
        return Kind.ABDOMINAL_SURGERY
    blocks = _blocks(about)
    if is_excluded or "excluded" in blocks:
        return None
    known = (_KIND_OF_BLOCK[kind] for kind in blocks if kind in _KIND_OF_BLOCK)
    return next(known, None) or _by_words(resource, patient)


def _by_words(resource: Schedulable, patient: Patient) -> Kind | None:
    about = resource.about
    for word_list, kind in _KIND_OF_WORDS:
        if about.is_named(word_list) or (kind is Kind.MINOR and about.finds(word_list)):
            return kind
    if _is_unsited(resource) and not about.is_named("another-organ"):
        is_of_liver = about.is_named("liver-words") or spread(patient).has_reported_liver_metastases
        return Kind.LOCOREGIONAL if is_of_liver else Kind.UNRECOGNISED
    if about.is_named("operation-words"):
        return Kind.ABDOMINAL_SURGERY if about.is_named("abdominal-words") else Kind.OTHER_SURGERY
    is_surgical = about.has_row("procedure-category", roles=("surgery",)) or about.says("general-anaesthesia")
    if is_surgical or (isinstance(resource, Appointment) and about.is_named("surgery-booking")):
        return Kind.OTHER_SURGERY
    return Kind.UNRECOGNISED if _is_like_a_procedure(resource, patient) else None


def _is_unsited(resource: Resource) -> bool:
    """An embolisation or ablation that does not say of what."""
    about = resource.about
    is_coded = about.rows("liver-embolisation", "liver-ablation") or "unsited" in _blocks(about)
    return bool(is_coded) or about.is_named("unsited-embolisation")


def _is_like_a_procedure(resource: Schedulable, patient: Patient) -> bool:
    """By a block of codes in which operations stand beside smaller acts, or by its category."""
    category = "" if isinstance(resource, Appointment) else words(resource.category)
    return "procedure" in _blocks(resource.about) or patient.terminology.says("procedure-words", category)


def _blocks(about: About) -> list[str]:
    return [row.get("kind") for row in about.rows("operations")]


def _is_emergency(resource: Schedulable, patient: Patient) -> bool:
    """Section 8: priority stat or asap, or a start in under 12 hours."""
    if isinstance(resource, ServiceRequest) and resource.is_urgent:
        return True
    starts, limit = resource.span[0], patient.defaults.emergency_hours
    return starts is not None and starts.has_time and 0 <= starts.hours_after(patient.now) < limit


def _one_per_procedure(acts: Iterable[PlannedAct]) -> list[PlannedAct]:
    kept: list[PlannedAct] = []
    for act in acts:
        twin = next((number for number, one in enumerate(kept) if _is_same(one, act)), None)
        if twin is None:
            kept.append(act)
        else:
            kept[twin] = _merged(kept[twin], act)
    return kept


def _is_same(first: PlannedAct, second: PlannedAct) -> bool:
    """The same act twice: one based on the other, or of one kind and on one day (or one undated)."""
    one, other = first.resource, second.resource
    if refers_to(one.based_on, other) or refers_to(other.based_on, one):
        return True
    if first.kind is not second.kind:
        return False
    return first.starts is None or second.starts is None or first.starts.may_be_day_of(second.starts)


def _merged(first: PlannedAct, second: PlannedAct) -> PlannedAct:
    timed = first if first.starts else second
    return replace(
        first,
        starts=timed.starts,
        when=timed.when,
        ends=first.ends or second.ends,
        is_emergency=first.is_emergency or second.is_emergency,
        evidence=tuple(dict.fromkeys((*first.evidence, *second.evidence))),
    )
