"""What beside the problem list shows that a tumour functions? (F-6)

A drug that is given for carcinoid syndrome only, the syndrome as the reason of an order, a note or a flag
that names it, a tumour that is said to produce serotonin. Words that call it past or excluded say nothing,
and those that only suspect it count one level less.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from service.facts.patient import Patient, fact
from service.facts.words import evidence, on_day
from service.fhir import dates, r4
from service.fhir.context import Assertion
from service.fhir.evidence import Evidence


class Function(IntEnum):
    """How sure it is that the tumour causes carcinoid syndrome."""

    UNKNOWN = 0
    NO_EVIDENCE = 1
    POSSIBLE = 2
    PROBABLE = 3
    CONFIRMED = 4

    @property
    def key(self) -> str:
        """The level as the phrases name it."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Signal:
    """One resource, how sure it makes that the tumour functions, and what it says."""

    level: Function
    says: str
    evidence: Evidence


@fact
def signals(patient: Patient) -> tuple[Signal, ...]:
    """Every signal, the surest first."""
    found = (*_drugs(patient), *_reasons(patient), *_notes(patient), *_flags(patient), *_serotonin(patient))
    return tuple(sorted(found, key=lambda one: -one.level))


def _signal(level: Function, key: str, resource: r4.Resource, patient: Patient) -> Signal:
    when = on_day(resource.happened(), patient)
    says = patient.phrases(f"signal.{key}", name=resource.shown_name, when=when)
    return Signal(level, says, evidence(resource, says))


def _said(word_list: str, text: str, patient: Patient) -> Assertion:
    return patient.terminology.word_lists.said_in(text).get(word_list, Assertion.NOTHING)


_LEVELS = {Assertion.ASSERTED: Function.PROBABLE, Assertion.UNCERTAIN: Function.POSSIBLE}
_SYNDROME = "carcinoid-syndrome"
_TELOTRISTAT = ("systemic-antitumour", "drug-telotristat")
_ANALOGUE = (
    *("somatostatin-analogues", "drug-octreotide", "drug-lanreotide"),
    "drug-somatostatin-analogue",
)


def _drugs(patient: Patient) -> Iterator[Signal]:
    """Telotristat has no other use; of an analogue its reason or its text has to say what it is for."""
    for one in _medications(patient):
        words = _said(_SYNDROME, f"{one.text}; {r4.words(one.reason_code)}", patient)
        if _is_telotristat(one) and _is_lately(one, patient):
            is_said = words is Assertion.ASSERTED
            yield _signal(Function.CONFIRMED if is_said else Function.PROBABLE, "drug", one, patient)
        elif one.about.hits(*_ANALOGUE) and words in _LEVELS:
            yield _signal(_LEVELS[words], "reason", one, patient)


def _medications(patient: Patient) -> Iterator[r4.OfMedication]:
    record = patient.record
    stored = (
        *record.of(r4.MedicationRequest),
        *record.of(r4.MedicationStatement),
        *record.of(r4.MedicationAdministration),
    )
    for one in (*record.drafts, *stored):
        if isinstance(one, r4.OfMedication) and not one.is_refusal and not one.is_of_no_concern:
            yield one


def _is_telotristat(medication: r4.OfMedication) -> bool:
    about = medication.about
    return about.is_named("drug-telotristat") or about.has_row(
        "systemic-antitumour", roles=("symptom-control",)
    )


def _is_lately(medication: r4.OfMedication, patient: Patient) -> bool:
    """In force, or ended not longer ago than the limit."""
    if medication.is_in_force:
        return True
    starts, ends = medication.span
    last = ends or starts or medication.authored
    return last is not None and last.days_before(patient.now) <= patient.defaults.telotristat_days


def _reasons(patient: Patient) -> Iterator[Signal]:
    """Orders and acts whose coded reason is the syndrome."""
    for one in _acts(patient):
        rows = patient.terminology.rows(r4.concepts(one.reason_code))
        if any(row.get("role") == "syndrome" and row.get("syndrome").startswith("carcinoid") for row in rows):
            yield _signal(Function.CONFIRMED, "reason", one, patient)


def _acts(patient: Patient) -> Iterator[r4.ServiceRequest | r4.Procedure | r4.Appointment]:
    record = patient.record
    stored = (*record.of(r4.ServiceRequest), *record.of(r4.Procedure), *record.of(r4.Appointment))
    for one in (*record.drafts, *stored):
        if isinstance(one, r4.ServiceRequest | r4.Procedure | r4.Appointment) and (
            one.is_planned or one.took_place or not one.stated_status
        ):
            yield one


def _notes(patient: Patient) -> Iterator[Signal]:
    """What a note, letter, plan, encounter or order is about, by its title, description or reason."""
    record = patient.record
    documents = (*record.of(r4.DocumentReference), *record.of(r4.Composition), *record.of(r4.CarePlan))
    written = [one for one in documents if one.is_done]
    seen = [one for one in record.of(r4.Encounter) if one.stated_status not in _NEVER_WAS]
    for one in (*written, *seen, *_acts(patient)):
        words = _said(_SYNDROME, f"{one.name}; {one.findings}", patient)
        if words in _LEVELS and not one.is_refusal:
            yield _signal(_LEVELS[words], "named", one, patient)


_NEVER_WAS = ("cancelled", "entered-in-error")


def _flags(patient: Patient) -> Iterator[Signal]:
    for one in patient.record.about(r4.Flag, "carcinoid-crisis"):
        if one.is_done:
            yield _signal(Function.PROBABLE, "flag", one, patient)


_SEROTONIN = "serotonin-producing"


def _serotonin(patient: Patient) -> Iterator[Signal]:
    """A tumour that is coded, or said in a diagnosis or a report, to produce serotonin."""
    for one in patient.record.of(r4.Condition):
        rows = one.about.rows("net-functional-syndromes")
        is_coded = any(row.get("syndrome") == "serotonin" for row in rows)
        words = Assertion.ASSERTED if is_coded else _said(_SEROTONIN, f"{one.name}; {one.findings}", patient)
        if words in _LEVELS and one.is_in_force(patient.now):
            yield _signal(_LEVELS[words], "serotonin", one, patient)
    for report in patient.record.of(r4.DiagnosticReport):
        words = _said(_SEROTONIN, report.findings, patient) if report.is_done else Assertion.NOTHING
        if words in _LEVELS and not dates.is_in_future(report.happened(), patient.now):
            yield _signal(_LEVELS[words], "serotonin", report, patient)
