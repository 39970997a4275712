"""Where in the course of care is the patient? (F-12, Y-1)

Before a first treatment, after cure, under treatment and after a progression different advice helps. Signs
are gathered first, each with its date; the first phase that fits decides. Where procedures or reports were
not read, nobody is called resected: the tumour then counts as new, or its course as unclear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from service.facts.board import is_board
from service.facts.disease_status import Sign, disease_status
from service.facts.drugs import Drug, treatment
from service.facts.operations import LIVER_DIRECTED, Role, operations, radionuclides_given
from service.facts.patient import Patient, fact
from service.facts.progression import is_recurrence, progression
from service.facts.resection import is_well_after, resection
from service.facts.spread import Level, Metastasis, own_metastases
from service.facts.statements import statements
from service.facts.tumour import tumour
from service.facts.words import evidence, on_day, stated
from service.fhir.dates import Moment
from service.fhir.evidence import Evidence
from service.fhir.r4 import CarePlan, OfMedication, Procedure, Resource


class Phase(Enum):
    """The phases of care; ``RESECTED`` is ``SURVEILLANCE`` without a word that nothing is left."""

    PROGRESSION = "progression"
    SURVEILLANCE = "surveillance"
    RESECTED = "resected"
    TREATMENT = "treatment"
    INITIAL = "initial"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Course:
    """The answer to F-12: the phase, and the signs of each kind that are on record."""

    phase: Phase
    resected: Sign | None = None
    free: tuple[Sign, ...] = ()
    disease: tuple[Sign, ...] = ()
    progression: Sign | None = None
    systemic: tuple[Sign, ...] = ()
    watched: Evidence | None = None

    @property
    def is_treated(self) -> bool:
        """Whether disease on record is being treated, or watched by agreement."""
        return bool(self.disease) and (bool(self.systemic) or self.watched is not None)

    @property
    def is_free(self) -> bool:
        """Whether the tumour was removed and no disease is on record since."""
        return self.resected is not None and not self.disease


@fact
def course(patient: Patient) -> Course:
    """Gather the signs, then take the first phase that fits."""
    systemic = tuple(_systemic(patient))
    found = Course(
        Phase.UNCLEAR,
        resected=resection(patient) if is_past_read(patient) else None,
        free=_free(patient),
        disease=tuple(_disease(patient)),
        progression=_untreated_progression(patient, is_treated=bool(systemic)),
        systemic=systemic,
        watched=_watched(patient),
    )
    return replace(found, phase=_decided(found, patient))


def phase(patient: Patient) -> Phase:
    """The phase of care."""
    return course(patient).phase


_PAST = ("procedures", "imaging", "documents")
"""Without these sections nobody can be called resected, nor the primary in place."""


def is_past_read(patient: Patient) -> bool:
    """Whether procedures and reports, which tell of a resection and of what came after, were read."""
    return patient.record.is_known(*_PAST)


def phase_in_words(patient: Patient) -> str:
    """What a card adds of the phase to what is on record; empty where it goes without saying."""
    found = course(patient)
    if found.phase is Phase.RESECTED and found.resected:
        return patient.phrases("phase.resected", when=on_day(found.resected.moment, patient))
    if found.phase in (Phase.PROGRESSION, Phase.INITIAL, Phase.UNCLEAR):
        return _not_read(found.phase, patient) or _unclear(found.phase, patient)
    return ""


def _not_read(phase_of_care: Phase, patient: Patient) -> str:
    """What could have shown another phase and was not read."""
    if phase_of_care is not Phase.PROGRESSION and not is_past_read(patient):
        return patient.phrases("phase.past-not-read")
    is_read = patient.record.is_known("medications")
    return "" if is_read else patient.phrases("phase.treatment-not-read")


def _unclear(phase_of_care: Phase, patient: Patient) -> str:
    if phase_of_care is not Phase.UNCLEAR:
        return ""
    return patient.phrases("phase.unclear", when=on_day(tumour(patient).since, patient))


def _decided(found: Course, patient: Patient) -> Phase:
    """The six steps of Y-1."""
    if found.progression:
        return Phase.PROGRESSION
    if found.is_free:
        return Phase.SURVEILLANCE if found.free else Phase.RESECTED
    if found.is_treated:
        return Phase.TREATMENT
    since = tumour(patient).since
    is_new = since is None or since.days_before(patient.now) <= patient.defaults.initial_phase_days
    return Phase.INITIAL if is_new else Phase.UNCLEAR


def _free(patient: Patient) -> tuple[Sign, ...]:
    """The signs that nothing is left, of the day of the resection or later."""
    return tuple([one for one in disease_status(patient).free if _is_since_resection(one, patient)])


def _is_since_resection(sign: Sign, patient: Patient) -> bool:
    removed = resection(patient)
    if removed is None or removed.moment is None:
        return True
    return sign.moment is not None and not sign.moment.precedes(removed.moment)


def _disease(patient: Patient) -> Iterator[Sign]:
    """Metastases that are still there, tumour that was left or has come back, a primary in its place."""
    for one in own_metastases(patient):
        if not _was_removed(one, patient):
            yield Sign(one.moment, one.evidence)
    yield from (one for one in disease_status(patient).disease if _is_since_resection(one, patient))
    for condition in tumour(patient).conditions:
        if is_recurrence(condition):
            yield Sign(condition.recorded, stated(condition, patient))
    if is_past_read(patient) and resection(patient) is None:
        yield from (Sign(None, one) for one in tumour(patient).evidence)


def _was_removed(one: Metastasis, patient: Patient) -> bool:
    """Nodes with the primary; liver metastases by a later resection of the liver that left none."""
    removed = resection(patient)
    if one.site == "node":
        # A stage without a date, as a Condition carries it, is that of the resection.
        return removed is not None and not (one.moment and is_well_after(one.moment, removed, patient))
    return one.site == "liver" and any(
        _is_cleared_by(cut, one, patient) for cut in _liver_resections(patient)
    )


def _liver_resections(patient: Patient) -> list[Sign]:
    done = [one for one in operations(patient).done if Role.LIVER_RESECTION in one.roles]
    return [Sign(one.moment, one.evidence[0]) for one in done if one.moment]


def _is_cleared_by(cut: Sign, one: Metastasis, patient: Patient) -> bool:
    """Known by then, or proven by its specimen; and somebody has said since that nothing is left."""
    free = [sign.moment for sign in disease_status(patient).free if sign.moment]
    if one.moment is None or cut.moment is None or all(day.precedes(cut.moment) for day in free):
        return False
    is_of_specimen = one.level is Level.PROVEN and not is_well_after(one.moment, cut, patient)
    return is_of_specimen or not cut.moment.precedes(one.moment)


def _untreated_progression(patient: Patient, *, is_treated: bool) -> Sign | None:
    """The newest, where no treatment began since; an undated one only while nothing is given."""
    newest = progression(patient).newest
    if newest is None:
        return None
    if newest.moment is None:
        return None if is_treated else newest
    moment = newest.moment
    return newest if all(start.precedes(moment) for start in _starts(patient)) else None


def _starts(patient: Patient) -> Iterator[Moment]:
    """When each treatment on record began. One without a date cannot be held against a new finding."""
    removed = resection(patient)
    done = [one.moment for one in operations(patient).done if one.roles & LIVER_DIRECTED]
    given = [one.happened() for one in radionuclides_given(patient)]
    yield from (one for one in (removed.moment if removed else None, *done, *given) if one)
    yield from _first_doses((*_drugs(patient), *treatment(patient).stopped_analogues))


def _first_doses(drugs: Iterable[Drug]) -> list[Moment]:
    """The earliest of each ingredient: a renewal begins no treatment."""
    by_ingredient: dict[frozenset[str], Moment] = {}
    for one in drugs:
        if begun := one.starts or one.authored:
            known = by_ingredient.get(one.ingredients, begun)
            by_ingredient[one.ingredients] = min(known, begun, key=lambda moment: moment.timestamp)
    return list(by_ingredient.values())


def _systemic(patient: Patient) -> Iterator[Sign]:
    """Drugs against the tumour in force; liver-directed treatment and PRRT of the last months."""
    for drug in _drugs(patient):
        yield Sign(drug.starts or drug.authored, drug.evidence)
    for done in operations(patient).done:
        if done.roles & LIVER_DIRECTED and _is_recent(done.moment, patient):
            yield Sign(done.moment, done.evidence[0])
    for given in radionuclides_given(patient):
        if _is_recent(given.happened(), patient):
            yield Sign(given.happened(), _given(given, patient))


def _given(dose: Procedure | OfMedication, patient: Patient) -> Evidence:
    return evidence(dose, patient.phrases("act.radionuclide", status=dose.status))


def _is_recent(moment: Moment | None, patient: Patient) -> bool:
    """Within the time for which such a treatment counts; one without a date may be of long ago."""
    return (
        moment is not None and moment.days_before(patient.now) <= patient.defaults.liver_therapy_window_days
    )


def _drugs(patient: Patient) -> tuple[Drug, ...]:
    """Long-acting analogues, cytotoxic and targeted drugs and radionuclides, unless they are only meant."""
    found = treatment(patient)
    others = found.of("systemic-antitumour", roles=("cytotoxic", "targeted"))
    radionuclides = found.of("prrt-procedures", roles=("drug",))
    drugs = (*found.long_acting_analogues, *others, *radionuclides)
    return tuple([one for one in drugs if not (one.is_draft or one.resource.is_only_meant)])


def _watched(patient: Patient) -> Evidence | None:
    """Watchful waiting, in a care plan in force or in the note of a tumour board."""
    said = statements(patient).by_list.get("surveillance", ())
    agreed = next((one for one in said if _is_agreement(one.resource)), None)
    return agreed.evidence(patient.phrases("statement.surveillance")) if agreed else None


def _is_agreement(resource: Resource) -> bool:
    is_plan = isinstance(resource, CarePlan) and resource.stated_status == "active"
    return is_plan or is_board(resource)
