"""Does the tumour function, and how sure is that? (F-6)

Syndromes, symptoms and markers are weighed, the surest sign first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.facts.markers import (
    Marker,
    chromogranin_a_results,
    current_hiaa,
    hiaa_results,
    is_current,
)
from service.facts.patient import Patient, fact
from service.facts.phase import Phase, course
from service.facts.signals import Function, Signal, signals
from service.facts.tumour import HORMONE_LIST, SYNDROME_WORDS, tumour
from service.facts.words import stated
from service.fhir.context import Assertion
from service.fhir.evidence import Evidence
from service.fhir.r4 import Condition


@dataclass(frozen=True, slots=True)
class FunctioningStatus:
    """The answer to F-6: how sure, why, and the Conditions and the newest 5-HIAA that show it.

    ``words`` is the level as the cards print it; ``others`` has each other syndrome with a Condition that
    names it.
    """

    level: Function
    words: str
    why: str
    evidence: tuple[Evidence, ...]
    syndromes: tuple[Condition, ...]
    syndrome_without_tumour: bool
    syndrome_was_dismissed: bool
    is_in_crisis: bool
    flushing: Condition | None
    diarrhoea: Condition | None
    has_certain_insulinoma: bool
    other_syndromes: tuple[str, ...]
    other_syndrome_evidence: tuple[Evidence, ...]

    @property
    def is_likely(self) -> bool:
        """Confirmed or probable: what the peri-operative rules ask for."""
        return self.level >= Function.PROBABLE

    @property
    def is_confirmed(self) -> bool:
        """Confirmed carcinoid syndrome."""
        return self.level is Function.CONFIRMED

    @property
    def syndrome_on_problem_list(self) -> bool:
        """Whether carcinoid syndrome is on record, confirmed or not."""
        return bool(self.syndromes)

    @property
    def has_flushing(self) -> bool:
        """Whether flushing is on record."""
        return self.flushing is not None

    @property
    def has_diarrhoea(self) -> bool:
        """Whether diarrhoea is on record."""
        return self.diarrhoea is not None

    @property
    def has_insulinoma(self) -> bool:
        """Whether an insulinoma is on record, or suspected."""
        return _INSULINOMA in self.other_syndromes


@fact
def function(patient: Patient) -> FunctioningStatus:
    """Syndromes, symptoms and markers, weighed as F-6 says."""
    found, others, (level, why) = _syndromes(patient), _others(patient), _level(patient)
    signal = _surest_signal(patient)
    if signal and signal.level > level:
        level, why = signal.level, signal.says
    if level is Function.CONFIRMED and _is_silent_after_cure(patient):
        level, why = Function.PROBABLE, patient.phrases("function.in-range-after-cure")
    return FunctioningStatus(
        level=level,
        words=patient.phrases(f"names.function.{level.key}"),
        why=why,
        evidence=_evidence(patient),
        syndromes=found,
        syndrome_without_tumour=bool(found) and not tumour(patient).is_present,
        syndrome_was_dismissed=_was_dismissed(patient),
        is_in_crisis=any(_is_crisis(one) for one in found),
        flushing=_flushing(patient),
        diarrhoea=_diarrhoea(patient),
        has_certain_insulinoma=any(_is_certain(one) for one in _insulinomas(patient)),
        other_syndromes=tuple(others),
        other_syndrome_evidence=tuple([stated(one, patient) for one in others.values()]),
    )


def _is_silent_after_cure(patient: Patient) -> bool:
    """Whether the 5-HIAA has been in range since a resection that left no disease (Y-5)."""
    newest, found = current_hiaa(patient), course(patient)
    if newest is None or newest.is_high or found.phase is not Phase.SURVEILLANCE:
        return False
    removed = found.resected.moment if found.resected else None
    return bool(removed and newest.moment and removed.precedes(newest.moment))


def _evidence(patient: Patient) -> tuple[Evidence, ...]:
    """The syndromes and symptoms, and the newest 5-HIAA."""
    conditions = (*_syndromes(patient), _flushing(patient), _diarrhoea(patient))
    shown = [stated(one, patient) for one in conditions if one]
    signalled = [one.evidence for one in _signals(patient)]
    return (*shown, *signalled, *[one.evidence for one in hiaa_results(patient)[:1]])


@fact
def _signals(patient: Patient) -> tuple[Signal, ...]:
    """What beside diagnoses shows it; without a tumour or a syndrome on record it shows nothing."""
    return signals(patient) if tumour(patient).is_present or _syndromes(patient) else ()


def _surest_signal(patient: Patient) -> Signal | None:
    return next(iter(_signals(patient)), None)


_CARCINOID = ("carcinoid", "carcinoid-heart-disease", "carcinoid-crisis")
_DISMISSED = "carcinoid-syndrome-dismissed"


@fact
def _candidates(patient: Patient) -> tuple[Condition, ...]:
    """The Conditions that name carcinoid syndrome, heart disease or a crisis, whatever their status."""
    found = patient.record.about(Condition, HORMONE_LIST, *SYNDROME_WORDS, _DISMISSED)
    return tuple([one for one in found if _names_carcinoid_syndrome(one)])


@fact
def _syndromes(patient: Patient) -> tuple[Condition, ...]:
    """The Conditions that are carcinoid syndrome, heart disease, or a past crisis."""
    return tuple([one for one in _candidates(patient) if _stands(one, patient)])


def _was_dismissed(patient: Patient) -> bool:
    """Whether carcinoid syndrome is on record as refuted, resolved or over."""
    dismissed = [one for one in _candidates(patient) if not _stands(one, patient)]
    return any(one.verification != "entered-in-error" for one in dismissed)


def _names_carcinoid_syndrome(condition: Condition) -> bool:
    if rows := condition.about.rows(HORMONE_LIST):
        return any(row.get("syndrome") in _CARCINOID for row in rows)
    return condition.about.is_named(*SYNDROME_WORDS, _DISMISSED)


def _stands(condition: Condition, patient: Patient) -> bool:
    """A past crisis marks a patient at risk and valves stay as they are, unless the entry is refuted."""
    if _is_crisis(condition) or _is_of_heart(condition):
        return not condition.is_refuted
    return condition.is_in_force(patient.now) and not _is_dismissed_in_words(condition)


def _is_crisis(condition: Condition) -> bool:
    if rows := condition.about.rows(HORMONE_LIST):
        return any(row.get("syndrome") == "carcinoid-crisis" for row in rows)
    return condition.about.is_named("carcinoid-crisis")


def _is_of_heart(condition: Condition) -> bool:
    if rows := condition.about.rows(HORMONE_LIST):
        return any(row.get("syndrome") == "carcinoid-heart-disease" for row in rows)
    said = condition.about.says_of("carcinoid-heart-disease")
    return said in (Assertion.ASSERTED, Assertion.HISTORICAL)


def _is_dismissed_in_words(condition: Condition) -> bool:
    """Whether text alone calls the syndrome past or excluded; a code stands, whatever the text says."""
    about = condition.about
    if about.has_row(HORMONE_LIST) or about.is_named("carcinoid-heart-disease"):
        return False
    return about.is_named(_DISMISSED)


def _is_confirmed(condition: Condition) -> bool:
    """Whether a syndrome is confirmed by its status, and its words alone do not call it suspected."""
    about = condition.about
    said = [words for one in SYNDROME_WORDS if (words := about.says_of(one))]
    is_doubted = Assertion.UNCERTAIN in said and Assertion.ASSERTED not in said
    is_suspected = is_doubted or about.is_named("carcinoid-syndrome-suspected")
    return condition.verification == "confirmed" and (about.has_row(HORMONE_LIST) or not is_suspected)


@fact
def _others(patient: Patient) -> dict[str, Condition]:
    """Each other syndrome of hormones with a Condition that names it."""
    return {name: one for one in _hormonal(patient) for name in _other_syndromes(one)}


@fact
def _hormonal(patient: Patient) -> tuple[Condition, ...]:
    found = patient.record.about(Condition, HORMONE_LIST, "net-icdo3-morphology", _INSULINOMA)
    return tuple([one for one in found if one.is_in_force(patient.now)])


_INSULINOMA = "insulinoma"


def _insulinomas(patient: Patient) -> list[Condition]:
    return [one for one in _hormonal(patient) if _INSULINOMA in _other_syndromes(one)]


def _is_certain(insulinoma: Condition) -> bool:
    """Confirmed by its status, and by a code or by words that do not call it suspected."""
    is_doubted = insulinoma.about.says_of(_INSULINOMA) is Assertion.UNCERTAIN
    return insulinoma.verification == "confirmed" and not (is_doubted and not _coded_others(insulinoma))


_NO_OTHER_SYNDROME = (*_CARCINOID, "", "serotonin", "hereditary")


def _other_syndromes(condition: Condition) -> Iterator[str]:
    yield from _coded_others(condition)
    if condition.about.says_of(_INSULINOMA) in (Assertion.ASSERTED, Assertion.UNCERTAIN):
        yield _INSULINOMA


def _coded_others(condition: Condition) -> list[str]:
    rows = condition.about.rows(HORMONE_LIST, "net-icdo3-morphology")
    named = [row.get("syndrome") for row in rows if row.get("role") != "nonspecific"]
    return [one for one in named if one not in _NO_OTHER_SYNDROME]


@fact
def _flushing(patient: Patient) -> Condition | None:
    """The Condition that is flushing."""
    return _symptom("flushing", patient)


@fact
def _diarrhoea(patient: Patient) -> Condition | None:
    """The Condition that is diarrhoea."""
    return _symptom("diarrhoea", patient)


def _symptom(symptom: str, patient: Patient) -> Condition | None:
    """An active Condition that is this symptom; resolved ones and look-alikes do not count."""
    found = patient.record.about(Condition, "symptoms", symptom)
    return next((one for one in found if one.is_in_force(patient.now) and _is_symptom(one, symptom)), None)


def _is_symptom(condition: Condition, symptom: str) -> bool:
    about = condition.about
    roles = {row.get("role") for row in about.rows("symptoms")}
    if "negative" in roles or about.has_row(HORMONE_LIST):
        return False
    return symptom in roles or (not roles and about.is_named(symptom))


def _level(patient: Patient) -> tuple[Function, str]:
    """The level by diagnoses and markers, and the words that say why."""
    level, why = _weighed(patient)
    return level, patient.phrases(f"function.{why}")


def _weighed(patient: Patient) -> tuple[Function, str]:
    """The level and the phrase that says why. The surest signs come first."""
    syndromes, has_tumour = _syndromes(patient), tumour(patient).is_present
    if any(_is_confirmed(one) for one in syndromes):
        return Function.CONFIRMED, "syndrome-on-record"
    if has_tumour and _has_symptom(patient) and _is_above_own_limit(current_hiaa(patient)):
        return Function.CONFIRMED, "hiaa-and-symptom"
    if syndromes:
        return Function.PROBABLE, "syndrome-not-confirmed"
    if not has_tumour:
        return Function.UNKNOWN, "no-tumour-and-no-syndrome"
    return _level_by_marker(current_hiaa(patient), patient)


def _is_above_own_limit(marker: Marker | None) -> bool:
    return marker is not None and marker.is_above_own_limit


def _level_by_marker(newest: Marker | None, patient: Patient) -> tuple[Function, str]:
    """By the newest 5-HIAA of a tumour without a syndrome on record, and by symptoms."""
    if newest is None and len(_symptoms(patient)) > 1:
        return Function.PROBABLE, "symptoms-not-measured"
    if newest is not None and newest.is_high:
        return _level_by_raised_hiaa(newest, patient)
    if _has_symptom(patient) or _has_weak_sign(patient):
        return Function.POSSIBLE, "weak-sign"
    return (
        (Function.UNKNOWN, "nothing-measured") if newest is None else (Function.NO_EVIDENCE, "hiaa-in-range")
    )


def _level_by_raised_hiaa(newest: Marker, patient: Patient) -> tuple[Function, str]:
    if _has_symptom(patient):
        return Function.PROBABLE, "assumed-limit-and-symptom"
    if newest.interference:
        return Function.POSSIBLE, "hiaa-with-interference"
    return Function.PROBABLE, "hiaa-raised"


def _symptoms(patient: Patient) -> tuple[Condition, ...]:
    """Flushing and diarrhoea; beside another functioning tumour they are no sign of carcinoid syndrome."""
    found = [one for one in (_flushing(patient), _diarrhoea(patient)) if one]
    return () if _others(patient) else tuple(found)


def _has_symptom(patient: Patient) -> bool:
    return bool(_symptoms(patient))


def _has_weak_sign(patient: Patient) -> bool:
    """A raised 5-HIAA of any age, or a raised chromogranin A that is not too old."""
    markers = [one for one in chromogranin_a_results(patient) if is_current(one, patient)]
    return any(one.is_high for one in (*hiaa_results(patient), *markers))
