"""How an answer came about, for people who look: sections, every rule's answer, the facts, the course.

``evaluate --why`` prints it and the pages draw it. Nothing here decides anything: it only tells what the
engine (https://cds-hooks.hl7.org/2.0/#cds-service-response) and the facts found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from service.engine import HookResult, Said, because, is_shown
from service.facts.disease_status import Sign
from service.facts.grade import proliferation
from service.facts.markers import Marker, chromogranin_a_results, hiaa_results
from service.facts.patient import Patient
from service.facts.person import person
from service.facts.phase import Course, Phase
from service.facts.phase import course as course_of_care
from service.facts.plan import plan
from service.facts.signals import Function
from service.facts.spread import Extent, spread
from service.facts.syndrome import function
from service.facts.tumour import Differentiation, differentiation_in_words, site_in_words, tumour
from service.fhir import dates, r4
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.record import Section
from service.hooks.hooks import SERVICES
from service.rendering import indicator_of
from service.rules import RULES
from service.rules.base import Fires, Rule, Silent
from service.site import SiteRules

HOOKS = tuple(service.hook for service in SERVICES)
"""The names of the hooks that are answered."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What one rule said, and why; ``rests_on`` has the references of the resources that show it."""

    rule: str
    answer: str
    because: str
    rests_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """How the cards came about: the sections of the record, and the answer of every rule."""

    sections: tuple[Section, ...]
    answers: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One question of the algorithm and its answer; ``unread`` are the sections that were not read whole."""

    name: str
    value: str
    is_unknown: bool
    unread: tuple[str, ...]
    rests_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something of the record with a day (``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``; None where it has none).

    ``value`` and ``upper`` are those of a result in ``unit``; ``is_assumed`` is whether the laboratory
    printed no upper limit and the one of the cards was taken.
    """

    lane: str
    reference: str
    says: str
    day: str | None
    value: float | None = None
    upper: float | None = None
    unit: str = ""
    is_assumed: bool = False


def reasons(result: HookResult, rules: SiteRules, *, hook: str) -> Why:
    """Every section with its state, and every rule with its answer and the reason."""
    said = [
        Reason(verdict.rule.id, *_in_words(one, verdict.rule, rules), rests_on=_references_of(one))
        for verdict in result.verdicts
        for one in verdict.said
    ]
    sections = result.record.sections.values() if result.record else ()
    asked = {verdict.rule.id for verdict in result.verdicts}
    return Why(tuple(sections), (*said, *_not_asked(asked, rules.off, hook)))


def _in_words(said: Said, rule: Rule, rules: SiteRules) -> tuple[str, str]:
    if isinstance(said, Silent):
        return "silent", because(rule, said, rules.knowledge)
    if not isinstance(said, Fires):
        return "could not be assessed", f"{said.section}: {said.reason}"
    indicator = indicator_of(rule, said, rules.knowledge).name.lower()
    parts = (f"{said.wording} ({indicator})", *(one.says for one in said.evidence), *_kept(said, rule, rules))
    return "fires", "; ".join(parts)


def _kept(fires: Fires, rule: Rule, rules: SiteRules) -> Iterator[str]:
    """Why this site does not show what a rule says."""
    if rule.id in rules.shadow:
        yield "not shown: this site only records it (shadow)"
    elif not is_shown(rule, fires, rules.knowledge):
        yield f"not shown: this site shows {rules.knowledge.lowest_indicator.name.lower()} and above"


def _references_of(said: Said) -> tuple[str, ...]:
    return _references(said.evidence) if isinstance(said, Fires) else ()


def _references(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([one.reference for one in evidence]))


def _not_asked(asked: Collection[str], off: Mapping[str, str], hook: str) -> Iterator[Reason]:
    for rule in RULES:
        if rule.id not in asked:
            on = ", ".join(name for name in HOOKS if name in rule.hooks)
            decided = off.get(rule.id, "its card is not approved")
            yield Reason(rule.id, "not asked", decided if hook in rule.hooks else f"asked on {on}")


def because_of(section: Section) -> str:
    """Why a section is not known, and what was odd in it."""
    return "; ".join((*section.reasons, *section.notes))


def as_json(why: Why) -> dict[str, Any]:
    """The sections by name, and the answers in the order of the rules."""
    return {
        "sections": {
            one.name: {"state": one.state.value, "because": because_of(one), "count": one.count._asdict()}
            for one in why.sections
        },
        "answers": [_answer_as_json(one) for one in why.answers],
    }


def _answer_as_json(reason: Reason) -> dict[str, Any]:
    return {name: value for name, value in asdict(reason).items() if name != "rests_on"}


def facts(patient: Patient) -> tuple[Fact, ...]:
    """The answers that lead through the algorithm (F-1 to F-7, F-12), in its order."""
    return (_diagnosed(patient), _differentiated(patient), _graded(patient), *_beyond(patient))


def _diagnosed(patient: Patient) -> Fact:
    found = _diagnosis(patient)
    return _fact("Diagnosis", found, tumour(patient).evidence, ("conditions",), patient)


def _differentiated(patient: Patient) -> Fact:
    found = tumour(patient)
    value = "" if found.differentiation is Differentiation.UNKNOWN else differentiation_in_words(patient)
    return _fact("Differentiation", value, found.evidence, ("conditions", "observations"), patient)


def _graded(patient: Patient) -> Fact:
    found = proliferation(patient)
    value = found.grade.name if found.grade else ""
    return _fact("Grade", value, found.evidence, ("observations", "imaging"), patient)


