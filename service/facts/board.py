"""Has a tumour board seen the patient since the newest finding? (N-12, F-10)

No standard code exists for a tumour board: notes and referrals are recognised by words.
"""

from __future__ import annotations

from service.facts.grade import proliferation
from service.facts.imaging import newest_imaging
from service.facts.item import Dated, Item, current, newest_first, not_done, repeated
from service.facts.orders import Order, find_order
from service.facts.patient import Patient, fact
from service.facts.spread import newest_metastasis
from service.facts.words import evidence, on_day
from service.fhir.dates import Moment
from service.fhir.r4 import CarePlan, Composition, DocumentReference, Encounter, Resource

_WORDS = "tumour-board"


@fact
def tumour_board(patient: Patient) -> Item:
    """The newest note decides; without a date it counts as current."""
    notes, order = _notes(patient), find_order(patient, lambda one: one.about.is_named(_WORDS))
    if not notes:
        return not_done(order, patient)
    return _item(notes[0], order, patient)


def _notes(patient: Patient) -> list[Dated[Resource]]:
    record = patient.record
    found: tuple[Resource, ...] = (
        *record.about(DocumentReference, _WORDS),
        *record.about(Composition, _WORDS),
        *record.about(CarePlan, _WORDS),
        *record.about(Encounter, _WORDS),
    )
    return newest_first([one for one in reversed(found) if one.is_done], patient)


def _item(note: Dated[Resource], order: Order | None, patient: Patient) -> Item:
    moment, resource = note
    shown = (evidence(resource, _in_words(moment, patient)),)
    if moment is None or _covers(moment, patient):
        return current(moment, shown, patient)
    return repeated(moment, shown, order)


def _in_words(moment: Moment | None, patient: Patient) -> str:
    if moment is None:
        return patient.phrases("board.note")
    return patient.phrases("board.note-of-day", when=on_day(moment, patient))


def _covers(moment: Moment, patient: Patient) -> bool:
    """Whether the note is young enough, and not from before the newest finding."""
    finding = newest_finding(patient)
    knows_all = finding is None or moment.instant.date() >= finding.instant.date()
    return knows_all and moment.days_before(patient.now) <= patient.defaults.board_fresh_days


@fact
def newest_finding(patient: Patient) -> Moment | None:
    """The newest of metastasis, count of Ki-67 or mitoses, CT or MRI, and receptor imaging (section 8)."""
    moments = (newest_metastasis(patient), proliferation(patient).newest_count, newest_imaging(patient))
    return max((moment for moment in moments if moment), default=None)
