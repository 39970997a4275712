"""What has to be said where CT or MRI is proposed, and what is proposed instead? (N-13)

A caution never takes the card away: what is missing is missing still.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.facts.orders import is_ordered
from service.facts.patient import Patient, fact
from service.facts.precautions import newest_egfr, precautions
from service.facts.words import describe, evidence, on_day, stated
from service.fhir.evidence import Evidence
from service.fhir.r4 import AllergyIntolerance, Condition

_LIST = "imaging-caution"


@dataclass(frozen=True, slots=True)
class Cautions:
    """The cautions in words, empty without one; ``offered`` are the ids of the suggestions that remain."""

    said: str = ""
    evidence: tuple[Evidence, ...] = ()
    offered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Reaction:
    evidence: Evidence
    is_to_gadolinium: bool = False
    is_severe: bool = False


_Caution = tuple[str, tuple[Evidence, ...]]


@fact
def imaging_cautions(patient: Patient) -> Cautions:
    """Pregnancy, kidney function and reactions to contrast, each where it concerns this patient."""
    found = [*_of_pregnancy(patient), *_of_kidneys(patient), *_of_reactions(patient)]
    return Cautions(
        said=" ".join([said for said, _shown in found]),
        evidence=tuple([one for _said, shown in found for one in shown]),
        offered=_offered(patient, has_caution=any(shown for _said, shown in found)),
    )


def _offered(patient: Patient, *, has_caution: bool) -> frozenset[str]:
    """Of several cautions the one that leaves least."""
    if precautions(patient).current_pregnancy:
        ultrasound = [] if is_ordered(patient, "abdominal-ultrasound") else ["ultrasound"]
        return frozenset(["mri-without-contrast", *ultrasound])
    if not has_caution:
        return frozenset({"ct", "mri-liver"})
    reactions = _reactions(patient)
    to_gadolinium = any(one.is_to_gadolinium for one in reactions)
    sections = [] if any(one.is_severe for one in reactions) else ["ct-after-advice"]
    return frozenset(["mri-without-contrast" if to_gadolinium else "mri-liver", *sections])


def _of_pregnancy(patient: Patient) -> Iterator[_Caution]:
    if pregnancy := precautions(patient).current_pregnancy:
        yield patient.phrases("caution.pregnancy"), (pregnancy,)


def _of_kidneys(patient: Patient) -> Iterator[_Caution]:
    """Dialysis, else an acute failure, else the newest filtration rate; a rate that is too old says so."""
    phrases, limits = patient.phrases, patient.defaults
    if dialysis := _condition(patient, "dialysis"):
        yield phrases("caution.dialysis"), (stated(dialysis, patient),)
        return
    if acute := _condition(patient, "acute-kidney-failure", days=limits.acute_kidney_failure_days):
        failure = describe(acute, patient)
        yield phrases("caution.acute-kidney-failure", failure=failure), (stated(acute, patient),)
        return
    yield from _of_filtration(patient)


def _of_filtration(patient: Patient) -> Iterator[_Caution]:
    phrases, limits, newest = patient.phrases, patient.defaults, newest_egfr(patient)
    if newest is None:
        if not patient.record.is_known("observations"):
            yield phrases("caution.kidneys-unread"), ()
        return
    moment, value = newest.observation.happened(), newest.value
    if value >= limits.egfr_caution_below:
        return
    is_old = moment is not None and moment.days_before(patient.now) > limits.egfr_caution_days
    key, days = "caution.old-egfr" if is_old else "caution.egfr", f"{limits.egfr_caution_days:g}"
    egfr = phrases(key, value=f"{value:g}", when=on_day(moment, patient), days=days)
    low, high = f"{limits.egfr_prophylaxis_below:g}", f"{limits.egfr_caution_below:g}"
    advice = "caution.prophylaxis" if value < limits.egfr_prophylaxis_below else "caution.considered"
    yield phrases(advice, egfr=egfr, low=low, high=high), (evidence(newest.observation, egfr),)


def _condition(patient: Patient, role: str, *, days: float | None = None) -> Condition | None:
    """The first one in force with this role, where it began within so many days."""
    for one in patient.record.about(Condition, _LIST):
        since = one.since
        is_recent = days is None or (since is not None and since.days_before(patient.now) <= days)
        if one.about.has_row(_LIST, roles=(role,)) and is_recent and one.is_in_force(patient.now):
            return one
    return None


def _of_reactions(patient: Patient) -> Iterator[_Caution]:
    reactions = [one.evidence for one in _reactions(patient)]
    if reactions:
        named = "; ".join([one.says for one in reactions])
        yield patient.phrases("caution.reaction", reaction=named), tuple(reactions)
    elif not patient.record.is_known("allergies"):
        yield patient.phrases("caution.allergies-unread"), ()


@fact
def _reactions(patient: Patient) -> tuple[_Reaction, ...]:
    """Allergies in force, and diagnoses that say so; one to iodine alone or to shellfish is none."""
    named = [one for one in patient.record.of(AllergyIntolerance) if one.is_held and _is_to_contrast(one)]
    diagnoses = patient.record.about(Condition, _LIST, _WORDS)
    told = [one for one in diagnoses if _tells_of_reaction(one) and one.is_in_force(patient.now)]
    return (*[_reaction(one, patient) for one in named], *[_diagnosed(one, patient) for one in told])


_WORDS = "contrast-reaction"


def _tells_of_reaction(condition: Condition) -> bool:
    """By its code, or by words that say so; an allergy that is told as past is one still."""
    about = condition.about
    return about.has_row(_LIST, roles=("contrast-reaction", "gadolinium")) or about.is_named(_WORDS)


def _diagnosed(condition: Condition, patient: Patient) -> _Reaction:
    about = condition.about
    is_to_gadolinium = about.has_row(_LIST, roles=("gadolinium",)) or about.is_named("gadolinium")
    return _Reaction(stated(condition, patient), is_to_gadolinium, about.says("anaphylaxis"))


def _is_to_contrast(allergy: AllergyIntolerance) -> bool:
    return bool(allergy.about.rows(_LIST)) or allergy.about.is_named("contrast-medium", "gadolinium")


def _reaction(allergy: AllergyIntolerance, patient: Patient) -> _Reaction:
    name = ", ".join(filter(None, (allergy.shown_name, allergy.manifestations)))
    shown = patient.phrases("caution.named", name=name, when=on_day(allergy.recorded, patient))
    about = allergy.about
    return _Reaction(
        evidence(allergy, shown),
        is_to_gadolinium=about.has_row(_LIST, roles=("gadolinium",)) or about.is_named("gadolinium"),
        is_severe=allergy.is_severe or about.says("anaphylaxis"),
    )