def _beyond(patient: Patient) -> Iterator[Fact]:
    """How far it has spread, whether it functions, in which phase of care, and what is planned."""
    extent, syndrome, acts = spread(patient), function(patient), plan(patient).acts
    stated = "" if extent.extent is Extent.UNKNOWN else patient.phrases(f"names.extent.{extent.extent.value}")
    results = ("conditions", "observations")
    yield _fact("Extent", stated, extent.evidence, (*results, "imaging"), patient)
    stated_function = "" if syndrome.level is Function.UNKNOWN else syndrome.words
    yield _fact("Function", stated_function, syndrome.evidence, results, patient)
    yield _phased(patient)
    planned = "; ".join([f"{act.name}, {act.when}" for act in acts]) or "nothing"
    shown = [one for act in acts for one in act.evidence]
    yield _fact("Planned", planned, shown, ("orders", "appointments", "procedures"), patient)


PHASES = {
    Phase.INITIAL: "before treatment",
    Phase.TREATMENT: "under treatment, or watched by agreement",
    Phase.SURVEILLANCE: "after cure: removed, nothing left on record",
    Phase.RESECTED: "removed; whether something is left is not told",
    Phase.PROGRESSION: "progression, not treated since",
    Phase.UNCLEAR: "",
}
"""The phases of care in words; one that is not clear is not known."""


def _phased(patient: Patient) -> Fact:
    """The phase decides on opening a chart which advice is given; care limited to comfort stands above it."""
    found = course_of_care(patient)
    unread = _not_read(_TOLD_OF_COURSE, patient)
    shown = _references([one.evidence for one in _signs(found)])
    if person(patient).has_comfort_care:
        return Fact("Phase of care", "comfort care only", is_unknown=False, unread=unread, rests_on=())
    if not tumour(patient).is_present:
        return _fact("Phase of care", "none without a tumour", (), ("conditions",), patient)
    is_unknown = found.phase is Phase.UNCLEAR or (found.phase is Phase.INITIAL and bool(unread))
    return Fact(
        "Phase of care", "not known" if is_unknown else PHASES[found.phase], is_unknown, unread, shown
    )


_TOLD_OF_COURSE = ("procedures", "imaging", "documents", "medications")


def _signs(found: Course) -> Sequence[Sign]:
    """What shows the phase."""
    match found.phase:
        case Phase.PROGRESSION:
            return [found.progression] if found.progression else []
        case Phase.SURVEILLANCE | Phase.RESECTED:
            return [*([found.resected] if found.resected else []), *found.free]
        case Phase.TREATMENT:
            watched = [Sign(None, found.watched)] if found.watched else []
            return [*found.systemic, *watched]
        case _:
            return found.disease


def _not_read(sections: Iterable[str], patient: Patient) -> tuple[str, ...]:
    return tuple([one for one in sections if not patient.record.is_known(one)])


def _fact(
    name: str, value: str, evidence: Sequence[Evidence], rests_on: Iterable[str], patient: Patient
) -> Fact:
    """An answer; one that nothing shows is none where a section that it rests on was not read to its end."""
    unread = _not_read(rests_on, patient)
    is_unknown = not value or bool(unread and not evidence)
    return Fact(name, "not known" if is_unknown else value, is_unknown, unread, _references(evidence))


def _diagnosis(patient: Patient) -> str:
    found = tumour(patient)
    if not found.is_present:
        return "no neuroendocrine tumour"
    return f"neuroendocrine tumour of the {site_in_words(patient)}, {found.certainty.value}"


def course(patient: Patient) -> tuple[Event, ...]:
    """What the record holds of the course, by lane; of a value with bounds the number that is printed."""
    found = patient.record.of(r4.Condition)
    return (
        *[_event("Diagnosis", one, one.since) for one in found],
        *_ki67(patient),
        *[_measured("Chromogranin A", one) for one in chromogranin_a_results(patient)],
        *[_measured("5-HIAA", one) for one in hiaa_results(patient)],
        *_of_kinds("Imaging and reports", patient, r4.ImagingStudy, r4.DiagnosticReport),
        *_of_kinds("Treatment", patient, r4.MedicationRequest, r4.MedicationStatement),
        *_of_kinds("Treatment", patient, r4.MedicationAdministration, r4.Procedure),
        *_planned(patient),
    )


def _event(lane: str, resource: r4.Resource, moment: Moment | None) -> Event:
    return Event(lane, resource.reference, resource.shown_name, moment.day if moment else None)


def _of_kinds(lane: str, patient: Patient, *kinds: type[r4.Resource]) -> Iterator[Event]:
    """What happened; what is only ordered has no day of its own, and says so by its status."""
    for kind in kinds:
        for one in patient.record.of(kind):
            yield _event(lane, one, one.happened())


def _ki67(patient: Patient) -> Iterator[Event]:
    for one in proliferation(patient).counts:
        value = _number(one.interval.low, one.interval.high) if one.interval else None
        day = one.moment.day if one.moment else None
        yield Event("Ki-67", one.resource.reference, one.says, day, value, unit="%")


def _measured(lane: str, marker: Marker) -> Event:
    interval, day = marker.interval, marker.moment.day if marker.moment else None
    return Event(
        lane,
        marker.observation.reference,
        marker.says,
        day,
        _number(interval.low, interval.high) if interval else None,
        marker.limit,
        interval.unit if interval else "",
        marker.limit_is_assumed,
    )


def _number(low: float, high: float) -> float | None:
    """The end of a stretch that is a number: ``<5`` is drawn at 5, ``>20`` at 20."""
    return next((one for one in (high, low) if abs(one) < float("inf")), None)


def _planned(patient: Patient) -> Iterator[Event]:
    for act in plan(patient).every:
        day = act.starts.day if act.starts else None
        yield Event("Planned", act.resource.reference, f"{act.name}, {act.when}", day)


def in_order(events: Iterable[Event]) -> list[Event]:
    """By day; what is undated comes first."""
    return sorted(events, key=lambda one: dates.order(dates.parse(one.day)))
