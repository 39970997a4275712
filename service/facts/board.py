"""Has a tumour board seen the patient since the newest finding? (N-12, F-10)

Notes and referrals are recognised by the codes of national guides and by words. The board of another
specialty counts only where its name names a neuroendocrine tumour as well.
"""

from __future__ import annotations

from service.facts.grade import proliferation
from service.facts.imaging import newest_imaging
from service.facts.item import Dated, Item, current, newest_first, not_done, old, older_than
from service.facts.orders import Order, find_order
from service.facts.patient import Patient, fact
from service.facts.progression import last_progression
from service.facts.spread import newest_metastasis
from service.facts.words import evidence, on_day
from service.fhir.about import About
from service.fhir.dates import Moment
from service.fhir.r4 import (
    CarePlan,
    Composition,
    DiagnosticReport,
    DocumentReference,
    Encounter,
    Procedure,
    Resource,
)

_LISTS = ("tumour-board", "tumour-board-codes")


@fact
def tumour_board(patient: Patient) -> Item:
    """The newest note decides; without a date it counts as current."""
    notes, order = _notes(patient), find_order(patient, is_board)
    if not notes:
        return not_done(order)
    return _item(notes[0], order, patient)


def is_board(resource: Resource) -> bool:
    """Whether it is of a tumour board that may have seen this tumour."""
    about = resource.about
    if about.has_row("tumour-board-codes", roles=("not-a-board",)) or not about.hits(*_LISTS):
        return False
    return about.is_named(_THIS) or not about.is_named(_ANOTHER)


_THIS, _ANOTHER = "board-of-this-cancer", "board-of-another-cancer"


def _is_of_this_cancer(about: About) -> bool:
    return about.says(_THIS) or not about.says(_ANOTHER)


def _notes(patient: Patient) -> list[Dated[Resource]]:
    record = patient.record
    found: tuple[Resource, ...] = (
        *record.of(DiagnosticReport),
        *record.of(DocumentReference),
        *record.of(Composition),
        *record.of(CarePlan),
        *record.of(Encounter),
        *record.of(Procedure),
    )
    return newest_first([one for one in reversed(found) if one.is_done and _has_met(one)], patient)


def _has_met(resource: Resource) -> bool:
    """Whether it is the note of a board, or a report which says that one has decided; not what is to come."""
    about = resource.about
    if about.is_named("board-planned"):
        return False
    is_told = isinstance(resource, DiagnosticReport) and about.finds("board-decision")
    return is_board(resource) or (is_told and _is_of_this_cancer(about))


def _item(note: Dated[Resource], order: Order | None, patient: Patient) -> Item:
    moment, resource = note
    shown = (evidence(resource, _in_words(moment, patient)),)
    older = _older(moment, patient) if moment else ""
    if moment is None or not older:
        return current(moment, shown, patient)
    return old(moment, shown, order, older=older)


def _in_words(moment: Moment | None, patient: Patient) -> str:
    if moment is None:
        return patient.phrases("board.note")
    return patient.phrases("board.note-of-day", when=on_day(moment, patient))


def _older(moment: Moment, patient: Patient) -> str:
    """What makes the note old: its age, or a progression or finding since; empty where nothing does."""
    finding, most = newest_finding(patient), patient.defaults.board_fresh_days
    grown = last_progression(patient)
    if moment.days_before(patient.now) > most:
        return older_than(most, patient)
    if grown is not None and moment.precedes(grown):
        return patient.phrases("item.before-progression", day=grown.day)
    is_earlier = finding is not None and moment.precedes(finding)
    return patient.phrases("board.before-finding", day=finding.day) if finding and is_earlier else ""


@fact
def newest_finding(patient: Patient) -> Moment | None:
    """The newest of metastasis, count of Ki-67 or mitoses, CT or MRI, and receptor imaging (section 8)."""
    moments = (newest_metastasis(patient), proliferation(patient).newest_count, newest_imaging(patient))
    return max((moment for moment in moments if moment), default=None)


def is_discussed(patient: Patient) -> bool:
    """Whether a board note of any age follows the newest finding and progression; an undated one may."""
    findings = [one for one in (newest_finding(patient), last_progression(patient)) if one]
    for moment, _note in _notes(patient)[:1]:
        return moment is None or not any(moment.precedes(one) for one in findings)
    return False
